"""The TFDS builder `spoken_digit_strings`: recordings of digits, several joined into one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from keraseq.tasks import source
from keraseq.tasks.spoken_digit import share_for_test
from keraseq.tasks.spoken_digit_strings import RATE

_CITATION = """@misc{jackson2016spoken,
  author = {Jackson, Zohar},
  title = {Free Spoken Digit Dataset},
  year = {2016},
  url = {https://github.com/Jakobovski/free-spoken-digit-dataset},
}"""


class SpokenDigitStrings(tfds.core.GeneratorBasedBuilder):
    """Strings of spoken digits, made from the TFDS data set `spoken_digit`, which must be prepared in the same folder.

    A speaker is drawn, a number of digits, as many recordings of that speaker, and the pause before each but the first.
    The recordings of test, validation and train are those that task `spoken_digit` has there.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012 (as TFDS declares it)

    def _info(self) -> Any:
        return tfds.core.DatasetInfo(
            builder=self,
            description="Recordings of spoken digits by one speaker, joined with pauses of silence between them; the "
            "label is the digits in their order.",
            features=tfds.features.FeaturesDict(
                {
                    "audio": tfds.features.Tensor(shape=(None,), dtype=np.int16, encoding="bytes"),
                    "digits": tfds.features.Tensor(shape=(None,), dtype=np.int32),
                    "speaker": tfds.features.Text(),
                }
            ),
            supervised_keys=("audio", "digits"),
            homepage="https://github.com/Jakobovski/free-spoken-digit-dataset",
            citation=_CITATION,
            license="CC BY-SA 4.0",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        task = self.builder_config.task
        recorded = tfds.builder(task.recordings, data_dir=self.data_dir_root)
        spoken = list(recorded.as_dataset(split="train", shuffle_files=False).as_numpy_iterator())
        raw = source.Raw(spoken, np.array([recording["label"] for recording in spoken]))
        rest, test = source.part(raw, share_for_test(), self.name)
        train, validation = source.part(rest, source.Share(task.validation, task.split_seed), self.name)
        held_out = max(1, round(task.validation * task.train_examples))
        return {
            "train": self._generate_examples(train.inputs, 0, task.train_examples - held_out),
            "validation": self._generate_examples(validation.inputs, 1, held_out),
            "test": self._generate_examples(test.inputs, 2, task.test_examples),
        }

    def _generate_examples(self, recordings: Any, stream: int, count: int) -> Iterator[tuple[int, dict[str, Any]]]:
        task = self.builder_config.task
        random = np.random.default_rng((task.data_seed, stream))
        of_speaker: dict[str, list[Any]] = {}
        for recording in sorted(recordings, key=lambda recording: recording["audio/filename"]):
            of_speaker.setdefault(speaker_of(recording["audio/filename"]), []).append(recording)
        speakers = sorted(of_speaker)
        for index in range(count):
            speaker = speakers[random.integers(len(speakers))]
            known = of_speaker[speaker]
            string = [known[i] for i in random.integers(len(known), size=random.integers(task.fewest, task.most + 1))]
            pauses = [0, *random.integers(round(task.gap * RATE) + 1, size=len(string) - 1)]
            parts = [np.pad(one["audio"], (pause, 0)) for one, pause in zip(string, pauses, strict=True)]
            yield (
                index,
                {
                    "audio": np.concatenate(parts).astype(np.int16),
                    "digits": np.array([one["label"] for one in string], np.int32),
                    "speaker": speaker,
                },
            )


def speaker_of(name: bytes) -> str:
    """Who speaks in a file, named `digit_speaker_number.wav`."""
    return name.decode().split("_")[1]
