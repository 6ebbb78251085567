"""The TFDS builder `digits`: scikit-learn's handwritten digits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

_CITATION = """@misc{alpaydin1998optical,
  author = {Alpaydin, E. and Kaynak, C.},
  title = {Optical Recognition of Handwritten Digits},
  year = {1998},
  howpublished = {UCI Machine Learning Repository},
  doi = {10.24432/C50P49},
}"""


class Digits(tfds.core.GeneratorBasedBuilder):
    """1,797 images of handwritten digits, 8 × 8 pixels of 17 grey levels, as scikit-learn bundles them."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012 (as TFDS declares it)

    def _info(self) -> Any:
        return tfds.core.DatasetInfo(
            builder=self,
            description="The test part of the UCI set of handwritten digits, as scikit-learn bundles it; of each digit "
            "every fifth image is for test.",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Tensor(shape=(8, 8), dtype=np.uint8),
                    "label": tfds.features.ClassLabel(num_classes=10),
                }
            ),
            supervised_keys=("image", "label"),
            homepage="https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits",
            citation=_CITATION,
            license="CC BY 4.0",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        from sklearn.datasets import load_digits

        images, labels = load_digits(return_X_y=True)
        images = images.astype(np.uint8).reshape(-1, 8, 8)
        rank = np.empty(len(labels), np.int64)  # of each image among those of its digit
        for label in range(10):
            rank[labels == label] = np.arange(np.count_nonzero(labels == label))
        test = rank % 5 == 4
        return {
            "train": self._generate_examples(images[~test], labels[~test]),
            "test": self._generate_examples(images[test], labels[test]),
        }

    def _generate_examples(self, images: np.ndarray, labels: np.ndarray) -> Iterator[tuple[int, dict[str, Any]]]:
        for index, (image, label) in enumerate(zip(images, labels, strict=True)):
            yield index, {"image": image, "label": int(label)}
