"""Questions: what kind of answer is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from keraseq.config import Choice
from keraseq.registry import tasks
from keraseq.tasks.baseline import MEASURED, Baseline
from keraseq.tasks.config import TextConfig, one_of

if TYPE_CHECKING:
    from keraseq.tasks.source import Data


@tasks.register(
    "trec",
    tags={"classification", "text"},
    reference="Li & Roth 2002, https://aclanthology.org/C02-1150",
)
@dataclass(frozen=True)
class Trec(TextConfig):
    """What kind of answer a question asks for: 5,452 questions for training, 500 for test; 6 or 47 kinds."""

    label: Annotated[str, Choice("coarse", "fine"), "which kinds are asked for"] = "coarse"

    source: ClassVar[str] = "trec:1.0.0"
    baselines: ClassVar[tuple[Baseline, ...]] = (Baseline("cnn", "accuracy", 0.874, MEASURED),)

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("label", self.label, ("coarse", "fine"))

    def read(self, data_dir: str | None) -> Data:
        from keraseq.tasks import source

        return source.read_classes(self, data_dir, input="text", label=f"label-{self.label}")
