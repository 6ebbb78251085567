"""Each conformance check catches a layer, family or task that is wrong in its way."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import keras
import numpy as np
import pytest
from keras import ops

from keraseq import layers
from keraseq.config import Int
from keraseq.layers.streaming import CrossStreaming, Streaming
from keraseq.models import Family
from keraseq.models.attend import Attend
from keraseq.ops import masks, shift
from keraseq.registry import layers as layer_registry
from keraseq.registry import models
from keraseq.registry import tasks as task_registry
from keraseq.tasks import load_task
from keraseq.testing import LAYER_CHECKS, MODEL_CHECKS, TASK_CHECKS, check_layer, check_model
from keraseq.testing.layers.case import LayerCase
from keraseq.testing.models.case import FamilyCase
from keraseq.testing.suite import guarded
from keraseq.testing.tasks.case import TaskCase


class Plain(Streaming):
    """A causal layer without faults: y_t = a x_t + b x_(t-1) + c, where x is zero at padding."""

    def __init__(self, scale: float = 2.0, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def build(self, input_shape):
        self.now, self.before, self.bias = (
            self.add_weight(name=name, shape=(input_shape[-1],), initializer="ones")
            for name in ("now", "before", "bias")
        )

    def initial_state(self, batch_size, max_length=None):
        self.check_streams()
        return ops.zeros((batch_size, 1, self.now.shape[0]), dtype=self.compute_dtype)

    def run(self, x, state, mask, training):
        x = masks.zero_padding(x, mask)
        seen = shift.pad_time(x, 1) if state is None else ops.concatenate([state, x], axis=1)
        y = self.transform(seen[:, 1:] * self.now + seen[:, :-1] * self.before + self.bias, mask, training)
        return y, shift.latest(seen, 1)

    def transform(self, y, mask, training):
        return y * self.scale

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


class WrongShape(Plain):
    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + 1)


class WrongType(Plain):
    def transform(self, y, mask, training):
        return ops.cast(y, "float16")


class LosesArgument(Plain):
    def get_config(self):
        return keras.Layer.get_config(self)


class LosesValue(Plain):
    def get_config(self):
        return {**super().get_config(), "scale": 1.0}


class LosesName(Plain):
    """Tells another initializer than it was given."""

    def __init__(self, start="he_normal", **kwargs):
        super().__init__(**kwargs)
        self.start = start

    def get_config(self):
        return {**super().get_config(), "start": keras.initializers.serialize(keras.initializers.GlorotUniform())}


class UnsavedWeights(Plain):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.constant = np.random.default_rng().normal()

    def transform(self, y, mask, training):
        return y * self.constant


class IgnoresMask(Plain):
    """Padding in the middle is a step as others are."""

    def run(self, x, state, mask, training):
        return super().run(x, state, None, training)


class TakesRightPaddingForGranted(Plain):
    """Reads the mask, but only as the number of valid steps."""

    def run(self, x, state, mask, training):
        if mask is not None:
            length = ops.sum(ops.cast(mask, "int32"), axis=1, keepdims=True)
            mask = ops.arange(ops.shape(x)[1])[None] < length
        return super().run(x, state, mask, training)


class DropsMask(Plain):
    def compute_mask(self, inputs, previous_mask=None):
        return None


class TurnsMask(Plain):
    def compute_mask(self, inputs, previous_mask=None):
        return None if previous_mask is None else ops.logical_not(previous_mask)


class EmptyRowIsNaN(Plain):
    """A mean over valid steps, of which there may be none."""

    def transform(self, y, mask, training):
        if mask is None:
            return ops.mean(y, axis=1)
        weights = ops.cast(mask, y.dtype)[..., None]
        return ops.sum(ops.where(weights > 0, y, 0.0), axis=1) / ops.sum(weights, axis=1)

    def compute_mask(self, inputs, previous_mask=None):
        return None

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1])


class DividesByTime(EmptyRowIsNaN):
    """A mean over all steps, padding among them."""

    def transform(self, y, mask, training):
        return ops.mean(masks.zero_padding(y, mask), axis=1)


class TiesWithPadding(EmptyRowIsNaN):
    """A maximum whose gradient is shared with padding."""

    def transform(self, y, mask, training):
        y = y - 3.0
        if mask is None:
            return ops.max(y, axis=1)
        lowest = ops.stop_gradient(ops.min(masks.zero_padding(y, mask), axis=1, keepdims=True))
        return ops.max(ops.where(mask[..., None], y, lowest), axis=1)


class NeedsTwoSteps(Plain):
    def transform(self, y, mask, training):
        return y / ops.cast(ops.shape(y)[1] - 1, y.dtype)


class LeaksBatchStatistics(Plain):
    def transform(self, y, mask, training):
        return y - ops.mean(y, axis=0, keepdims=True)


class LeaksBatchStatisticsInTraining(Plain):
    def transform(self, y, mask, training):
        return y - ops.mean(y, axis=0, keepdims=True) if training else y


class NaNGradientAtZero(Plain):
    def run(self, x, state, mask, training):
        y, after = super().run(x, state, mask, training)
        return y + ops.sqrt(ops.sum(x * x, axis=-1, keepdims=True)), after


class UnusedWeight(Plain):
    def build(self, input_shape):
        super().build(input_shape)
        self.unused = self.add_weight(name="unused", shape=(3,))


class ForgetsInputs(Plain):
    """Weights have gradients, inputs have none."""

    def run(self, x, state, mask, training):
        return super().run(ops.stop_gradient(x), state, mask, training)


class KeepsState(Plain):
    def build(self, input_shape):
        super().build(input_shape)
        self.calls = self.add_weight(name="calls", shape=(), initializer="zeros", trainable=False)

    def transform(self, y, mask, training):
        self.calls.assign_add(1.0)
        return y * self.calls


class LooksAhead(Plain):
    """Each step sees the next one."""

    def run(self, x, state, mask, training):
        return super().run(ops.concatenate([x[:, 1:], x[:, -1:]], axis=1), state, mask, training)


class CountsLaterSteps(Plain):
    """Only the mask gives later steps away."""

    def transform(self, y, mask, training):
        return y if mask is None else y / (1 + ops.sum(ops.cast(mask, y.dtype), axis=1)[:, None, None])


class CausalButSaysNot(Plain):
    causal = False


class StepsThoughItLooksAhead(LooksAhead):
    causal = False

    def check_streams(self):
        return


class OtherwiseCompiled(Plain):
    def transform(self, y, mask, training):
        return y * self.scale if _eager(y) else y


class FullPrecisionOnly(Plain):
    def transform(self, y, mask, training):
        return ops.cast(y, "float32") * self.scale


class OverflowsInHalf(Plain):
    def transform(self, y, mask, training):
        return y * 3e5 / 1e5


class RoundsInHalf(Plain):
    """A large number comes and goes: in half precision little is left of the small one."""

    def transform(self, y, mask, training):
        return (y + 100.0) - 100.0


class CountsInHalf(Plain):
    """A position in half precision, which cannot count beyond 256."""

    def run(self, x, state, mask, training):
        y, after = super().run(x, state, mask, training)
        return y + ops.sin(ops.cumsum(ops.ones_like(y), axis=1)), after


class StateInFull(Plain):
    """Its state is float32 after a step, whatever it computes in, but not before the first."""

    def run(self, x, state, mask, training):
        y, after = super().run(x, state, mask, training)
        return y, ops.cast(after, "float32")


class SumsInHalf(Plain):
    """The sum of all steps: in float32 within a call, but between steps in the type that it computes in."""

    def initial_state(self, batch_size, max_length=None):
        self.check_streams()
        return ops.zeros((batch_size, 1, self.now.shape[0]), dtype=self.compute_dtype)

    def run(self, x, state, mask, training):
        x = masks.zero_padding(0.01 * x * self.now + self.bias * self.before, mask)
        sums = ops.cumsum(ops.cast(x, "float32"), axis=1)
        sums = sums if state is None else sums + ops.cast(state, "float32")
        return ops.cast(sums / 100.0, self.compute_dtype), ops.cast(sums[:, -1:], self.compute_dtype)


class NoSteps(keras.Layer):
    """Causal, and cannot run step by step."""

    causal = True

    def call(self, x, mask=None, training=False):
        return 2 * x


class DropsState(Plain):
    """A piece begins as if nothing had come before."""

    def run(self, x, state, mask, training):
        return super().run(x, None if state is None else ops.zeros_like(state), mask, training)


class OffByOne(Plain):
    """Remembers the step before the last."""

    def run(self, x, state, mask, training):
        y, after = super().run(x, state, mask, training)
        return y, after if state is None else ops.concatenate([state, x], axis=1)[:, -2:-1]


class RemembersPadding(Plain):
    """What padding holds goes into the state."""

    def run(self, x, state, mask, training):
        y, after = super().run(x, state, mask, training)
        return y, after if state is None else x[:, -1:]


class GrowsState(Plain):
    """Keeps every step, `max_length` or not."""

    def run(self, x, state, mask, training):
        if state is None:
            return super().run(x, state, mask, training)
        y, _ = super().run(x, state[:, -1:], mask, training)
        return y, ops.concatenate([state, masks.zero_padding(x, mask)], axis=1)


class Cross(CrossStreaming):
    """A layer of two inputs without faults: each step is added to the mean of the context."""

    def build(self, x_shape, context_shape):
        self.kernel = self.add_weight(name="kernel", shape=(context_shape[-1], x_shape[-1]))

    def remember(self, context, context_mask):
        return ops.matmul(masks.mean(context, context_mask), ops.cast(self.kernel, self.compute_dtype))

    def read(self, x, memory, state, mask, training):
        return x + memory[:, None], ()

    def compute_output_shape(self, x_shape, context_shape):
        return tuple(x_shape)


class IgnoresContextMask(Cross):
    def remember(self, context, context_mask):
        return super().remember(context, None)


class EmptyContextIsNaN(Cross):
    def remember(self, context, context_mask):
        if context_mask is None:
            return super().remember(context, None)
        weights = ops.cast(context_mask, context.dtype)[..., None]
        return ops.matmul(ops.sum(context * weights, axis=1) / ops.sum(weights, axis=1), self.kernel)


class IgnoresContext(Cross):
    def read(self, x, memory, state, mask, training):
        return x + 0 * memory[:, None], ()


class ContextOfOneLength(Cross):
    def remember(self, context, context_mask):
        return super().remember(ops.reshape(context, (-1, 5, context.shape[-1])), context_mask)


LAYER_MUTANTS = {
    WrongShape: "check_shapes",
    WrongType: "check_shapes",
    LosesArgument: "check_config",
    LosesValue: "check_config",
    LosesName: "check_config",
    UnsavedWeights: "check_saving",
    KeepsState: "check_deterministic",
    LeaksBatchStatistics: "check_rows_independent",
    LeaksBatchStatisticsInTraining: "check_rows_independent",
    NeedsTwoSteps: "check_lengths",
    NaNGradientAtZero: "check_gradients",
    UnusedWeight: "check_gradients",
    ForgetsInputs: "check_gradients",
    OtherwiseCompiled: "check_compiled",
    FullPrecisionOnly: "check_mixed_precision",
    OverflowsInHalf: "check_mixed_precision",
    RoundsInHalf: "check_mixed_precision",
    CountsInHalf: "check_mixed_precision",
    StateInFull: "check_mixed_precision",
    SumsInHalf: "check_mixed_precision",
    IgnoresMask: "check_padding",
    TakesRightPaddingForGranted: "check_padding",
    DividesByTime: "check_padding_length",
    TiesWithPadding: "check_padding_length",
    EmptyRowIsNaN: "check_all_padding",
    DropsMask: "check_mask_passed",
    TurnsMask: "check_mask_passed",
    IgnoresContext: "check_context",
    ContextOfOneLength: "check_context",
    IgnoresContextMask: "check_context_padding",
    EmptyContextIsNaN: "check_context_padding",
    LooksAhead: "check_causality",
    CountsLaterSteps: "check_causality",
    CausalButSaysNot: "check_causality",
    StepsThoughItLooksAhead: "check_causality",
    NoSteps: "check_stepping",
    DropsState: "check_stepping",
    OffByOne: "check_stepping",
    RemembersPadding: "check_stepping",
    GrowsState: "check_compiled_steps",
}
OVERFLOWS = "ignore:(overflow|invalid value|divide by zero) encountered:RuntimeWarning"


@pytest.fixture(autouse=True)
def known_to_keras():
    with keras.saving.custom_object_scope({cls.__name__: cls for cls in (Plain, Cross, *LAYER_MUTANTS)}):
        yield


@pytest.mark.filterwarnings(OVERFLOWS)
@pytest.mark.parametrize("create", [lambda: Plain(3.0), Cross], ids=["plain", "cross"])
def test_sound_layers_pass(create) -> None:
    report = check_layer(create)
    assert report.stepping is not None
    assert report.stepping <= 1e-5
    assert report.ran == len(report.of("passed")) >= 15


@pytest.mark.filterwarnings(OVERFLOWS)
@pytest.mark.parametrize("mutant", LAYER_MUTANTS, ids=lambda cls: cls.__name__)
def test_layer_mutants_are_caught(mutant) -> None:
    check = {check.__name__: check for check in LAYER_CHECKS}[LAYER_MUTANTS[mutant]]
    with pytest.raises(AssertionError, match=r"\w"):
        guarded(check, LayerCase(mutant))


WRONG_TAGS = {
    "unknown": ("convolutional", "casual"),
    "not of a kind": ("causal",),
    "not causal": ("convolutional",),
    "gives no vectors": ("convolutional", "causal", "pooling"),
    "has one input": ("convolutional", "causal", "two_inputs"),
}


@pytest.mark.parametrize("tags", WRONG_TAGS.values(), ids=list(WRONG_TAGS))
def test_wrong_tags_of_layers_are_caught(tags, own_layer) -> None:
    with pytest.raises(AssertionError, match="tag"):
        LAYER_CHECKS[0](own_layer(Plain, tags=tags))


def test_true_tags_of_layers_pass(own_layer) -> None:
    LAYER_CHECKS[0](own_layer(Plain, tags={"convolutional", "causal"}))


def test_every_layer_check_has_a_mutant() -> None:
    assert {check.__name__ for check in LAYER_CHECKS} == {*LAYER_MUTANTS.values(), "check_registration"}


@dataclass(frozen=True)
class Sound(Family):
    """A family without faults: one projection of each step."""

    units: Annotated[int, Int(8, 64), "features of each step"] = 16
    width: ClassVar[str] = "units"

    def backbone(self, x, attend=None):
        x = keras.layers.Dense(self.units, activation="relu", name="projection")(x)
        return attend(x) if attend else x


@dataclass(frozen=True)
class NoMeaning(Sound):
    extra: int = 1


@dataclass(frozen=True)
class RangeCannotBeBuilt(Sound):
    units: Annotated[int, Int(0, 64), "features of each step"] = 16


@dataclass(frozen=True)
class WidthWithoutEffect(Sound):
    @property
    def channels(self):
        return 16

    def backbone(self, x, attend=None):
        return keras.layers.Dense(16, name="projection")(x)


@dataclass(frozen=True)
class OwnSeed(Sound):
    def backbone(self, x, attend=None):
        fixed = keras.initializers.GlorotUniform(seed=int(np.random.default_rng().integers(1 << 30)))
        return keras.layers.Dense(self.units, kernel_initializer=fixed, name="projection")(x)


@dataclass(frozen=True)
class NotFinite(Sound):
    def pool(self, x):
        return layers.Pooling("mean")(x) / 0


@dataclass(frozen=True)
class OneStep(Sound):
    """Gives one vector where steps are asked for."""

    def backbone(self, x, attend=None):
        return super().backbone(x, attend)[:, -1:]


@dataclass(frozen=True)
class PoolsPadding(Sound):
    def pool(self, x):
        return keras.ops.mean(x, axis=1)


@dataclass(frozen=True)
class SecretlyAhead(Sound):
    def backbone(self, x, attend=None):
        return layers.Conv1D(self.units, 3, causal=False, name="convolution")(x)


@dataclass(frozen=True)
class SaysItLooksAhead(Sound):
    def is_causal(self):
        return False


@dataclass(frozen=True)
class DirectedInName(Sound):
    """Asked for a causal family, it gives one that says so and is not."""

    ahead: Annotated[bool, "whether it looks ahead"] = True

    def is_causal(self):
        return not self.ahead

    def directed(self, causal):
        return type(self)(ahead=not causal)

    def backbone(self, x, attend=None):
        return layers.Conv1D(self.units, 3, causal=False, name="convolution")(x)


@dataclass(frozen=True)
class StateUnknown(Sound):
    """Its shift in time is no layer that can carry a state."""

    def backbone(self, x, attend=None):
        x = super().backbone(x, attend)
        return keras.ops.cumsum(x, axis=1)


@dataclass(frozen=True)
class NeverAttends(Sound):
    def backbone(self, x, attend=None):
        return super().backbone(x)


@dataclass(frozen=True)
class AttendsToPadding(Sound):
    """Its decoder reads from the context without its mask."""

    def backbone(self, x, attend=None):
        x = super().backbone(x)
        return Attend(1.0 * attend.context)(x) if attend else x


@dataclass(frozen=True)
class SeesInnerPadding(Sound):
    """Only padding at the end is left out."""

    def pool(self, x):
        length = keras.ops.sum(keras.ops.cast(x._keras_mask, "int32"), axis=1, keepdims=True)
        kept = keras.ops.arange(keras.ops.shape(x)[1])[None] < length
        return layers.Pooling("mean")(layers.AttachMask()([x, kept]))


@dataclass(frozen=True)
class DoesNotLearn(Sound):
    def pool(self, x):
        return 0 * layers.Pooling("mean")(x)


@dataclass(frozen=True)
class UnsavedBackbone(Sound):
    def backbone(self, x, attend=None):
        return UnsavedWeights()(super().backbone(x))


MODEL_MUTANTS = {
    NoMeaning: "check_fields",
    NotFinite: "check_outputs",
    OneStep: "check_outputs",
    RangeCannotBeBuilt: "check_ranges",
    WidthWithoutEffect: "check_width",
    OwnSeed: "check_seeds",
    PoolsPadding: "check_padding",
    SeesInnerPadding: "check_padding",
    SecretlyAhead: "check_causality",
    SaysItLooksAhead: "check_causality",
    DirectedInName: "check_directed",
    StateUnknown: "check_stepping",
    NeverAttends: "check_decoder",
    AttendsToPadding: "check_decoder",
    UnsavedBackbone: "check_saving",
    DoesNotLearn: "check_learns",
}


@pytest.fixture
def own_layer(monkeypatch):
    """Registers layers for one test."""
    layer_registry.names(tags={"causal"})
    monkeypatch.setattr(layer_registry, "_entries", dict(layer_registry._entries))

    def register(cls, **told):
        layer_registry.register("mutant", **told)(cls)
        return LayerCase.registered(layer_registry.entry("mutant"), {})

    return register


@pytest.fixture
def own_family(monkeypatch):
    """Registers families for one test."""
    models.names(tags={"causal"})  # which imports those that are installed: they register once
    monkeypatch.setattr(models, "_entries", dict(models._entries))

    def register(cls, tags=("causal",)):
        models.register("mutant", tags=tags)(cls)
        return FamilyCase.registered(models.entry("mutant"), {})

    return register


def test_sound_family_passes(own_family) -> None:
    own_family(Sound)
    report = check_model("mutant")
    assert report.ran == len(report.of("passed")) == len(MODEL_CHECKS)


@pytest.mark.filterwarnings(OVERFLOWS)
@pytest.mark.parametrize("mutant", MODEL_MUTANTS, ids=lambda cls: cls.__name__)
def test_model_mutants_are_caught(mutant, own_family) -> None:
    check = {check.__name__: check for check in MODEL_CHECKS}[MODEL_MUTANTS[mutant]]
    case = own_family(mutant)
    with pytest.raises(AssertionError, match=r"\w"):
        guarded(check, case)


def test_wrong_tags_of_families_are_caught(own_family) -> None:
    with pytest.raises(AssertionError, match="no tag named 'casual'; did you mean 'causal'"):
        MODEL_CHECKS[0](own_family(Sound, tags={"casual"}))


def test_every_model_check_has_a_mutant() -> None:
    assert {check.__name__ for check in MODEL_CHECKS} == {*MODEL_MUTANTS.values(), "check_registration"}


class Wrong:
    """A task in which something is not as in the sound one."""

    def __init__(self, task, **other):
        self.task = task
        self.other = other

    def __getattr__(self, name):
        return self.other.get(name, getattr(self.task, name))

    def dataset(self, split, **order):
        change = self.other.get("change", lambda x, y: (x, y))
        split = self.other.get("instead", {}).get(split, split)
        return self.task.dataset(split, **{**order, **self.other.get("order", {})}).map(change)


TASK_MUTANTS = {
    "values of float64": ("check_inputs", {"change": lambda x, y: (ops.cast(x, "float64"), y)}),
    "values that are not finite": ("check_inputs", {"change": lambda x, y: (x / 0, y)}),
    "shorter than it says": ("check_inputs", {"change": lambda x, y: (x[:, 1:], y)}),
    "targets without an axis": ("check_targets", {"change": lambda x, y: (x, y[:, 0])}),
    "targets of whole numbers": ("check_targets", {"change": lambda x, y: (x, ops.cast(y, "int32"))}),
    "validation out of train": ("check_splits", {"instead": {"validation": "train"}}),
    "test out of validation": ("check_splits", {"instead": {"test": "validation"}}),
    "a reference that errs": ("check_reference", {"reference": lambda x: x[..., 0].sum(axis=1, keepdims=True)}),
    "chance of another task": ("check_chance", {"chance": 0.5}),
    "one order for ever": ("check_order", {"order": {"shuffle": False}}),
    "an order that ignores the seed": ("check_order", {"order": {"seed": 0}}),
    "test in any order": ("check_order", {"order": {"shuffle": True}}),
}


@pytest.mark.parametrize("name", TASK_MUTANTS)
def test_task_mutants_are_caught(name, adding) -> None:
    wanted, other = TASK_MUTANTS[name]
    check = {check.__name__: check for check in TASK_CHECKS}[wanted]
    entry = task_registry.entry("adding")
    assert check(TaskCase(adding, entry)) is None
    with pytest.raises(AssertionError, match=r"\w"):
        guarded(check, TaskCase(Wrong(adding, **other), entry))


LABEL_MUTANTS = {
    "labels that hold twice": ("check_targets", {"change": lambda x, y: (x, 2 * y)}),
    "labels without an axis": ("check_targets", {"change": lambda x, y: (x, y[:, 0])}),
    "chance without the labels that do best": ("check_chance", {"chance": 0.0}),
}


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """A task that asks for several labels; most hold for a third of the rows."""
    path = tmp_path_factory.mktemp("labelled") / "rows.csv"
    rows = [f"{i} text,{'|'.join(name for k, name in enumerate('abc') if (i + k) % 3 == 0)}" for i in range(60)]
    path.write_text("\n".join(["text,label", *rows]))
    return load_task("table", path=str(path), asks_for="labels", batch_size=8)


@pytest.mark.parametrize("name", LABEL_MUTANTS)
def test_task_mutants_with_several_labels_are_caught(name, labelled) -> None:
    wanted, other = LABEL_MUTANTS[name]
    check = {check.__name__: check for check in TASK_CHECKS}[wanted]
    entry = task_registry.entry("table")
    assert check(TaskCase(labelled, entry)) is None
    with pytest.raises(AssertionError, match=r"targets|chance"):
        guarded(check, TaskCase(Wrong(labelled, **other), entry))


def test_wrong_tags_of_tasks_are_caught(adding, digits) -> None:
    TASK_CHECKS[0](TaskCase(adding, task_registry.entry("adding")))
    with pytest.raises(AssertionError, match="asks for regression, but is tagged"):
        TASK_CHECKS[0](TaskCase(adding, task_registry.entry("digits")))


def test_every_task_check_has_a_mutant() -> None:
    assert {check.__name__ for check in TASK_CHECKS} == {*(c for c, _ in TASK_MUTANTS.values()), "check_registration"}


def _eager(y):
    if keras.backend.backend() == "jax":
        import jax

        return not isinstance(y, jax.core.Tracer)
    import tensorflow as tf

    return tf.executing_eagerly()
