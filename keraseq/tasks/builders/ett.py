"""The TFDS builder `ett`: hourly measurements of an electricity transformer."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

_CITATION = """@inproceedings{zhou2021informer,
  author = {Zhou, Haoyi and Zhang, Shanghang and Peng, Jieqi and Zhang, Shuai and Li, Jianxin and Xiong, Hui and
    Zhang, Wancai},
  title = {Informer: Beyond Efficient Transformer for Long Sequence Time-Series Forecasting},
  booktitle = {AAAI},
  year = {2021},
}"""

MONTH = 30 * 24  # hours
COLUMNS = ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT")


class Ett(tfds.core.GeneratorBasedBuilder):
    """Six loads and the oil temperature of a transformer, hourly: 12, 4 and 4 months."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012 (as TFDS declares it)
    BUILDER_CONFIGS = [  # noqa: RUF012 (as TFDS declares it)
        tfds.core.BuilderConfig(name="ETTh1", version="1.0.0", description="The first transformer, hourly.")
    ]

    def _info(self) -> Any:
        return tfds.core.DatasetInfo(
            builder=self,
            description="Loads (high, middle and low, useful and useless) and oil temperature of an electricity "
            "transformer from July 2016 on. One example a split: its hours in order. What comes after twenty months is "
            "left out, as in the literature.",
            features=tfds.features.FeaturesDict(
                {"series": tfds.features.Tensor(shape=(None, len(COLUMNS)), dtype=np.float64)}
            ),
            homepage="https://github.com/zhouhaoyi/ETDataset",
            citation=_CITATION,
            license="CC BY-ND 4.0",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        name = self.builder_config.name
        path = dl_manager.download(f"https://raw.githubusercontent.com/zhouhaoyi/ETDataset/main/ETT-small/{name}.csv")
        with path.open() as file:
            rows = [[float(row[column]) for column in COLUMNS] for row in csv.DictReader(file)]
        series = np.array(rows)
        months = {"train": (0, 12), "validation": (12, 16), "test": (16, 20)}
        return {
            split: self._generate_examples(series[first * MONTH : last * MONTH])
            for split, (first, last) in months.items()
        }

    def _generate_examples(self, series: np.ndarray) -> Iterator[tuple[int, dict[str, Any]]]:
        yield 0, {"series": series}
