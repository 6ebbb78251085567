"""Functions of tensors, compiled and differentiated by the backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras


def compiled(function: Callable[..., Any], layer: keras.Layer) -> Callable[..., Any]:
    """`function` as one graph: by `tf.function` on TensorFlow, by `jax.jit` on JAX.

    Args:
        function: of nested tensors; it may use the weights of `layer`, which are read anew at each call.
        layer: a layer or model.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function, reduce_retracing=True)
    import jax

    @jax.jit
    def pure(values: list[Any], *arguments: Any) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(layer.variables, values, strict=True))):
            return function(*arguments)

    return lambda *arguments: pure([variable.value for variable in layer.variables], *arguments)


def gradient(function: Callable[[Any], Any], x: Any) -> Any:
    """∂ function / ∂ x for a function of one tensor that gives one number."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        return tape.gradient(y, x, unconnected_gradients="zero")
    import jax

    return jax.grad(function)(x)
