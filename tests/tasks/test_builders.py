"""Our TFDS builders on tiny files in the form of the real ones, and the checksums of these."""

import gzip
import re
from importlib import resources

import numpy as np
import pytest
from scipy.io import savemat

from keraseq.tasks import source

FILES = {"penn_treebank": 3, "jsb_chorales": 1, "ett/ETTh1": 1, "multi30k": 9}


class Downloads:
    """Stands in for the download manager: gives local files by the names of their addresses."""

    def __init__(self, folder):
        self.folder = folder
        self.asked = []

    def download(self, wanted):
        if isinstance(wanted, dict):
            return {key: self.download(value) for key, value in wanted.items()}
        self.asked.append(wanted)
        return self.folder / wanted.rpartition("/")[2]


def examples(name, folder):
    """Split → examples, and the addresses that were asked for."""
    builder = source.open_builder(name, str(folder / "tfds"))
    downloads = Downloads(folder)
    splits = builder._split_generators(downloads)
    found = {split: [example for _, example in rows] for split, rows in splits.items()}
    for example in (example for rows in found.values() for example in rows):
        builder.info.features.encode_example(example)
    assert set(downloads.asked) <= set(builder.url_infos)
    assert len(downloads.asked) == FILES[name]
    return found


def test_penn_treebank(tmp_path):
    for split, text in {"train": " a <unk> N \n b c \n", "valid": " d \n", "test": " é \n"}.items():
        (tmp_path / f"ptb.{split}.txt").write_text(text, encoding="utf-8")
    found = examples("penn_treebank", tmp_path)
    assert found == {
        "train": [{"text": "a <unk> N"}, {"text": "b c"}],
        "validation": [{"text": "d"}],
        "test": [{"text": "é"}],
    }


def test_jsb_chorales(tmp_path):
    rolls = [np.eye(5, 88, dtype="uint8"), np.ones((3, 88), "uint8")]
    cells = {}
    for name, chosen in {"traindata": rolls, "validdata": rolls[:1], "testdata": rolls[1:]}.items():
        cells[name] = np.empty((1, len(chosen)), object)
        cells[name][0, :] = chosen
    savemat(tmp_path / "JSB_Chorales.mat", cells)
    found = examples("jsb_chorales", tmp_path)
    assert {split: len(rows) for split, rows in found.items()} == {"train": 2, "validation": 1, "test": 1}
    np.testing.assert_array_equal(found["train"][1]["roll"], rolls[1])
    np.testing.assert_array_equal(found["validation"][0]["roll"], rolls[0])
    np.testing.assert_array_equal(found["test"][0]["roll"], rolls[1])


def test_ett(tmp_path):
    hours = 21 * 30 * 24
    rows = [f"2016-07-01 00:00:00,{','.join(str(h + k / 10) for k in range(7))}" for h in range(hours)]
    (tmp_path / "ETTh1.csv").write_text("\n".join(["date,HUFL,HULL,MUFL,MULL,LUFL,LULL,OT", *rows]))
    found = examples("ett/ETTh1", tmp_path)
    series = {split: rows[0]["series"] for split, rows in found.items()}
    assert {split: x.shape for split, x in series.items()} == {
        "train": (8640, 7),
        "validation": (2880, 7),
        "test": (2880, 7),
    }
    assert [x[0, 6] for x in series.values()] == [0.6, 8640.6, 11520.6]


def test_multi30k(tmp_path):
    for name, lines in {"train": 3, "val": 1, "test_2016_flickr": 2}.items():
        for language in ("en", "de", "fr"):
            text = "".join(f"{language} Straße {i}\n" for i in range(lines))
            (tmp_path / f"{name}.{language}.gz").write_bytes(gzip.compress(text.encode("utf-8")))
    found = examples("multi30k", tmp_path)
    assert {split: len(rows) for split, rows in found.items()} == {"train": 3, "validation": 1, "test": 2}
    assert found["test"][1] == {"en": "en Straße 1", "de": "de Straße 1", "fr": "fr Straße 1"}


def test_captions_that_do_not_match_are_refused(tmp_path):
    for name in ("train", "val", "test_2016_flickr"):
        for language in ("en", "de", "fr"):
            text = "one\n" * (2 if language == "fr" else 1)
            (tmp_path / f"{name}.{language}.gz").write_bytes(gzip.compress(text.encode("utf-8")))
    with pytest.raises(ValueError, match="argument 3 is longer"):
        examples("multi30k", tmp_path)


def test_every_download_has_its_size_and_checksum():
    lines = (resources.files("keraseq.tasks.builders") / "checksums.tsv").read_text().splitlines()
    assert len(lines) == sum(FILES.values())
    for line in lines:
        url, size, sha256, name = line.split("\t")
        assert url.startswith("https://")
        assert url.endswith(f"/{name}")
        assert int(size) > 0
        assert re.fullmatch("[0-9a-f]{64}", sha256)


@pytest.mark.parametrize("name", FILES)
def test_what_a_set_is_and_whose(name, tmp_path):
    info = source.open_builder(name, str(tmp_path)).info
    assert info.citation.startswith("@")
    assert info.homepage.startswith("http")
    assert info.redistribution_info.license
