"""Running text as windows, lists of words, series as windows, and scores of texts."""

import numpy as np
import pytest

import keraseq
from keraseq.errors import KeraseqError, UsageError
from keraseq.inference.saved import load_model, save_model
from keraseq.models import Forecasting, LanguageModelling
from keraseq.tasks import Preprocessor, load_task, score, source, stream, task_config
from keraseq.tasks.pipeline import Batching
from keraseq.tasks.preprocess import WordListPreprocessor
from keraseq.tasks.source import Data, Raw
from keraseq.tasks.tiny_shakespeare import TinyShakespeare

TEXT = "to be, or not to be: that is the question. " * 20


def windows(symbols, length, context):
    examples = stream.windows(np.asarray(symbols), length, context)
    return [part.pad(np.arange(len(examples)), "int32")[0] for part in (examples.inputs, examples.targets)]


@pytest.mark.parametrize("length", [1, 2, 5, 8, 30])
@pytest.mark.parametrize("context", [0, 1, 4])
def test_every_symbol_but_the_first_is_asked_for_once(length, context):
    stream = 1 + np.random.default_rng(0).permutation(23)
    given, asked = windows(stream, length, context)
    assert sorted(asked[asked > 0]) == sorted(stream[1:])
    place = {symbol: t for t, symbol in enumerate(stream)}
    for row, targets in zip(given, asked, strict=True):
        for t, target in enumerate(targets):
            assert target in (0, stream[place[row[t]] + 1])
    least = min(context, length - 1)
    assert all(np.flatnonzero(targets)[0] >= least for targets in asked[1:]), "too little stands before a target"


def saved(symbols, size, folder):
    """Symbols that were written piece by piece and read again."""
    symbols = np.asarray(symbols)
    stream.Stream((symbols[i : i + 3] for i in range(0, len(symbols), 3)), size).save(folder, "train")
    return stream.load(folder, "train")


@pytest.mark.parametrize(("size", "dtype"), [(255, "uint8"), (256, "uint16"), (70_000, "uint32")])
def test_a_stream_written_in_pieces_is_one_array(size, dtype, tmp_path):
    symbols = np.random.default_rng(0).integers(1, size, 1000)
    found = saved(symbols, size, tmp_path)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, symbols)


def test_a_text_of_one_symbol_has_nothing_to_foretell(tmp_path):
    with pytest.raises(UsageError, match="a text of at least 2 symbols is wanted; got 1"):
        saved([2], 5, tmp_path)


@pytest.mark.parametrize(("length", "rows"), [(1, 1), (4, 3), (7, 2), (50, 5), (3, 22)])
def test_carried_rows_are_contiguous_and_ask_for_every_symbol_once(length, rows):
    symbols = 1 + np.random.default_rng(0).permutation(23)
    examples = stream.rows(symbols, length, rows)
    batches = Batching(rows, contiguous=True).plan(examples.sizes)
    given, asked = (
        np.concatenate([part.pad(batch, "int32")[0] for batch in batches], axis=1)
        for part in (examples.inputs, examples.targets)
    )
    size = 22 // rows
    np.testing.assert_array_equal(given, symbols[: rows * size].reshape(rows, size))
    np.testing.assert_array_equal(asked, symbols[1 : rows * size + 1].reshape(rows, size))


def test_more_rows_than_symbols_are_refused():
    with pytest.raises(UsageError, match="5 symbols cannot be cut into 8 rows"):
        stream.rows(np.arange(5), 2, 8)


@pytest.fixture
def shakespeare(monkeypatch, tmp_path):
    """`tiny_shakespeare` over a short text."""

    def read(self, data_dir):
        raws = {"train": TEXT, "validation": TEXT[:90], "test": TEXT[50:150]}
        return Data({split: Raw([text], [text]) for split, text in raws.items()}, None, {"source": "here"})

    monkeypatch.setattr(TinyShakespeare, "read", read)
    monkeypatch.setenv("KERASEQ_CACHE_DIR", str(tmp_path))
    return load_task("tiny_shakespeare", length=16, context=8, batch_size=4)


def test_a_language_is_learned_saved_and_asked(shakespeare, tmp_path):
    assert isinstance(shakespeare.output, LanguageModelling)
    assert (shakespeare.metric, shakespeare.direction) == ("bits_per_character", "min")
    model = keraseq.create_model("gru", shakespeare, units=24, seed=0)
    result = keraseq.fit(model, shakespeare, epochs=3, learning_rate=0.02, progress=False)
    assert result.score < shakespeare.chance - 1
    save_model(model, shakespeare, tmp_path / "model")
    answer, unknown = load_model(tmp_path / "model").predict(["to be, or not to b", "§"])
    assert answer["next"][0]["text"] == "e"
    assert answer["bits_per_character"] < shakespeare.chance
    assert unknown.keys() == {"next"}


def test_of_a_long_text_the_last_window_is_predicted_on(shakespeare):
    whole = shakespeare.preprocessor.batch([TEXT[:50], "to be"])
    assert whole.shape == (2, 16)
    np.testing.assert_array_equal(whole[0], shakespeare.preprocessor.batch([TEXT[34:50]])[0])


