"""Gestures of a hand that wears a watch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from keraseq.registry import tasks
from keraseq.tasks.baseline import MEASURED, Baseline
from keraseq.tasks.config import TaskConfig

if TYPE_CHECKING:
    from keraseq.tasks.preprocess import Preprocessor
    from keraseq.tasks.source import Data, Raw

TEST, TEST_SEED = 0.2, 0  # of every gesture
AXES = ("accel_x", "accel_y", "accel_z")


@tasks.register(
    "smartwatch_gestures",
    tags={"classification", "features", "sensors"},
    reference="Costante et al. 2014, doi:10.1109/EUSIPCO.2014.6952180",
)
@dataclass(frozen=True)
class SmartwatchGestures(TaskConfig):
    """Which of twenty gestures a watch went through: 3,251 recordings of eight people, 10 to 51 steps.

    A step is the acceleration along three axes. TFDS has one split of all recordings: a fifth of each gesture is for
    test, the same whatever the settings. The same people are in every split.
    """

    source: ClassVar[str] = "smartwatch_gestures:1.0.0"
    baselines: ClassVar[tuple[Baseline, ...]] = (Baseline("gru", "accuracy", 0.994, MEASURED, "bidirectional"),)
    standardise: ClassVar[bool] = True

    def read(self, data_dir: str | None) -> Data:
        import tensorflow as tf

        from keraseq.models.outputs import Classification
        from keraseq.tasks import source

        builder = source.open_builder(self.source, data_dir)
        return source.read(
            builder,
            name="smartwatch_gestures",
            data_dir=data_dir,
            output=Classification(tuple(builder.info.features["gesture"].names)),
            input_of=lambda example: tf.stack([tf.cast(example["features"][a], tf.float32) for a in AXES], axis=-1),
            label_of=lambda example: example["gesture"],
            validation=self.validation,
            seed=self.split_seed,
            test=source.Share(TEST, seed=TEST_SEED, stratified=True),
        )

    def fit(self, train: Raw) -> Preprocessor:
        from keraseq.tasks.preprocess import FeaturePreprocessor

        return FeaturePreprocessor(size=len(AXES), length=None, layout="steps")
