"""Bach's chorales: several notes at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from keraseq.registry import tasks
from keraseq.tasks.baseline import MEASURED, Baseline, bai_2018
from keraseq.tasks.config import TaskConfig

if TYPE_CHECKING:
    from keraseq.tasks.preprocess import Preprocessor
    from keraseq.tasks.source import Data, Raw

KEYS = 88
LOWEST = 21  # the MIDI number of the first key of a piano, A0


@tasks.register(
    "jsb_chorales",
    tags={"multilabel_tagging", "features", "music"},
    reference="Boulanger-Lewandowski et al. 2012, arXiv:1206.6392; arXiv:1803.01271",
)
@dataclass(frozen=True)
class JSBChorales(TaskConfig):
    """Which of 88 keys sound next in Bach's chorales: 229 for training, 76 for validation, 77 for test.

    A step is a quarter note: one for every key that sounds. The score is the negative log-likelihood of a step.
    """

    batch_size: Annotated[int, "chorales a batch"] = 8

    source: ClassVar[str] = "jsb_chorales:1.0.0"
    baselines: ClassVar[tuple[Baseline, ...]] = (
        *bai_2018("nll", "300 K parameters", lstm=8.45, gru=8.43, rnn=8.91, tcn=8.10),
        Baseline("lstm", "nll", 8.49, MEASURED),
    )

    def read(self, data_dir: str | None) -> Data:
        from keraseq.models.outputs import MultiLabelTagging

        return self.read_builder(
            data_dir,
            MultiLabelTagging(tuple(map(str, range(LOWEST, LOWEST + KEYS))), next_step=True),
            input_of=lambda example: example["roll"][:-1],
            label_of=lambda example: example["roll"][1:],
        )

    def fit(self, train: Raw) -> Preprocessor:
        from keraseq.tasks.preprocess import FeaturePreprocessor

        return FeaturePreprocessor(size=KEYS, length=None, layout="steps")
