"""The TFDS builder `multi30k`: captions in English, German and French."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds

from keraseq.tasks.multi30k import LANGUAGES

_CITATION = """@inproceedings{elliott2016multi30k,
  author = {Elliott, Desmond and Frank, Stella and Sima'an, Khalil and Specia, Lucia},
  title = {Multi30{K}: Multilingual {E}nglish-{G}erman Image Descriptions},
  booktitle = {Workshop on Vision and Language},
  year = {2016},
}"""

_URL = "https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw/"


class Multi30k(tfds.core.GeneratorBasedBuilder):
    """Captions of 31,014 pictures, each in three languages."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012 (as TFDS declares it)

    def _info(self) -> Any:
        return tfds.core.DatasetInfo(
            builder=self,
            description="Task 1 of Multi30k: English captions of Flickr30k and their translations into German and "
            "French, raw; test is Flickr 2016.",
            features=tfds.features.FeaturesDict({language: tfds.features.Text() for language in LANGUAGES}),
            homepage="https://github.com/multi30k/dataset",
            citation=_CITATION,
            license="CC BY-NC-SA 4.0",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        names = {"train": "train", "validation": "val", "test": "test_2016_flickr"}
        paths = dl_manager.download(
            {split: {lang: f"{_URL}{name}.{lang}.gz" for lang in LANGUAGES} for split, name in names.items()}
        )
        return {split: self._generate_examples(files) for split, files in paths.items()}

    def _generate_examples(self, files: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
        texts = [gzip.decompress(files[language].read_bytes()).decode("utf-8").splitlines() for language in LANGUAGES]
        for index, captions in enumerate(zip(*texts, strict=True)):
            yield index, dict(zip(LANGUAGES, map(str.strip, captions), strict=True))
