"""From a sequence to one vector."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keraseq.config import check
from keraseq.ops import masks
from keraseq.registry import layers

Shape = tuple[int | None, ...]


@layers.register(
    "pooling", tags={"pooling"}, cases=({"kind": "mean"}, {"kind": "max"}, {"kind": "last"}, {"kind": "ends"})
)
@keras.saving.register_keras_serializable("keraseq")
class Pooling(keras.Layer):
    """One vector for a whole sequence.

    Args:
        kind: what is taken over the valid steps: their `"mean"`, their `"max"`imum, the `"last"` of them, or `"ends"`:
            the first half of the features at the last one and the second half at the first one, which are the two final
            states of a `Bidirectional` layer.

    Call shapes: `(batch, time, features)` → `(batch, features)`.

    Mask: only valid steps count. A row that is all padding gives zeros. Not passed on.

    Raises:
        UsageError: unknown kind.
    """

    def __init__(self, kind: str, **kwargs: Any):
        super().__init__(**kwargs)
        kinds = ("mean", "max", "last", "ends")
        check(kind in kinds, f"kind must be one of {', '.join(kinds)}; got {kind!r}")
        self.kind = kind

    def call(self, x: Any, mask: Any = None, training: bool = False) -> Any:
        if self.kind == "ends":
            half = x.shape[-1] // 2
            return ops.concatenate([masks.last(x[..., :half], mask), masks.first(x[..., half:], mask)], axis=-1)
        pool = {"mean": masks.mean, "max": masks.maximum, "last": masks.last}[self.kind]
        return pool(x, mask)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        return None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kind": self.kind}
