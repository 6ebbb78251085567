"""A decoder's own predictions among the true symbols that it is trained on."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keraseq.config import check
from keraseq.registry import layers

Shape = tuple[int | None, ...]


@layers.register("scheduled_sampling", reference="arXiv:1506.03099", cases=())
@keras.saving.register_keras_serializable("keraseq")
class ScheduledSampling(keras.Layer):
    """Replaces some of the symbols that a decoder is given in training by symbols drawn from its own predictions.

        ŷ_t ~ softmax(logits_t),   previous'_(t+1) = ŷ_t with probability p, else previous_(t+1)
        p = share · min(1, training steps / steps)

    so that the decoder learns to go on from its own mistakes. Nothing is replaced at inference.

    Args:
        share: probability p in the end, in [0, 1].
        steps: training steps over which p rises from zero, at least 1.
        seed: of what is drawn; None follows `keras.utils.set_random_seed`.

    Call shapes: `[previous, logits]`, int `(batch, time)` and `(batch, time, vocabulary)`, the predictions made from
    `previous` → int `(batch, time)`.

    Mask: symbol 0 is padding: it is neither replaced nor drawn. The first symbol stays.

    Raises:
        UsageError: share outside [0, 1], or steps below 1.

    Reference: Bengio et al. 2015, arXiv:1506.03099; Mihaylova and Martins 2019, arXiv:1906.07651.

    Differs from the first paper: symbols are drawn from predictions with the true history, as in the second, so that
    all steps are drawn at once; p rises linearly.
    """

    def __init__(self, share: float, steps: int, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        check(0 <= share <= 1, f"share must be in [0, 1]; got {share!r}")
        check(isinstance(steps, int) and steps >= 1, f"steps must be a whole number of at least 1; got {steps!r}")
        self.share = share
        self.steps = steps
        self.seed = seed
        self.supports_masking = True  # by the symbols themselves
        self.random = keras.random.SeedGenerator(seed)

    def build(self, input_shape: list[Shape]) -> None:
        self.seen = self.add_weight(name="seen", shape=(), dtype="int32", initializer="zeros", trainable=False)

    def call(self, inputs: list[Any], training: bool = False) -> Any:
        previous, logits = inputs
        if not training:
            return previous
        self.seen.assign_add(1)
        p = self.share * ops.minimum(1.0, ops.cast(self.seen, "float32") / self.steps)
        scores = ops.cast(ops.stop_gradient(logits), "float32")[..., 1:]
        gumbel = -ops.log(-ops.log(keras.random.uniform(ops.shape(scores), 1e-7, 1.0 - 1e-7, seed=self.random)))
        drawn = 1 + ops.cast(ops.argmax(scores + gumbel, axis=-1), previous.dtype)  # (batch, time)
        predicted = ops.concatenate([previous[:, :1], drawn[:, :-1]], axis=1)
        chosen = keras.random.uniform(ops.shape(previous), seed=self.random) < p
        return ops.where(ops.logical_and(chosen, previous != 0), predicted, previous)

    def compute_mask(self, inputs: list[Any], previous_mask: Any = None) -> None:
        return None

    def compute_output_spec(self, inputs: list[Any], training: bool = False) -> Any:
        return keras.KerasTensor(inputs[0].shape, dtype=inputs[0].dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "share": self.share, "steps": self.steps, "seed": self.seed}
