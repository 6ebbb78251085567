"""Strings of spoken digits, the smallest speech recognition in which nobody says where a word begins."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from keraseq.config import check, settings_of
from keraseq.registry import tasks
from keraseq.tasks.baseline import MEASURED, Baseline
from keraseq.tasks.config import BATCHING, AudioConfig, at_least

if TYPE_CHECKING:
    from keraseq.tasks.examples import Examples
    from keraseq.tasks.preprocess import Preprocessor
    from keraseq.tasks.source import Data, Raw
    from keraseq.tasks.stream import Stream

RATE = 8000  # of these recordings, in Hz
_AFTER_GENERATION = (*BATCHING, "max_seconds", "mels", "frame_length", "hop")


@tasks.register(
    "spoken_digit_strings",
    tags={"transduction", "audio"},
    reference="https://github.com/Jakobovski/free-spoken-digit-dataset",
    cases=({"train_examples": 200, "test_examples": 50},),
)
@dataclass(frozen=True)
class SpokenDigitStrings(AudioConfig):
    """Which digits are spoken, one after the other? Recordings of `spoken_digit` are joined, with pauses of silence.

    A string has one speaker, drawn from five, and `fewest` to `most` digits, each number of them as often as others.
    Its recordings are drawn from those of the speaker, and a pause from 0 to `gap` seconds. No recording is heard in
    two splits: those of test are those of task `spoken_digit`, and `validation` is the share of the rest, and of
    `train_examples`, that validation has. The same five speakers are heard in every split.
    """

    max_seconds: Annotated[float, "most seconds of a recording; a longer one is refused"] = 15.0
    hop: Annotated[float, "seconds from one frame to the next"] = 0.02
    batch_size: Annotated[int, "sequences a batch"] = 32
    fewest: Annotated[int, "fewest digits of a string"] = 2
    most: Annotated[int, "most digits of a string"] = 5
    gap: Annotated[float, "most seconds of silence between two digits"] = 0.2
    train_examples: Annotated[int, "strings for training, validation included"] = 2_000
    test_examples: Annotated[int, "strings for test"] = 500
    data_seed: Annotated[int, "seed of the strings"] = 0

    source: ClassVar[str] = "spoken_digit_strings:1.0.0"
    recordings: ClassVar[str] = "spoken_digit:1.0.9"
    baselines: ClassVar[tuple[Baseline, ...]] = (Baseline("gru", "word_error_rate", 0.034, MEASURED, "bidirectional"),)

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, fewest=1, gap=0, train_examples=2, test_examples=1, data_seed=0)
        check(
            self.fewest <= self.most,
            f"most must be at least fewest ({self.fewest}); got {self.most}. Remedy: leave it out for 5",
        )

    @property
    def builder(self) -> str:
        return self.recordings

    def generation(self) -> dict[str, Any]:
        """The settings that decide which strings are made."""
        return {name: value for name, value in settings_of(self).items() if name not in _AFTER_GENERATION}

    def read(self, data_dir: str | None) -> Data:
        from keraseq.models.outputs import Transduction
        from keraseq.tasks import source
        from keraseq.tasks.builders.generated import GeneratedConfig

        name = self.source.partition(":")[0]
        strings = source.open_builder(name, data_dir, config=GeneratedConfig.of(self))
        recordings = source.open_builder(self.recordings, data_dir)
        if not strings.data_path.exists():
            source.prepare(recordings, recordings.name, data_dir)
        return self.read_builder(
            data_dir,
            Transduction(tuple(recordings.info.features["label"].names)),
            input_of=operator.itemgetter("audio"),
            label_of=operator.itemgetter("digits"),
            builder=strings,
            rate=RATE,
        )

    def encode(self, split: str, raw: Raw, preprocessor: Preprocessor) -> Examples | Stream:
        most = round(self.max_seconds * RATE)
        for index, recording in enumerate(raw.inputs):
            check(
                len(recording) <= most,
                f"a string must last at most max_seconds ({self.max_seconds:g} s), or digits are cut off; example "
                f"{index} lasts {len(recording) / RATE:.2f} s. Remedy: a greater max_seconds",
            )
        return super().encode(split, raw, preprocessor)
