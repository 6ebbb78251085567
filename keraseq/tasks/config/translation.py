"""Settings of tasks that ask for a text for a text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from keraseq.config import check
from keraseq.tasks.config.base import TaskConfig

if TYPE_CHECKING:
    from keraseq.models.outputs import Output


@dataclass(frozen=True)
class TranslationConfig(TaskConfig):
    """Settings of tasks that ask for a text for a text."""

    label_smoothing: Annotated[float, "share of the probability that training spreads over all symbols, in [0, 1)"] = (
        0.0
    )

    scores: ClassVar[tuple[str, ...]] = ("exact_match",)

    def __post_init__(self) -> None:
        super().__post_init__()
        check(
            0 <= self.label_smoothing < 1,
            f"label_smoothing must be in [0, 1); got {self.label_smoothing}. Remedy: 0 is off, 0.1 is usual",
        )

    def refine(self, output: Output) -> Output:
        from keraseq.models.outputs import Translation

        assert isinstance(output, Translation)
        return replace(output, label_smoothing=self.label_smoothing)

    def identity(self, data_dir: str | None) -> dict[str, Any]:
        identity = super().identity(data_dir)
        identity["settings"].pop("label_smoothing")
        return identity
