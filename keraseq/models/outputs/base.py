"""What every kind of output tells."""

from __future__ import annotations

from typing import ClassVar


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

    @property
    def target_shape(self) -> tuple[int, ...]:
        return ()

    @property
    def causal(self) -> bool:
        return False
