"""From recordings to predictions: the preprocessor, the inputs, and the tasks."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

import keraseq
from keraseq.errors import KeraseqError, UsageError
from keraseq.models import Features, Inputs, Regression, Tokens, Translation, Waveform, create_model
from keraseq.models import inputs as input_kinds
from keraseq.registry import models, tasks
from keraseq.tasks import Preprocessor, Task, load_task, source, task_config
from keraseq.tasks.preprocess import AudioPreprocessor
from keraseq.testing import check_task
from keraseq.testing.models.case import Asked
from keraseq.testing.tasks import TASK_CHECKS
from keraseq.testing.tasks.case import TaskCase, unpadded

F = tfds.features
RATE = 1000
SETTINGS = {"mels": 8, "frame_length": 0.032, "hop": 0.016, "batch_size": 8}
PITCHES = (60, 150, 320)  # Hz of each class
EACH = 40  # recordings a class


def tone(i: int) -> np.ndarray:
    """A noisy tone of 0.1 to 0.4 s, int64, whose pitch is that of class `i % 3`."""
    random = np.random.default_rng(i)
    time = np.arange(random.integers(100, 400)) / RATE
    wave = 0.4 * np.sin(2 * np.pi * (PITCHES[i % 3] * time + random.random())) + random.normal(0, 0.05, len(time))
    return np.round(np.clip(wave, -1, 1) * 32000).astype(np.int64)


class _Recorded:
    VERSION = tfds.core.Version("1.0.0")
    feature: ClassVar[Any]

    def _info(self) -> Any:
        features = F.FeaturesDict({"audio": self.feature, "label": F.ClassLabel(names=["low", "middle", "high"])})
        return tfds.core.DatasetInfo(builder=self, features=features, supervised_keys=("audio", "label"))

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {"train": self._generate_examples()}

    def _generate_examples(self) -> Iterator[tuple[int, dict[str, Any]]]:
        for i in range(3 * EACH):
            yield i, {"audio": self.sound(i), "label": i % 3}

    def sound(self, i: int) -> np.ndarray:
        return tone(i)


class MadeTones(_Recorded, tfds.core.GeneratorBasedBuilder):
    feature = F.Audio(sample_rate=RATE)


class MadeStereo(_Recorded, tfds.core.GeneratorBasedBuilder):
    feature = F.Audio(shape=(None, 2), sample_rate=RATE)

    def sound(self, i: int) -> np.ndarray:
        return np.stack([tone(i), tone(i) // 2], axis=1)


class MadeCut(_Recorded, tfds.core.GeneratorBasedBuilder):
    feature = F.Audio(shape=(100,), sample_rate=RATE, dtype=np.float32)

    def sound(self, i: int) -> np.ndarray:
        return (tone(i)[:100] / 2**15).astype(np.float32)


class MadeRateless(_Recorded, tfds.core.GeneratorBasedBuilder):
    feature = F.Audio()


@pytest.fixture(scope="module")
def made_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("made")


@pytest.fixture(scope="module")
def tones(made_dir: Path) -> Task:
    return load_task("made_tones", data_dir=made_dir, **SETTINGS)


def recordings(task: Task, split: str) -> list[np.ndarray]:
    return [
        row[mask]
        for given, _ in task.dataset(split, shuffle=False).as_numpy_iterator()
        for row, mask in zip(given["values"], given["mask"], strict=True)
    ]


def waveform(task: Task) -> Waveform:
    assert isinstance(task.inputs, Waveform)
    return task.inputs


def test_audio_with_a_rate_is_a_waveform(tones: Task) -> None:
    inputs = waveform(tones)
    assert (inputs.rate, inputs.length, inputs.longest, inputs.mels) == (RATE, None, 30 * RATE, 8)
    assert tones.summary()["inputs"]["rate"] == RATE
    assert tones.summary()["lengths"]["train"]["max"] == max(map(len, recordings(tones, "train")))
    given = tones.train.element_spec[0]
    assert given["values"].shape.as_list() == given["mask"].shape.as_list() == [None, None]


def test_audio_without_a_rate_stays_a_sequence_of_numbers(made_dir: Path) -> None:
    assert isinstance(load_task("made_rateless", data_dir=made_dir).inputs, Features)


def test_batches_are_the_samples_divided_by_full_scale(tones: Task) -> None:
    fed = {row.tobytes() for split in ("train", "validation", "test") for row in recordings(tones, split)}
    assert fed == {(tone(i) / 2**15).astype(np.float32).tobytes() for i in range(3 * EACH)}


def test_the_cache_holds_16_bits_a_sample(tones: Task, cache_dir: Path) -> None:
    folders = list((cache_dir / "tasks").glob("made_tones-*"))
    assert {np.load(folder / "train.values.npy").dtype for folder in folders} == {np.dtype(np.int16)}


def test_mean_and_deviation_are_those_of_the_training_frames(tones: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = waveform(tones)
    frames = np.concatenate([np.asarray(inputs.log_mel()(row[None]))[0] for row in recordings(tones, "train")])
    assert inputs.mean == pytest.approx(frames.mean(axis=0), rel=1e-4)
    assert inputs.deviation == pytest.approx(frames.std(axis=0), rel=1e-4)
    monkeypatch.setattr("keraseq.tasks.load._CHUNK", 1000)
    pieces = load_task("made_tones", data_dir=tones.data_dir, **SETTINGS | {"max_seconds": 29.0})
    assert waveform(pieces).mean == pytest.approx(inputs.mean, rel=1e-4)


def test_frames_enter_with_mean_0_and_deviation_1(tones: Task) -> None:
    import keras

    given, x = input_kinds.enter(tones.inputs, 4)
    model = keras.Model(given, [x, x._keras_mask])
    steps = np.concatenate(
        [
            x[mask > 0]
            for batch, _ in tones.train.as_numpy_iterator()
            for x, mask in [map(np.asarray, model(batch))]
            if (mask == input_kinds.valid_steps(tones.inputs, batch)).all()
        ]
    )
    assert len(steps) == sum(-(-len(row) // 16) for row in recordings(tones, "train"))
    np.testing.assert_allclose(steps.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(steps.std(axis=0), 1, atol=1e-3)


def test_channels_are_mixed(made_dir: Path) -> None:
    task = load_task("made_stereo", data_dir=made_dir, **SETTINGS)
    [(raw, _)] = task.raw("test", 1)
    assert raw.ndim == 1
    means = [(tone(i) + tone(i) // 2) / 2 / 2**15 for i in range(3 * EACH)]
    for row in recordings(task, "test"):
        assert any(len(row) == len(mean) and np.abs(row - mean).max() <= 2**-15 for mean in means)


def test_recordings_of_one_length_need_no_mask(made_dir: Path, tmp_path: Path) -> None:
    task = load_task("made_cut", data_dir=made_dir, **SETTINGS)
    assert (waveform(task).length, waveform(task).longest) == (100, None)
    given, _ = next(task.test.as_numpy_iterator())
    assert given.shape == (8, 100)
    assert given.dtype == np.float32
    assert input_kinds.valid_steps(task.inputs, given) is None
    assert {len(row) for row in unpadded(given)} == {100}
    raw = [raw for raw, _ in task.raw("test", 8)]
    assert {row.tobytes() for row in given} <= {np.asarray(tone(i)[:100] / 2**15, "f4").tobytes() for i in range(120)}
    model = create_model("gru", task, units=4, seed=0)
    keraseq.save_model(model, task, tmp_path)
    assert len(keraseq.load_model(tmp_path).predict(raw)) == 8
    with pytest.raises(UsageError, match="example 0 must have 100 samples, as all others; got 99"):
        task.preprocessor.batch([raw[0][:99]])
    cut = load_task("made_cut", data_dir=made_dir, **SETTINGS | {"max_seconds": 0.05})
    assert waveform(cut).length == 50


def test_max_seconds_cuts(made_dir: Path) -> None:
    task = load_task("made_tones", data_dir=made_dir, **SETTINGS | {"max_seconds": 0.2})
    assert waveform(task).longest == 200
    assert max(map(len, recordings(task, "train"))) == 200
    wave = tone(0)
    cut, whole = task.preprocessor.batch([wave])["values"][0], np.asarray(wave[:200] / 2**15, "f4")
    np.testing.assert_array_equal(cut, whole)


@pytest.mark.parametrize("check", TASK_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", ["made_tones", "made_cut"])
def test_tasks_of_recordings_pass_the_checks_of_tasks(check: Any, name: str, made_dir: Path) -> None:
    entry = dataclasses.replace(tasks.entry("spoken_digit"), name=name)
    check(TaskCase(load_task(name, data_dir=made_dir, **SETTINGS), entry))


class Wrong:
    """The task of tones with other values or another mask."""

    def __init__(self, task: Task, **changes: Any):
        self.task, self.changes = task, changes

    def __getattr__(self, name: str) -> Any:
        return getattr(self.task, name)

    def dataset(self, split: str, **order: Any) -> Any:
        def changed(given: Any, target: Any) -> Any:
            return {name: self.changes.get(name, lambda x: x)(x) for name, x in given.items()}, target

        return self.task.dataset(split, **order).map(changed)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": lambda x: 2**15 * x}, r"samples must be in \[-1, 1\]"),
        ({"values": lambda x: x[..., None]}, r"values must be \(batch, samples\)"),
        ({"values": lambda x: 0 * x}, "a batch is all silence"),
        ({"values": lambda x: tf.cast(x, "float64")}, "values must be float32"),
        ({"values": lambda x: x / 0}, "values must be finite"),
        ({"values": lambda x: x + 0.01}, "values at padding must be zero"),
        ({"mask": lambda x: x[:, ::-1]}, "a sequence is all padding|padding stands before steps"),
        ({"mask": lambda x: tf.cast(x, "int32")}, "the mask must be bool"),
        ({name: lambda x: tf.repeat(x, 99, axis=1) for name in ("values", "mask")}, "the longest has 30000"),
    ],
)
def test_wrong_recordings_fail_the_checks_of_tasks(changes: Any, message: str, tones: Task) -> None:
    check = {check.__name__: check for check in TASK_CHECKS}["check_inputs"]
    with pytest.raises(AssertionError, match=message):
        check(TaskCase(Wrong(tones, **changes), tasks.entry("spoken_digit")))  # type: ignore[arg-type]


def test_a_model_learns_and_predicts_on_raw_recordings(tones: Task, tmp_path: Path) -> None:
    model = create_model("cnn", tones, filters=16, seed=0)
    result = keraseq.fit(model, tones, epochs=8, learning_rate=5e-3, progress=False)
    assert result.score == 1.0
    keraseq.save_model(model, tones, tmp_path)
    predictor = keraseq.load_model(tmp_path)
    pairs = tones.raw("test", 99)
    answers = predictor.predict([raw for raw, _ in pairs], batch_size=5)
    right = [answer["label"] == tones.output.labels[target] for answer, (_, target) in zip(answers, pairs, strict=True)]
    assert np.mean(right) > 0.9
    together = model.predict(tones.test, verbose=0)
    batches = [given for given, _ in tones.test.as_numpy_iterator()]
    loaded = np.concatenate([predictor.model.predict_on_batch(given) for given in batches])
    np.testing.assert_allclose(loaded, together, atol=1e-5)
    alone = {
        row.tobytes(): answer["probability"]
        for answer, (raw, _) in zip(answers, pairs, strict=True)
        for row in [np.asarray(raw / 2**15, "f4")]
    }
    shares = np.exp(together) / np.exp(together).sum(axis=1, keepdims=True)
    for row, share in zip(recordings(tones, "test"), shares, strict=True):
        assert alone[row.tobytes()] == pytest.approx(share.max(), abs=1e-4)


def test_floats_and_16_bit_integers_predict_the_same(tones: Task, tmp_path: Path) -> None:
    keraseq.save_model(create_model("linear", tones, units=4, seed=0), tones, tmp_path)
    predictor, wave = keraseq.load_model(tmp_path), tone(5)
    given: list[Any] = [wave, wave.astype(np.int16), wave / 2**15, (wave / 2**15).tolist(), wave[:, None]]
    answers = [predictor.predict([raw])[0] for raw in given]
    assert all(answer == answers[0] for answer in answers)


def test_the_command_line_predicts_on_samples(tones: Task, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from keraseq.cli.app import app

    keraseq.save_model(create_model("linear", tones, units=4, seed=0), tones, tmp_path)
    lines = [json.dumps(tone(5).tolist()), json.dumps((tone(5) / 2**15).tolist())]
    result = CliRunner().invoke(app, ["predict", str(tmp_path), "--json", *lines])
    first, second = json.loads(result.stdout)
    assert first == second == keraseq.load_model(tmp_path).predict([tone(5)])[0]


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_is_near_full(precision: str, tones: Task) -> None:
    given, _ = next(tones.test.as_numpy_iterator())
    full, half = (create_model("tcn", tones, filters=8, seed=0, precision=p) for p in ("float32", precision))
    np.testing.assert_allclose(half.predict_on_batch(given), full.predict_on_batch(given), atol=0.1)


@pytest.mark.parametrize("family", models.names())
def test_junk_in_the_padding_of_a_waveform_changes_no_family(family: str) -> None:
    inputs = Waveform(RATE, mels=4, frame_length=0.032, hop=0.016, mean=(1.0,) * 4, deviation=(2.0,) * 4)
    model = create_model(family, Asked(inputs, Regression()), seed=0)
    values = np.random.default_rng(0).uniform(-1, 1, (2, 160)).astype("float32")
    mask = np.arange(160) < np.array([[70], [160]])
    reference = model.predict_on_batch({"values": values, "mask": mask})
    longer = {
        "values": np.pad(np.where(mask, values, 9), ((0, 0), (0, 50)), constant_values=-3).astype("float32"),
        "mask": np.pad(mask, ((0, 0), (0, 50))),
    }
    np.testing.assert_allclose(model.predict_on_batch(longer), reference, atol=1e-4)


def test_a_waveform_is_translated() -> None:
    """From samples to symbols, as in speech recognition."""
    inputs = Waveform(RATE, mels=4, frame_length=0.032, hop=0.016)
    model = create_model("gru", Asked(inputs, Translation(9, start=1, end=2)), seed=0, units=8)
    given = {"values": np.zeros((2, 100), "float32"), "mask": np.ones((2, 100), bool)}
    y = model.predict_on_batch({"source": given, "previous": np.ones((2, 5), "int32")})
    assert y.shape == (2, 5, 9)


def test_gradients_are_seen_by_frame(tones: Task) -> None:
    from keraseq.diagnostics import gradient_norms

    given, targets = next(iter(tones.test))
    norms = gradient_norms(create_model("gru", tones, units=4, seed=0), tones.output, given, targets)
    assert norms.norms.shape[1] == -(-given["values"].shape[1] // 16)


def test_positions_are_counted_in_frames() -> None:
    inputs = Waveform(RATE, longest=1600, mels=4, frame_length=0.032, hop=0.016)
    task = Asked(inputs, Regression())
    create_model("transformer", task, positions="learned", max_length=100, units=8, layers=1)
    with pytest.raises(UsageError, match=r"reach 99 steps .* up to 100"):
        create_model("transformer", task, positions="learned", max_length=99, units=8, layers=1)


@pytest.mark.parametrize(
    ("inputs", "longest"),
    [
        (Tokens(5, length=7), 7),
        (Tokens(5, longest=9), 9),
        (Features(2, length=3), 3),
        (Features(2), None),
        (Waveform(RATE), None),
        (Waveform(RATE, length=101), 11),
        (Waveform(RATE, longest=100), 10),
    ],
)
def test_kinds_of_inputs_survive_json_and_know_their_longest(inputs: Inputs, longest: int | None) -> None:
    assert input_kinds.from_json(json.loads(json.dumps(input_kinds.to_json(inputs)))) == inputs
    assert input_kinds.longest_steps(inputs) == longest


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rate": 0}, "rate must be at least 1 Hz; got 0"),
        ({"rate": RATE, "hop": 0.0001}, "hop must be at least one sample, 1 / 1000 s"),
        ({"rate": RATE, "mean": (0.0,) * 40}, "mean and deviation must be given together"),
        ({"rate": RATE, "mean": (0.0,), "deviation": (1.0,)}, "mean must have 40 numbers; got 1"),
    ],
)
def test_a_wrong_waveform_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Waveform(**settings)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (np.zeros((5, 2)), r"one channel, \(samples,\); got shape \(5, 2\). Remedy: take the mean over channels"),
        (np.zeros(0), "example 1 is empty; at least one sample is wanted. Remedy: leave it out"),
        (np.array([0.1, np.nan]), "example 1 must be finite; it holds NaN or infinity. Remedy: clean the recording"),
        (np.array([0.1, -1.5]), r"must lie in \[-1, 1\] where samples are floating-point; got 1.5. Remedy: divide by"),
        (np.array([0, 40_000]), "must hold 16-bit samples; got 0 … 40000. Remedy: divide by"),
        (np.zeros(4, np.uint8), "signed 16-bit or floating-point samples; got dtype uint8"),
        (["a"], "signed 16-bit or floating-point samples; got dtype <U1"),
        ([[1], [1, 2]], "must be an array of samples"),
    ],
)
def test_what_is_no_recording_is_told(raw: Any, message: str) -> None:
    preprocessor = AudioPreprocessor(RATE, 1.0, None)
    with pytest.raises(UsageError, match=message):
        preprocessor.batch([np.zeros(4), raw])


def test_a_preprocessor_survives_json() -> None:
    preprocessor = AudioPreprocessor(RATE, 0.5, None, mels=12, frame_length=0.03, hop=0.015)
    again = Preprocessor.from_json(json.loads(json.dumps(preprocessor.to_json())))
    assert again.spec == preprocessor.spec == Waveform(RATE, None, 500, 12, 0.03, 0.015)
    wave = np.array([-1, -0.5, 0, 0.5, 1])
    given = again.batch([wave])
    np.testing.assert_allclose(given["values"], [wave], atol=2**-15)


def test_full_scale_does_not_wrap() -> None:
    values = AudioPreprocessor(RATE, 1.0, None).batch([np.array([1.0, -1.0])])["values"]
    assert values.tolist() == [[32767 / 32768, -1.0]]


def test_frames_that_leave_samples_out_are_refused_without_data() -> None:
    with pytest.raises(UsageError, match=r"hop must be at most frame_length \(0.025\).*; got 0.05"):
        task_config("speech_commands", {"hop": 0.05})


@pytest.mark.parametrize("name", ["spoken_digit", "speech_commands", "made_tones"])
@pytest.mark.parametrize("setting", ["max_seconds", "mels", "frame_length", "hop"])
def test_wrong_settings_are_told_without_data(name: str, setting: str) -> None:
    with pytest.raises(UsageError, match=f"{setting} must be above 0; got 0"):
        task_config(name, {setting: 0})


def test_too_many_bands_are_told(made_dir: Path) -> None:
    with pytest.raises(KeraseqError, match=r"mels = 100 leaves band .* Remedy: fewer mels"):
        load_task("made_tones", data_dir=made_dir, mels=100)


def test_a_stratified_share_takes_the_same_part_of_each_class() -> None:
    labels = np.repeat(np.arange(4, dtype=np.int32), [50, 10, 20, 20])[np.random.default_rng(0).permutation(100)]
    raw = source.Raw(np.arange(100), labels, rate=8)
    rest, part = source.part(raw, source.Share(0.2, seed=0, stratified=True), "made")
    assert np.bincount(part.targets).tolist() == [10, 2, 4, 4]
    assert np.bincount(rest.targets).tolist() == [40, 8, 16, 16]
    assert sorted([*rest.inputs, *part.inputs]) == list(range(100))
    assert (rest.rate, part.rate) == (8, 8)
    _, other = source.part(raw, source.Share(0.2, seed=1, stratified=True), "made")
    assert set(other.inputs) != set(part.inputs)


def test_a_missing_pydub_names_the_extra(tmp_path: Path) -> None:
    with (
        pytest.raises(KeraseqError, match=r"needs the package pydub.*Remedy: pip install 'keraseq\[speech\]'"),
        source.explained("spoken_digit", str(tmp_path)),
    ):
        raise ImportError("Failed importing pydub: No module named 'pydub'")


def test_speech_commands_without_data_is_not_run(tmp_path: Path) -> None:
    report = check_task("speech_commands", data_dir=str(tmp_path))
    assert report.ran == 0
    assert report.not_run == f"its data are not prepared in {tmp_path}; run: keraseq data prepare speech_commands"


FRESH = """
import json, sys, keraseq
print(json.dumps(keraseq.load_model(sys.argv[1]).predict([json.loads(sys.stdin.read())])))
"""


def test_a_fresh_process_predicts_the_same(tones: Task, tmp_path: Path) -> None:
    keraseq.save_model(create_model("gru", tones, units=4, seed=0), tones, tmp_path)
    assert "log_mel" in json.loads((tmp_path / "card.json").read_text())["layers"]
    raw = json.dumps(tone(3).tolist())
    command = [sys.executable, "-c", FRESH, str(tmp_path)]
    there = subprocess.run(command, input=raw, capture_output=True, text=True, check=True, timeout=120)
    assert json.loads(there.stdout) == keraseq.load_model(tmp_path).predict([tone(3)])


@pytest.fixture(scope="module")
def spoken_digit() -> Task:
    folder = os.environ.get("TFDS_DATA_DIR")
    if not folder:
        pytest.skip("TFDS_DATA_DIR is not set")
    if not list(Path(folder, "spoken_digit").rglob("dataset_info.json")):
        pytest.skip(f"spoken_digit is not prepared in TFDS_DATA_DIR={folder}; run: keraseq data prepare spoken_digit")
    return load_task("spoken_digit", data_dir=folder)


@pytest.mark.data
def test_spoken_digit(spoken_digit: Task) -> None:
    summary = spoken_digit.summary()
    assert summary["examples"] == {"train": 1_800, "validation": 200, "test": 500}
    assert summary["inputs"]["rate"] == 8_000
    assert (summary["lengths"]["train"]["min"], summary["lengths"]["train"]["max"]) == (1_148, 18_262)
    assert spoken_digit.chance == 0.1
    targets = np.concatenate([targets for _, targets in spoken_digit.test.as_numpy_iterator()])
    assert np.bincount(targets).tolist() == [50] * 10
    other = load_task("spoken_digit", data_dir=spoken_digit.data_dir, split_seed=1)
    found = [[row.tobytes() for row in recordings(task, "test")] for task in (spoken_digit, other)]
    assert found[0] == found[1]


@pytest.mark.data
def test_a_model_hears_digits(spoken_digit: Task, tmp_path: Path) -> None:
    model = create_model("cnn", spoken_digit, seed=0)
    keraseq.fit(model, spoken_digit, epochs=3, progress=False)
    keraseq.save_model(model, spoken_digit, tmp_path)
    pairs = spoken_digit.raw("test", 500)
    answers = keraseq.load_model(tmp_path).predict([raw for raw, _ in pairs])
    right = [answer["label"] == str(target) for answer, (_, target) in zip(answers, pairs, strict=True)]
    assert np.mean(right) > 0.9
