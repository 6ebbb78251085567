"""What every layer must do: one small function a check.

A check takes a `create` function, which makes a new layer each time, and raises AssertionError. Inputs are
`(batch, time, FEATURES)`; layers may give `(batch, time, …)` or `(batch, …)`.
"""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from keraseq.errors import UsageError
from keraseq.layers.masking import AttachMask
from keraseq.registry import layers

BATCH, TIME, FEATURES = 3, 6, 4

Create = Callable[[], keras.Layer]

MASKS = {
    "left": [[0, 0, 0, 1, 1, 1], [0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]],
    "inner": [[1, 0, 0, 1, 0, 1], [1, 1, 1, 0, 1, 1], [0, 1, 0, 1, 1, 0]],
    "right": [[1, 1, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1]],
}


def check_layer(layer: str | Create, **settings: Any) -> None:
    """Runs every check of `LAYER_CHECKS`.

    Args:
        layer: registered name, or a function without arguments that makes a new layer.
        settings: with a name, arguments of its constructor.

    Raises:
        AssertionError: the layer fails a check; the message names it.
    """
    create = (lambda: layers.get(layer)(**settings)) if isinstance(layer, str) else layer
    for check in LAYER_CHECKS:
        try:
            check(create)
        except AssertionError as error:
            raise AssertionError(f"{check.__name__}: {error}") from error


def check_shapes(create: Create) -> None:
    """Shapes with unknown batch and time agree with those computed, and with those of arrays."""
    layer = create()
    symbolic = layer(keras.Input((None, FEATURES)))
    for batch, time in ((BATCH, TIME), (2, 1), (1, 9)):
        shape = tuple(_call(layer, values(batch, time)).shape)
        computed = tuple(layer.compute_output_shape((batch, time, FEATURES)))
        assert shape == computed, f"gave {shape}, but compute_output_shape says {computed}"
        assert len(symbolic.shape) == len(shape), f"symbolic output is {symbolic.shape}, of arrays {shape}"
        for known, real in zip(symbolic.shape, shape, strict=True):
            assert known in (None, real), f"symbolic output is {symbolic.shape}, of arrays {shape}"


def check_config(create: Create) -> None:
    """Every constructor argument is in the configuration, and the configuration makes the same layer again."""
    layer = create()
    config = layer.get_config()
    parameters = inspect.signature(type(layer).__init__).parameters.values()
    wanted = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.name != "self"]
    missing = [name for name in wanted if name not in config]
    assert not missing, f"get_config lacks {', '.join(missing)}"
    for name in wanted:
        attribute = getattr(layer, name, config[name])
        plain = isinstance(attribute, int | float | str | None)
        assert not plain or config[name] == attribute, f"get_config says {name}={config[name]!r}; it is {attribute!r}"
    again = type(layer).from_config(config).get_config()
    assert again == config, f"configuration {config} came back as {again}"


def check_saving(create: Create) -> None:
    """A model with the layer gives the same after saving and loading, with its mask."""
    x, mask = values(), np.array(MASKS["right"], bool)
    model = _masked_model(create())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        model.save(path)
        loaded = keras.saving.load_model(path)
    _assert_same(_array(loaded([x, mask])), _array(model([x, mask])), "after saving and loading, outputs", 1e-6)


def check_padding(create: Create) -> None:
    """What stands in padding changes nothing at valid steps: left, inner and right padding, several kinds of junk."""
    layer = create()
    if _refuses_masks(layer):
        return
    for place, rows in MASKS.items():
        mask = np.array(rows, bool)
        x = values()
        reference = _array(_call(layer, x, mask))
        for junk in (0.0, -1.0, 1e3, 7 * values(seed=9)):
            other = _array(_call(layer, np.where(mask[..., None], x, junk).astype("float32"), mask))
            _assert_same(_valid(other, mask), _valid(reference, mask), f"junk in {place} padding: outputs", 1e-4)


def check_mask_passed(create: Create) -> None:
    """A layer that gives a sequence passes the mask on; one that gives a vector does not."""
    layer = create()
    if _refuses_masks(layer):
        return
    y = layer(AttachMask()([keras.Input((None, FEATURES)), keras.Input((None,), dtype="bool")]))
    passed = getattr(y, "_keras_mask", None) is not None
    assert passed == (len(y.shape) == 3), f"output {y.shape} {'has' if passed else 'lost'} its mask"


