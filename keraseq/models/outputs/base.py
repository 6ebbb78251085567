"""What every kind of output tells."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, ClassVar, Self

from keraseq.config import check


class OutputKind:
    """One thing that a model can be asked for. A kind is a frozen dataclass with these attributes, and with
    `head`, `loss`, `metrics` and `decode`.

    Attributes:
        kind: its name in JSON.
        metric: name of the metric that counts.
        direction: whether that is to be `"max"` or `"min"`.
        per_step: whether the head is applied to every step of the backbone, or to what pooling made of all steps.
        targets: what targets stand for: `"whole"` sequences, each of the `"steps"`, or sequences of their `"own"`.
        target_shape: of one target, or of one step of it.
        target_dtype: `"int32"` or `"float32"`.
        padding: target at steps that do not count, where targets are not of whole sequences.
        causal: whether a step may depend on no later one, since later ones hold its target.
    """

    kind: ClassVar[str]
    metric: ClassVar[str]
    direction: ClassVar[str]
    per_step: ClassVar[bool] = False
    targets: ClassVar[str] = "whole"
    target_dtype: ClassVar[str] = "int32"
    padding: ClassVar[int] = -1

    def smoothed(self, label_smoothing: float | None) -> Self:
        """The same, with a loss that spreads a share of the probability over all classes; None leaves it as it is.

        Raises:
            UsageError: it is not in [0, 1), or no classes are asked for.
        """
        if label_smoothing is None:
            return self
        classes = any(field.name == "label_smoothing" for field in fields(self))  # type: ignore[arg-type]
        check(
            classes or not label_smoothing,
            f"label_smoothing is for outputs that ask for one class of several; got {label_smoothing} for "
            f"{self.kind.replace('_', ' ')}: leave it out",
        )
        changed: dict[str, Any] = {"label_smoothing": label_smoothing} if classes else {}
        return replace(self, **changed)  # type: ignore[type-var]

    @property
    def target_shape(self) -> tuple[int, ...]:
        return ()

    @property
    def causal(self) -> bool:
        return False
