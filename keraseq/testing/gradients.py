"""Outputs and gradients of a layer, on TensorFlow and on JAX."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import keras
from keras import ops

Given = Mapping[str, Any]
"""What a layer is called with: `x`, and where there are any `mask`, `context` and `context_mask`."""

FLOATS = ("x", "context")


def call(layer: Callable[..., Any], given: Given, **arguments: Any) -> Any:
    """`layer(x, mask=…)`, or `layer(x, context, x_mask=…, context_mask=…)`."""
    given = {name: ops.convert_to_tensor(value) for name, value in given.items()}
    names = {"mask": "x_mask" if "context" in given else "mask", "context_mask": "context_mask"}
    masks = {names[key]: given[key] for key in names if key in given}
    return layer(*(given[name] for name in FLOATS if name in given), **masks, **arguments)


def output(layer: keras.Layer, given: Given, training: bool = False) -> Any:
    """What the layer gives: eagerly on TensorFlow, compiled on JAX, where each operation alone would be compiled."""
    if keras.backend.backend() == "jax":
        return _jitted_output(layer, training)(*_variables(layer), dict(given))
    return call(layer, given, training=training)


def outputs_and_gradients(layer: keras.Layer, given: Given) -> tuple[Any, dict[str, Any]]:
    """Output, zero at padding, and the gradients of a sum over it: of the inputs, and of the weights by their path.

    A weight or input that the output does not depend on has a gradient of zeros. On JAX all of it is compiled.
    """
    if keras.backend.backend() == "jax":
        floats = {name: ops.convert_to_tensor(given[name]) for name in FLOATS if name in given}
        masks = {name: value for name, value in given.items() if name not in FLOATS}
        y, gradients = _jitted_gradients(layer)(*_variables(layer), floats, masks)
    else:
        y, gradients = _tape(layer, given)
    names = [name for name in FLOATS if name in given] + [weight.path for weight in layer.trainable_weights]
    return y, dict(zip(names, gradients, strict=True))


def compiled(function: Callable[..., Any], xla: bool = True) -> Callable[..., Any]:
    """`function` of tensors, compiled by XLA, or on TensorFlow where `xla` is off as a graph."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    import tensorflow as tf

    traced = tf.function(function, jit_compile=xla)
    return lambda *arguments: traced.get_concrete_function(*arguments)(*arguments)


def fast(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` as it is on TensorFlow, compiled on JAX, where each operation alone would be compiled."""
    return compiled(function) if keras.backend.backend() == "jax" else function


def _tape(layer: keras.Layer, given: Given) -> tuple[Any, list[Any]]:
    import tensorflow as tf

    given = {name: tf.convert_to_tensor(value) for name, value in given.items()}
    floats = [given[name] for name in FLOATS if name in given]
    with tf.GradientTape() as tape:
        tape.watch(floats)
        y = _valid(call(layer, given), given)
        loss = _loss(y)
    weights = [weight.value for weight in layer.trainable_weights]
    return y, tape.gradient(loss, [*floats, *weights], unconnected_gradients="zero")


def _variables(layer: keras.Layer) -> tuple[list[Any], list[Any]]:
    return [v.value for v in layer.trainable_variables], [v.value for v in layer.non_trainable_variables]


def _stateless(layer: keras.Layer, weights: list[Any], fixed: list[Any], given: Given, **arguments: Any) -> Any:
    """A call with these values of the variables, which stay as they are: `stateless_call` would leave casting out."""
    variables = [*layer.trainable_variables, *layer.non_trainable_variables]
    with keras.StatelessScope(state_mapping=list(zip(variables, [*weights, *fixed], strict=True))):
        return call(layer, given, **arguments)


@functools.lru_cache(maxsize=8)
def _jitted_gradients(layer: keras.Layer) -> Callable[..., tuple[Any, list[Any]]]:
    import jax

    def loss(weights: Any, floats: Any, fixed: Any, masks: Any) -> tuple[Any, Any]:
        given = {**floats, **masks}
        y = _valid(_stateless(layer, weights, fixed, given), given)
        return _loss(y), y

    def run(weights: Any, fixed: Any, floats: Any, masks: Any) -> tuple[Any, list[Any]]:
        differentiate = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)
        (_, y), (of_weights, of_floats) = differentiate(weights, floats, fixed, masks)
        return y, [of_floats[name] for name in FLOATS if name in of_floats] + list(of_weights)

    return jax.jit(run)


@functools.lru_cache(maxsize=8)
def _jitted_output(layer: keras.Layer, training: bool) -> Callable[..., Any]:
    import jax

    def run(weights: Any, fixed: Any, given: Any) -> Any:
        return _stateless(layer, weights, fixed, given, training=training)

    return jax.jit(run)


def _valid(y: Any, given: Given) -> Any:
    """The output; zero at the padding of a sequence."""
    if "mask" not in given or len(y.shape) != 3:
        return y
    return ops.where(ops.expand_dims(ops.convert_to_tensor(given["mask"]), -1), y, ops.zeros_like(y))


def _loss(y: Any) -> Any:
    return ops.sum(ops.sin(ops.cast(y, "float32")))
