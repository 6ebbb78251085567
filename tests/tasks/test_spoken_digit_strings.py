"""Strings of recordings, from tones in place of digits to what a model reads."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

import keraseq
from keraseq import registry
from keraseq.errors import KeraseqError, UsageError
from keraseq.models import Features, Transduction, Waveform
from keraseq.tasks import Task, chance, load, load_task, source, task_config
from keraseq.tasks.examples import Examples
from keraseq.tasks.spoken_digit import SpokenDigit
from keraseq.tasks.spoken_digit_strings import RATE, SpokenDigitStrings
from keraseq.tasks.task import SPLITS
from keraseq.testing import check_task
from keraseq.testing.tasks import TASK_CHECKS, check_targets
from keraseq.testing.tasks.case import TaskCase

F = tfds.features
NAMES = ("low", "middle", "high")
PITCHES = (200, 700, 2000)  # Hz
SPEAKERS, EACH = ("ann", "bob"), 10
SETTINGS = {"train_examples": 150, "test_examples": 40, "batch_size": 10, "mels": 8, "most": 4}
GAP = 0.2


def tone(name: str) -> np.ndarray:
    """The recording of a file `digit_speaker_number.wav`, of 0.06 to 0.1 s, unlike any other."""
    digit, speaker, number = name.partition(".")[0].split("_")
    random = np.random.default_rng((int(digit), SPEAKERS.index(speaker), int(number)))
    time = np.arange(random.integers(480, 800)) / RATE
    wave = np.sin(2 * np.pi * (PITCHES[int(digit)] * time + random.random()))
    return np.round(9000 * wave).astype(np.int64) + 10_000  # never silent


FILES = {
    f"{d}_{speaker}_{n}.wav": tone(f"{d}_{speaker}_{n}.wav")
    for d, speaker, n in itertools.product(range(3), SPEAKERS, range(EACH))
}


class MadeDigits(tfds.core.GeneratorBasedBuilder):
    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> Any:
        label = F.ClassLabel(names=list(NAMES))
        features = F.FeaturesDict({"audio": F.Audio(), "audio/filename": F.Text(), "label": label})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {"train": self._generate_examples()}

    def _generate_examples(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for name, wave in FILES.items():
            yield name, {"audio": wave, "audio/filename": name, "label": int(name[0])}


class UnreachableDigits(MadeDigits):
    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return dl_manager.download("http://127.0.0.1:9/digits.tar.gz")


@pytest.fixture(scope="module", autouse=True)
def made() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SpokenDigitStrings, "recordings", "made_digits")
        yield


@pytest.fixture(scope="module")
def strings(data_dir: str) -> Task:
    return load_task("spoken_digit_strings", data_dir=data_dir, **SETTINGS)


BEGINNINGS = {wave[:50].tobytes(): name for name, wave in FILES.items()}


def parts(string: np.ndarray) -> list[tuple[int, str]]:
    """The pause before each recording of a string, in samples, and its file."""
    found, start = [], 0
    while start < len(string):
        pause = int(np.argmax(string[start:] != 0))
        name = BEGINNINGS[string[start + pause :][:50].astype(np.int64).tobytes()]
        found.append((pause, name))
        start += pause + len(FILES[name])
        np.testing.assert_array_equal(string[start - len(FILES[name]) : start], FILES[name])
    return found


def test_strings_are_recordings_of_one_speaker_with_pauses(strings: Task) -> None:
    lengths, pauses, speakers = set(), [], set()
    for split in SPLITS:
        raws = strings.raw(split, 150)
        for raw, digits in raws:
            found = parts(raw)
            assert [int(name[0]) for _, name in found] == digits
            assert len({name.split("_")[1] for _, name in found}) == 1
            assert found[0][0] == 0
            lengths.add(len(digits))
            speakers.add(found[0][1].split("_")[1])
            pauses += [pause for pause, _ in found[1:]]
    assert lengths == {2, 3, 4}
    assert speakers == set(SPEAKERS)
    assert min(pauses) < 0.1 * GAP * RATE < 0.9 * GAP * RATE < max(pauses) <= GAP * RATE


def test_no_recording_is_heard_in_two_splits(strings: Task) -> None:
    heard = {split: {name for raw, _ in strings.raw(split, 150) for _, name in parts(raw)} for split in SPLITS}
    assert not heard["train"] & heard["validation"]
    assert not heard["test"] & (heard["train"] | heard["validation"])
    assert len(heard["test"]) <= 0.2 * len(FILES) < 1 + len(heard["test"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SpokenDigit, "source", "made_digits")
        alone = SpokenDigit().read(strings.data_dir).splits
    for split in SPLITS:
        assert heard[split] <= {name for wave in alone[split].inputs for _, name in parts(wave)}
    other = load_task("spoken_digit_strings", data_dir=strings.data_dir, **SETTINGS | {"data_seed": 1, "split_seed": 1})
    again = {name for raw, _ in other.raw("test", 150) for _, name in parts(raw)}
    assert len(again | heard["test"]) <= 0.2 * len(FILES)


def test_strings_follow_from_their_settings_alone(strings: Task, tmp_path: Path) -> None:
    again = load_task("spoken_digit_strings", data_dir=tmp_path, **SETTINGS)
    other = load_task("spoken_digit_strings", data_dir=tmp_path, **SETTINGS | {"data_seed": 1})
    for split in SPLITS:
        first, second, third = ([raw.tobytes() for raw, _ in task.raw(split, 150)] for task in (strings, again, other))
        assert first == second
        assert not set(first) & set(third)


def test_what_is_asked_for(strings: Task) -> None:
    assert strings.output == Transduction(NAMES)
    assert isinstance(strings.inputs, Waveform)
    assert (strings.inputs.rate, strings.inputs.hop, strings.inputs.longest) == (RATE, 0.02, 15 * RATE)
    assert (strings.metric, strings.objective, strings.direction) == ("word_error_rate", "val_word_error_rate", "min")
    given, targets = strings.train.element_spec
    assert set(given) == {"values", "mask"}
    assert (targets.dtype, targets.shape.as_list()) == ("int32", [None, None])
    assert strings.read_target([2, 0, 2]) == ["high", "low", "high"]
    summary = strings.summary()
    assert summary["examples"] == {"train": 135, "validation": 15, "test": 40}
    assert (summary["target_lengths"]["train"]["min"], summary["target_lengths"]["train"]["max"]) == (2, 4)
    assert set(summary["balance"]) == set(NAMES)
    assert sum(summary["balance"].values()) == pytest.approx(1)
    assert summary["licence"] == "CC BY-SA 4.0"


@pytest.mark.parametrize("check", TASK_CHECKS, ids=lambda check: check.__name__)
def test_strings_pass_the_checks_of_tasks(check: Any, strings: Task) -> None:
    check(TaskCase(strings, registry.tasks.entry("spoken_digit_strings")))


class Wrong:
    """The strings with other targets, or another chance."""

    def __init__(self, task: Task, change: Any = lambda x, y: (x, y), **other: Any):
        self.task, self.change, self.other = task, change, other

    def __getattr__(self, name: str) -> Any:
        return self.other.get(name, getattr(self.task, name))

    def dataset(self, split: str, **order: Any) -> Any:
        return self.task.dataset(split, **order).map(self.change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: (x, y + 1), "targets must be in -1 … 2; got [01] … 3"),
        (lambda x, y: (x, tf.cast(y, "int64")), "targets must be int32"),
        (lambda x, y: (x, y[..., None]), "targets are"),
        (lambda x, y: (x, 0 * y - 1), "all targets of a batch are empty"),
        (lambda x, y: (x, y[:, ::-1]), "padding stands before labels"),
        (lambda x, y: (x, tf.repeat(y, 20, axis=1)), r"a target needs \d+ frames; its sequence gives"),
    ],
    ids=["no label", "long", "an axis more", "empty", "padded in front", "too many labels"],
)
def test_wrong_targets_are_caught(change: Any, message: str, strings: Task) -> None:
    with pytest.raises(AssertionError, match=message):
        check_targets(TaskCase(Wrong(strings, change), registry.tasks.entry("spoken_digit_strings")))  # type: ignore[arg-type]


def test_chance_of_another_answer_is_caught(strings: Task) -> None:
    check = {check.__name__: check for check in TASK_CHECKS}["check_chance"]
    with pytest.raises(AssertionError, match="chance is told as 1; a constant got"):
        check(TaskCase(Wrong(strings, chance=1.0), registry.tasks.entry("spoken_digit_strings")))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("train", "test", "wanted"),
    [
        ([[0, 1], [0, 1], [2]], [[0, 1], [2, 1], [0]], 2 / 5),  # always 0 1
        ([[0], [1], [0]], [[0], [1, 1]], 2 / 3),  # always 0
        ([[0, 1, 2, 0, 1]], [[0, 1, 2, 0, 1], []], 5 / 5),
        ([[], [], [1]], [[1, 0], []], 1.0),  # nothing
        ([[], []], [[]], 0.0),
    ],
)
def test_chance_is_the_error_rate_of_one_string(train: Any, test: Any, wanted: float) -> None:
    sides = [Examples.join([np.zeros(9)] * len(side), [np.array(t, int) for t in side]) for side in (train, test)]
    assert chance.chances(Transduction(NAMES), *sides) == {"word_error_rate": pytest.approx(wanted)}


def test_targets_without_frames_enough_are_refused() -> None:
    steps = [np.zeros((4, 2)), np.zeros((3, 2))]
    fits, fails = ([np.array([0, 1, 1]), np.array(target)] for target in ([0, 1, 2], [0, 1, 1]))
    load._check_a_frame_each_label("made, train", Examples.join(steps, fits), Features(2), Transduction(NAMES))
    with pytest.raises(KeraseqError, match=r"made, train: the 3 labels of example 1 need 4 frames, .* gives 3. Remedy"):
        load._check_a_frame_each_label("made, train", Examples.join(steps, fails), Features(2), Transduction(NAMES))


def test_strings_without_frames_enough_are_refused(data_dir: str) -> None:
    """Frames of which a string has one or two."""
    with pytest.raises(KeraseqError, match=r"train: the \d labels of example \d+ need \d frames, .* a smaller hop"):
        load_task("spoken_digit_strings", data_dir=data_dir, **SETTINGS | {"hop": 0.25, "frame_length": 0.25})


def test_strings_that_would_be_cut_are_refused(data_dir: str) -> None:
    with pytest.raises(
        KeraseqError, match=r"train: a string must last at most max_seconds \(0.3 s\), or digits are cut"
    ):
        load_task("spoken_digit_strings", data_dir=data_dir, **SETTINGS | {"max_seconds": 0.3})


@pytest.mark.parametrize("wrong", [-1, 3])
def test_labels_that_do_not_exist_are_told(wrong: int) -> None:
    labels = [np.array([0, 1]), np.array([wrong, wrong])]
    with pytest.raises(KeraseqError, match=f"made: labels must be in 0 … 2; example 1 has {wrong} … {wrong}"):
        source._targets(labels, Transduction(NAMES), "made")
    assert [t.dtype for t in source._targets(labels[:1], Transduction(NAMES), "made")] == ["int32"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fewest": 0}, "fewest must be at least 1; got 0"),
        ({"fewest": 3, "most": 2}, r"most must be at least fewest \(3\); got 2"),
        ({"gap": -0.1}, "gap must be at least 0; got -0.1"),
        ({"train_examples": 1}, "train_examples must be at least 2; got 1"),
        ({"data_seed": -1}, "data_seed must be at least 0; got -1"),
        ({"hop": 0.05}, "hop must be at most frame_length"),
    ],
)
def test_wrong_settings_are_told_without_data(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        task_config("spoken_digit_strings", settings)


def test_without_recordings_it_is_not_run(tmp_path: Path) -> None:
    report = check_task("spoken_digit_strings", data_dir=str(tmp_path))
    assert report.ran == 0
    assert report.not_run == f"its data are not prepared in {tmp_path}; run: keraseq data prepare spoken_digit_strings"


def test_recordings_out_of_reach_are_told_as_of_other_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SpokenDigitStrings, "recordings", "unreachable_digits")
    with pytest.raises(source.MissingDownloadError) as caught:
        load_task("spoken_digit_strings", data_dir=tmp_path)
    assert "unreachable_digits needs files that are not on this machine and cannot be downloaded" in str(caught.value)
    assert f"run: keraseq data prepare unreachable_digits --data-dir {tmp_path}" in str(caught.value)


def test_a_model_reads_strings_and_predicts_on_raw_recordings(strings: Task, tmp_path: Path) -> None:
    model = keraseq.create_model("cnn", strings, filters=16, seed=0)
    result = keraseq.fit(model, strings, epochs=12, learning_rate=0.01, progress=False)
    assert result.score is not None
    assert result.score < 0.1 < strings.chance
    keraseq.save_model(model, strings, tmp_path)
    pairs = strings.raw("test", 40)
    answers = keraseq.load_model(tmp_path).predict([raw for raw, _ in pairs], batch_size=7)
    right = [
        answer == {"text": " ".join(strings.read_target(t))} for answer, (_, t) in zip(answers, pairs, strict=True)
    ]
    assert np.mean(right) > 0.7
