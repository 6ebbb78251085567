"""The linear baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from keraseq.config import Int
from keraseq.models.family import Family
from keraseq.registry import models

if TYPE_CHECKING:
    import keras

    from keraseq.models.attend import Attend


@models.register("linear", tags={"baseline", "causal"}, reference="arXiv:1607.01759")
@dataclass(frozen=True)
class Linear(Family):
    """Linear baseline: the mean of embedded tokens, or of projected features, and one dense layer on it.

        y = V (1/T Σ_t W x_t) + b

    It knows what occurs and not in which order: what a sequence model gains over it, it gains from order.

    Reference: Joulin et al. 2016, arXiv:1607.01759.

    Differs from the paper: single tokens only, no n-grams; softmax over all classes.
    """

    pooling: Annotated[str, "how the steps become one vector: mean, max or last"] = "mean"
    units: Annotated[int, Int(8, 256, log=True), "features of an embedded token or projected step"] = 64

    width: ClassVar[str] = "units"

    def backbone(self, x: keras.KerasTensor, attend: Attend | None = None) -> keras.KerasTensor:
        import keras

        if x.shape[-1] != self.units:
            x = keras.layers.Dense(self.units, name="projection")(x)
            x = keras.layers.Dropout(self.dropout, name="dropout")(x)
        return attend(x) if attend else x
