"""How much the loss depends on each step: vanishing and exploding gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from keraseq.config import check
from keraseq.diagnostics.parts import run
from keraseq.models.outputs import Output, Tagging
from keraseq.ops.compiled import gradient
from keraseq.ops.graph import mask_of

WHERE = ("last", "all")


@dataclass(frozen=True)
class GradientNorms:
    """`‖∂loss/∂x_t‖` for every step t.

    Attributes:
        norms: of each row, `(batch, time)`; NaN at padding.
        of: which outputs the loss is of: `"last"` or `"all"`.
    """

    norms: np.ndarray
    of: str

    @property
    def mean(self) -> np.ndarray:
        """Geometric mean over rows, `(time,)`; norms below 1e-45, the least float32, count as that."""
        with np.errstate(invalid="ignore"):
            return np.exp(np.nanmean(np.log(np.maximum(self.norms, 1e-45)), axis=0))

    @property
    def decay(self) -> float:
        """Norm at the first step, as a fraction of that at the last."""
        return float(self.mean[0] / self.mean[-1])


def gradient_norms(model: keras.Model, output: Output, inputs: Any, targets: Any, of: str = "last") -> GradientNorms:
    """The norm of the gradient of the loss with respect to the vector of each step.

        norm_t = ‖∂loss / ∂x_t‖₂,   ∂loss/∂x_t = ∂loss/∂h_T · Π_(s = t+1 … T) ∂h_s/∂h_(s-1) · ∂h_t/∂x_t

    for a recurrent model: the product vanishes or explodes with T - t unless its factors stay near 1.

    Args:
        model: fresh or trained, from `keraseq.create_model`.
        output: of the task.
        inputs: a batch of what the model takes.
        targets: the targets of that batch.
        of: where there is an output a step, `"last"` takes the loss of the last one that counts, so that the gradient
            tells how much of a step is still remembered there, and `"all"` the mean loss of all of them.

    Returns:
        One norm a step and row. Where tokens come in, the steps are their embeddings.

    Raises:
        UsageError: unknown `of`, or a model of another form.

    Reference: Bengio, Simard and Frasconi 1994, doi:10.1109/72.279181; Pascanu et al. 2013, arXiv:1211.5063.
    """
    check(of in WHERE, f"of must be one of {', '.join(WHERE)}; got {of!r}")
    loss = output.loss()
    x = run(model, inputs).entered  # (batch, time, features)
    weight = _weight(output, np.asarray(targets), of)
    targets = ops.convert_to_tensor(targets)

    def total(x: Any) -> Any:
        mean = loss(targets, run(model, inputs, x).output, weight)
        return mean * x.shape[0]  # the sum over rows: what one row adds depends on it alone

    norms = step_norms(gradient(total, x))
    mask = mask_of(x)
    valid = np.ones_like(norms, dtype=bool) if mask is None else ops.convert_to_numpy(mask)
    return GradientNorms(np.where(valid, norms, np.nan), of)


def step_norms(gradient: Any) -> np.ndarray:
    """The Euclidean norm of each step of `(batch, time, features)`, in float64, whose squares do not vanish."""
    steps = ops.convert_to_numpy(ops.cast(gradient, "float32")).astype("float64")
    return np.linalg.norm(steps, axis=-1)


def _weight(output: Output, targets: np.ndarray, of: str) -> np.ndarray | None:
    """The weight of every step in the loss, each row's summing to 1; None where outputs are not a step each."""
    if not isinstance(output, Tagging):
        return None
    counts: np.ndarray = targets != output.padding  # (batch, time)
    if of == "last":
        counts &= np.cumsum(counts[:, ::-1], axis=1)[:, ::-1] == 1
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