def check_all_padding(create: Create) -> None:
    """A row that is all padding gives finite outputs and gradients, and leaves the others alone."""
    layer = create()
    if _refuses_masks(layer):
        return
    mask = np.array(MASKS["right"], bool)
    x = values()
    before = _array(_call(layer, x, mask))
    mask[1] = False
    after = _array(_call(layer, x, mask))
    assert np.isfinite(after).all(), "a row that is all padding gave numbers that are not finite"
    _assert_same(after[[0, 2]], before[[0, 2]], "a row that is all padding: outputs of other rows", 1e-5)
    _assert_finite_gradients(layer, x, mask, "a row that is all padding")


def check_single_step(create: Create) -> None:
    """One step is a sequence."""
    layer = create()
    x = values(2, 1)
    assert np.isfinite(_array(_call(layer, x))).all(), "outputs of a single step are not finite"
    _assert_finite_gradients(layer, x, None, "a single step")


def check_rows_independent(create: Create) -> None:
    """No row of a batch depends on another, in training neither where that is deterministic."""
    layer = create()
    x = values()
    for training in (False, True):
        together = _array(_call(layer, x, training=training))
        if training and not np.array_equal(together, _array(_call(layer, x, training=True))):
            return
        alone = np.concatenate([_array(_call(layer, x[i : i + 1], training=training)) for i in range(BATCH)])
        _assert_same(alone, together, f"rows one by one (training={training}): outputs", 1e-4)


def check_gradients(create: Create) -> None:
    """Gradients are finite where inputs are zeros, ones, large, or ordinary."""
    layer = create()
    shape = (BATCH, TIME, FEATURES)
    inputs = {"zeros": np.zeros(shape), "ones": np.ones(shape), "1e3": np.full(shape, 1e3), "normal": values()}
    for name, x in inputs.items():
        _assert_finite_gradients(layer, x.astype("float32"), None, f"inputs {name}")


def check_deterministic(create: Create) -> None:
    """The same input gives the same output, whatever was seen in between."""
    layer = create()
    x = values()
    first = _array(_call(layer, x))
    _call(layer, values(seed=5))
    _assert_same(_array(_call(layer, x)), first, "called again: outputs", 0)


def check_causality(create: Create) -> None:
    """A layer that is causal, by its attribute or tag, never looks ahead; a sequence layer that is not, does."""
    layer = create()
    x = values()
    before = _array(_call(layer, x))
    if before.ndim != 3:
        return
    seen = []
    for t in range(1, TIME):
        changed = x.copy()
        changed[:, t:] += 1 + values(seed=t)[:, t:]
        seen.append(np.abs(_array(_call(layer, changed))[:, :t] - before[:, :t]).max())
    if _is_causal(layer):
        t = 1 + int(np.argmax(seen))
        assert max(seen) < 1e-5, f"tagged causal, but steps before {t} changed by {max(seen):.3g} with those from {t}"
    else:
        assert max(seen) > 1e-5, "not tagged causal, but no step depends on a later one; tag it"


def check_compiled(create: Create) -> None:
    """In a graph with unknown batch and time, and compiled by XLA, outputs and gradients are as eagerly."""
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    layer = create()
    x = values()
    mask = None if _refuses_masks(layer) else np.array(MASKS["inner"], bool)
    expected = _outputs_and_gradients(layer, x, mask)
    signature = [tf.TensorSpec((None, None, FEATURES), tf.float32)]
    if mask is not None:
        signature.append(tf.TensorSpec((None, None), tf.bool))

    def run(x: Any, mask: Any = None) -> list[Any]:
        return _outputs_and_gradients(layer, x, mask)

    for xla in (False, True):
        compiled = tf.function(run, input_signature=signature, jit_compile=xla)
        for got, want in zip(compiled(x) if mask is None else compiled(x, mask), expected, strict=True):
            _assert_same(_array(got), _array(want), f"compiled ({'XLA' if xla else 'graph'}): numbers", 1e-3)


