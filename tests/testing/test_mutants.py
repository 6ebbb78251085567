"""Each conformance check catches a layer, or family, that is wrong in its way."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import keras
import numpy as np
import pytest
from keras import ops

from keraseq import layers
from keraseq.config import Int
from keraseq.models import Family
from keraseq.registry import models
from keraseq.testing import LAYER_CHECKS, MODEL_CHECKS, check_layer, check_model


class Plain(keras.Layer):
    """A causal layer without faults: y = a x, at padding too."""

    causal = True

    def __init__(self, scale: float = 2.0, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale
        self.supports_masking = True

    def call(self, x, mask=None, training=False):
        return x * self.scale

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


class WrongShape(Plain):
    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + 1)


class LosesArgument(Plain):
    def get_config(self):
        return keras.Layer.get_config(self)


class LosesValue(Plain):
    def get_config(self):
        return {**super().get_config(), "scale": 1.0}


class UnsavedWeights(Plain):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.constant = np.random.default_rng().normal()

    def call(self, x, mask=None, training=False):
        return x * self.constant


class IgnoresMask(Plain):
    """A running mean that counts padding in the middle."""

    def call(self, x, mask=None, training=False):
        return ops.cumsum(x, axis=1)


class TakesRightPaddingForGranted(Plain):
    """Reads the mask, but only as the number of valid steps."""

    def call(self, x, mask=None, training=False):
        if mask is not None:
            length = ops.sum(ops.cast(mask, "int32"), axis=1, keepdims=True)
            x = ops.where((ops.arange(ops.shape(x)[1])[None] < length)[..., None], x, 0.0)
        return ops.cumsum(x, axis=1)


class DropsMask(Plain):
    def compute_mask(self, inputs, previous_mask=None):
        return None


class EmptyRowIsNaN(Plain):
    def call(self, x, mask=None, training=False):
        if mask is None:
            return ops.mean(x, axis=1)
        weights = ops.cast(mask, x.dtype)[..., None]
        return ops.sum(ops.where(weights > 0, x, 0.0), axis=1) / ops.sum(weights, axis=1)

    def compute_mask(self, inputs, previous_mask=None):
        return None

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1])


class NeedsTwoSteps(Plain):
    def call(self, x, mask=None, training=False):
        return x / ops.cast(ops.shape(x)[1] - 1, x.dtype)


class LeaksBatchStatistics(Plain):
    def call(self, x, mask=None, training=False):
        return x - ops.mean(x, axis=0, keepdims=True)


class LeaksBatchStatisticsInTraining(Plain):
    def call(self, x, mask=None, training=False):
        return x - ops.mean(x, axis=0, keepdims=True) if training else x


class NaNGradientAtZero(Plain):
    def call(self, x, mask=None, training=False):
        return ops.sqrt(ops.sum(x * x, axis=-1, keepdims=True)) * ops.ones_like(x)


class KeepsState(Plain):
    def build(self, input_shape):
        self.calls = self.add_weight(name="calls", shape=(), initializer="zeros", trainable=False)

    def call(self, x, mask=None, training=False):
        self.calls.assign_add(1.0)
        return x * self.calls


class LooksAhead(Plain):
    """Each step sees the next one."""

    def call(self, x, mask=None, training=False):
        return ops.concatenate([x[:, 1:], x[:, -1:]], axis=1)


class CausalButNotTagged(Plain):
    causal = False


class OtherwiseInGraphs(Plain):
    def call(self, x, mask=None, training=False):
        import tensorflow as tf

        return x * self.scale if tf.executing_eagerly() else x


class FullPrecisionOnly(Plain):
    def call(self, x, mask=None, training=False):
        return ops.cast(x, "float32") * self.scale


class OverflowsInHalf(Plain):
    def call(self, x, mask=None, training=False):
        return x * 3e5 / 1e5


LAYER_MUTANTS = {
    WrongShape: "check_shapes",
    LosesArgument: "check_config",
    LosesValue: "check_config",
    UnsavedWeights: "check_saving",
    IgnoresMask: "check_padding",
    TakesRightPaddingForGranted: "check_padding",
    DropsMask: "check_mask_passed",
    EmptyRowIsNaN: "check_all_padding",
    NeedsTwoSteps: "check_single_step",
    LeaksBatchStatistics: "check_rows_independent",
    LeaksBatchStatisticsInTraining: "check_rows_independent",
    NaNGradientAtZero: "check_gradients",
    KeepsState: "check_deterministic",
    LooksAhead: "check_causality",
    CausalButNotTagged: "check_causality",
    OtherwiseInGraphs: "check_compiled",
    FullPrecisionOnly: "check_mixed_precision",
    OverflowsInHalf: "check_mixed_precision",
}


@pytest.fixture(autouse=True)
def known_to_keras():
    with keras.saving.custom_object_scope({cls.__name__: cls for cls in (Plain, *LAYER_MUTANTS)}):
        yield


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_plain_layer_passes() -> None:
    check_layer(lambda: Plain(3.0))


@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning")
@pytest.mark.parametrize("mutant", LAYER_MUTANTS, ids=lambda cls: cls.__name__)
def test_layer_mutants_are_caught(mutant) -> None:
    check = {check.__name__: check for check in LAYER_CHECKS}[LAYER_MUTANTS[mutant]]
    with pytest.raises(AssertionError, match=r"\w"):
        check(mutant)


def test_every_layer_check_has_a_mutant() -> None:
    assert {check.__name__ for check in LAYER_CHECKS} == set(LAYER_MUTANTS.values())


def test_message_names_the_check() -> None:
    with pytest.raises(AssertionError, match="check_shapes: gave"):
        check_layer(WrongShape)


def test_by_name_with_settings() -> None:
    check_layer("sinusoidal_positions", base=50.0)


@dataclass(frozen=True)
class Sound(Family):
    """A family without faults: one projection of each step."""

    units: Annotated[int, Int(8, 64), "features of each step"] = 16
    width: ClassVar[str] = "units"

    def backbone(self, x):
        return keras.layers.Dense(self.units, activation="relu", name="projection")(x)


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

    def backbone(self, x):
        return keras.layers.Dense(16, name="projection")(x)


@dataclass(frozen=True)
class OwnSeed(Sound):
    def backbone(self, x):
        fixed = keras.initializers.GlorotUniform(seed=int(np.random.default_rng().integers(1 << 30)))
        return keras.layers.Dense(self.units, kernel_initializer=fixed, name="projection")(x)


@dataclass(frozen=True)
class WrongHead(Sound):
    def pool(self, x):
        return layers.Pooling("mean")(x) / 0


@dataclass(frozen=True)
class PoolsPadding(Sound):
    def pool(self, x):
        return keras.ops.mean(x, axis=1)


@dataclass(frozen=True)
class SecretlyAhead(Sound):
    def backbone(self, x):
        return layers.Conv1D(self.units, 3, causal=False, name="convolution")(x)


@dataclass(frozen=True)
class DoesNotLearn(Sound):
    def pool(self, x):
        return 0 * layers.Pooling("mean")(x)


@dataclass(frozen=True)
class UnsavedBackbone(Sound):
    def backbone(self, x):
        return UnsavedWeights()(super().backbone(x))


MODEL_MUTANTS = {
    NoMeaning: "check_fields",
    WrongHead: "check_every_task",
    RangeCannotBeBuilt: "check_ranges",
    WidthWithoutEffect: "check_width",
    OwnSeed: "check_seeds",
    PoolsPadding: "check_padding",
    SecretlyAhead: "check_causality",
    UnsavedBackbone: "check_saving",
    DoesNotLearn: "check_learns",
}


@pytest.fixture
def own_names(monkeypatch):
    """Registers families for one test."""
    monkeypatch.setattr(models, "_entries", dict(models._entries))

    def register(cls):
        models.register("mutant", tags={"causal"})(cls)
        return "mutant"

    return register


def test_sound_family_passes(own_names) -> None:
    check_model(own_names(Sound))


@pytest.mark.filterwarnings("ignore:(overflow|invalid value|divide by zero) encountered:RuntimeWarning")
@pytest.mark.parametrize("mutant", MODEL_MUTANTS, ids=lambda cls: cls.__name__)
def test_model_mutants_are_caught(mutant, own_names) -> None:
    check = {check.__name__: check for check in MODEL_CHECKS}[MODEL_MUTANTS[mutant]]
    with pytest.raises(AssertionError, match=r"\w"):
        check(own_names(mutant), {})


def test_every_model_check_has_a_mutant() -> None:
    assert {check.__name__ for check in MODEL_CHECKS} == set(MODEL_MUTANTS.values())