def test_the_chance_of_a_language_is_that_of_single_symbols(shakespeare):
    size = shakespeare.output.vocabulary_size
    texts = {"train": TEXT, "test": TEXT[50:150]}
    symbols = {split: shakespeare.preprocessor.steps([text])[0][1:] for split, text in texts.items()}
    counts = np.bincount(symbols["train"], minlength=size) + 0.5
    bits = -np.log2(counts / counts.sum())[symbols["test"]].mean()
    assert shakespeare.chance == pytest.approx(bits)
    assert shakespeare.chances["perplexity"] == pytest.approx(2**bits)
    assert shakespeare.chances["accuracy"] == np.mean(symbols["test"] == counts.argmax())


def test_a_saved_language_preprocessor_is_the_same(shakespeare):
    again = Preprocessor.from_json(shakespeare.preprocessor.to_json())
    np.testing.assert_array_equal(again.batch(["to be"]), shakespeare.preprocessor.batch(["to be"]))
    with pytest.raises(UsageError, match="example 0 must be a text; got int"):
        again.batch([3])


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("tiny_shakespeare", {"context": 128}, r"context must be at least 0 and below length \(128\); got 128"),
        ("tiny_shakespeare", {"tokeniser": "words"}, "tokeniser must be one of 'bytes', 'characters'"),
        ("tiny_shakespeare", {"length": 0}, "length must be at least 1; got 0"),
        ("ett", {"horizon": 25}, "horizon must be one of 24, 48, 96"),
        ("ett", {"length": 1}, "length must be in 2 … 2880, the hours of validation; got 1"),
        ("multi30k", {"to_language": "en"}, "from_language and to_language must differ; got 'en' twice"),
        ("multi30k", {"vocabulary_size": 100}, "vocabulary_size must be at least 258"),
        ("universal_dependencies", {"vocabulary_size": 1}, "vocabulary_size must be at least 3; got 1"),
    ],
)
def test_bad_settings_are_refused_before_any_data(name, settings, message):
    with pytest.raises(UsageError, match=message):
        task_config(name, settings)


def test_lists_of_words_are_symbols_in_lower_case():
    preprocessor = WordListPreprocessor.fit([["The", "cat"], ["the", "New York"]], 10)
    (the, york), (unknown,) = preprocessor.steps([["THE", "new york"], ["dog"]])
    assert (the, unknown) == (2, 1)
    assert york > 2
    again = Preprocessor.from_json(preprocessor.to_json())
    np.testing.assert_array_equal(again.batch([["cat", "the"]]), preprocessor.batch([["cat", "the"]]))
    for bad, message in ((["a text"], "must be a list of words; got one text"), ([[]], "at least one word; got none")):
        with pytest.raises(UsageError, match=f"example 0 {message}|example 0 must have {message}"):
            preprocessor.steps(bad)
    with pytest.raises(UsageError, match="example 1 must hold words; got 3"):
        preprocessor.steps([["a"], ["b", 3]])


@pytest.mark.parametrize("independent", [True, False])
def test_series_are_cut_into_windows_with_what_comes_after(independent, monkeypatch, tmp_path):
    hours = np.arange(100.0)
    series = {"train": hours[:60], "validation": hours[60:80], "test": hours[80:]}

    def read(builder, *, input_of, **rest):
        many = {split: [np.stack([x, -x, x**2, x, x, x, x], axis=1)] for split, x in series.items()}
        return Data({split: Raw(x, x) for split, x in many.items()}, None, {"source": "here"})

    monkeypatch.setattr(source, "open_builder", lambda name, data_dir: None)
    monkeypatch.setattr(source, "read", read)
    monkeypatch.setattr("keraseq.tasks.ett.HORIZONS", (4,))
    monkeypatch.setenv("KERASEQ_CACHE_DIR", str(tmp_path))
    task = load_task("ett", horizon=4, length=6, independent=independent)
    assert task.output == Forecasting(4, 1 if independent else 7)
    counts = {split: len(task._examples[split]) for split in series}
    windows = {"train": 51, "validation": 17, "test": 17}
    assert counts == {split: n * (7 if independent else 1) for split, n in windows.items()}
    x, y = next(iter(task.test.as_numpy_iterator()))
    mean, deviation = hours[:60].mean(), hours[:60].std()
    np.testing.assert_allclose(x[0, :, 0] * deviation + mean, hours[74:80], rtol=1e-4)
    np.testing.assert_allclose(y[0, :, 0] * deviation + mean, hours[80:84], rtol=1e-4)
    wanted = np.mean((np.concatenate([t for _, t in task.test.as_numpy_iterator()]) - _mean(task)) ** 2)
    assert task.chances["mse"] == pytest.approx(wanted, rel=1e-4)


def _mean(task):
    return np.concatenate([t for _, t in task.train.as_numpy_iterator()]).mean(axis=0)


def test_bleu_is_that_of_sacrebleu_and_its_absence_is_told(monkeypatch):
    pytest.importorskip("sacrebleu", reason="sacrebleu is not installed: pip install 'keraseq[tasks]'")
    found, wanted = ["the cat sat on the mat", "a dog"], ["the cat sat on the mat", "the dog"]
    assert score.bleu(wanted, wanted) == pytest.approx(100)
    assert 50 < score.bleu(found, wanted) < 100
    monkeypatch.setitem(__import__("sys").modules, "sacrebleu", None)
    with pytest.raises(KeraseqError, match=r"score bleu needs the package sacrebleu.*'keraseq\[tasks\]'"):
        score.bleu(found, wanted)