def check_mixed_precision(create: Create) -> None:
    """With half precision outputs have its type, and outputs and gradients are finite and near those in full."""
    x = values()
    previous = keras.config.dtype_policy()
    for policy in ("mixed_bfloat16", "mixed_float16"):
        keras.config.set_dtype_policy(policy)
        try:
            layer = create()
        finally:
            keras.config.set_dtype_policy(previous)
        mask = None if _refuses_masks(layer) else np.array(MASKS["inner"], bool)
        y = _call(layer, x, mask)
        wanted = policy.removeprefix("mixed_")
        got = keras.backend.standardize_dtype(y.dtype)
        assert got == wanted, f"{policy}: output is {got}"
        assert np.isfinite(_array(y)).all(), f"{policy}: outputs are not finite"
        _assert_finite_gradients(layer, x, mask, policy)


LAYER_CHECKS: tuple[Callable[[Create], None], ...] = (
    check_shapes,
    check_config,
    check_saving,
    check_padding,
    check_mask_passed,
    check_all_padding,
    check_single_step,
    check_rows_independent,
    check_gradients,
    check_deterministic,
    check_causality,
    check_compiled,
    check_mixed_precision,
)


def values(batch: int = BATCH, time: int = TIME, seed: int = 0) -> np.ndarray:
    """Ordinary inputs, float32, `(batch, time, FEATURES)`."""
    return np.random.default_rng(seed).normal(size=(batch, time, FEATURES)).astype("float32")


def _call(layer: keras.Layer, x: Any, mask: Any = None, training: bool = False) -> Any:
    x = ops.convert_to_tensor(x)
    if mask is None:
        return layer(x, training=training)
    return layer(x, mask=ops.convert_to_tensor(mask), training=training)


def _array(x: Any) -> np.ndarray:
    return ops.convert_to_numpy(ops.cast(x, "float32"))


def _valid(y: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Outputs that mean something: valid steps of a sequence, or whole vectors."""
    return y[mask] if y.ndim == 3 else y


def _refuses_masks(layer: keras.Layer) -> bool:
    try:
        _call(layer, values(), np.array(MASKS["inner"], bool))
    except UsageError:
        return True
    return False


def _is_causal(layer: keras.Layer) -> bool:
    name = layers.name_of(type(layer))
    tagged = name is not None and "causal" in layers.entry(name).tags
    return getattr(layer, "causal", tagged)


def _masked_model(layer: keras.Layer) -> keras.Model:
    x, mask = keras.Input((None, FEATURES)), keras.Input((None,), dtype="bool")
    return keras.Model([x, mask], layer(AttachMask()([x, mask])))


def _outputs_and_gradients(layer: keras.Layer, x: Any, mask: Any) -> list[Any]:
    """Output at valid steps (else zero), and the gradients of a sum over them."""
    import tensorflow as tf

    x = tf.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.cast(_call(layer, x, mask), "float32")
        if mask is not None and len(y.shape) == 3:
            y = tf.where(tf.convert_to_tensor(mask)[..., None], y, 0.0)
        loss = tf.reduce_sum(tf.sin(y))
    weights = [weight.value for weight in layer.trainable_weights]
    return [y, *tape.gradient(loss, [x, *weights], unconnected_gradients="zero")]


def _assert_finite_gradients(layer: keras.Layer, x: np.ndarray, mask: Any, when: str) -> None:
    if keras.backend.backend() != "tensorflow":
        return
    numbers = _outputs_and_gradients(layer, x, mask)
    names = ["output", "gradient of x", *(f"gradient of {weight.name}" for weight in layer.trainable_weights)]
    for name, value in zip(names, numbers, strict=True):
        assert np.isfinite(_array(value)).all(), f"{when}: {name} is not finite"


def _assert_same(got: np.ndarray, want: np.ndarray, what: str, tolerance: float) -> None:
    assert got.shape == want.shape, f"{what} have shape {got.shape}; wanted {want.shape}"
    assert np.isfinite(got).all(), f"{what} are not finite"
    worst = float(np.max(np.abs(got - want) / (1 + np.abs(want)), initial=0))
    assert worst <= tolerance, f"{what} differ by {worst:.3g}; wanted at most {tolerance}"
