"""Electricity transformer temperature: a standard of long forecasts."""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar

from keraseq.config import Choice, check
from keraseq.registry import tasks
from keraseq.tasks.baseline import MEASURED, Baseline
from keraseq.tasks.config import TaskConfig

if TYPE_CHECKING:
    import numpy as np

    from keraseq.tasks.preprocess import Preprocessor
    from keraseq.tasks.source import Data, Raw

SIZE = 7  # numbers an hour
HORIZONS = (24, 48, 96, 168, 192, 336, 720)


@tasks.register(
    "ett",
    tags={"forecasting", "features"},
    reference="arXiv:2012.07436",
)
@dataclass(frozen=True)
class ETT(TaskConfig):
    """The next hours of six loads and the oil temperature of an electricity transformer, ETTh1: two years, hourly.

    Train, validation and test are 12, 4 and 4 months, one after another; a window of validation or test may begin in
    the split before, but what is foretold is its own. All numbers are standardised by the twelve months of train,
    errors are in these units, and all windows count, as in the literature.

    With `independent` each of the seven is a series of its own, foretold from itself alone by one model for all
    (Nie et al. 2023, arXiv:2211.14730); errors are the same means over all numbers.
    """

    horizon: Annotated[int, Choice(*HORIZONS), "hours foretold"] = 96
    length: Annotated[int, "hours before that a model sees"] = 336
    independent: Annotated[bool, "whether each of the seven series is foretold from itself alone"] = True
    reversible: Annotated[bool, "whether the model sees each window with mean 0 and deviation 1"] = True

    source: ClassVar[str] = "ett/ETTh1:1.0.0"
    baselines: ClassVar[tuple[Baseline, ...]] = (
        Baseline("PatchTST", "mse", 0.370, "Nie et al. 2023, arXiv:2211.14730", "horizon=96"),
        Baseline("DLinear", "mse", 0.375, "Zeng et al. 2023, arXiv:2205.13504", "horizon=96"),
        Baseline("Informer", "mse", 0.865, "Zeng et al. 2023, arXiv:2205.13504", "horizon=96"),
        Baseline("gru", "mse", 0.410, MEASURED, "horizon=96, length=96"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check(
            self.horizon in HORIZONS,
            f"horizon must be one of {', '.join(map(str, HORIZONS))}; got {self.horizon}",
        )
        check(
            2 <= self.length <= 2880,
            f"length must be in 2 … 2880, the hours of validation; got {self.length}. Remedy: leave it out for 336",
        )

    def read(self, data_dir: str | None) -> Data:
        import numpy as np

        from keraseq.models.outputs import Forecasting

        series = operator.itemgetter("series")
        data = self.read_builder(data_dir, None, input_of=series, label_of=series)
        train, validation, test = (data.splits[split].inputs[0] for split in ("train", "validation", "test"))
        mean, deviation = train.mean(axis=0, dtype=np.float64), train.std(axis=0, dtype=np.float64)
        before = [train[:0], train[-self.length :], validation[-self.length :]]
        scaled = [
            ((np.concatenate([lead, own]) - mean) / deviation).astype(np.float32)
            for lead, own in zip(before, (train, validation, test), strict=True)
        ]
        splits = dict(zip(("train", "validation", "test"), map(self._windows, scaled), strict=True))
        output = Forecasting(self.horizon, 1 if self.independent else SIZE, self.reversible)
        return replace(data, splits=splits, output=output)

    def fit(self, train: Raw) -> Preprocessor:
        from keraseq.tasks.preprocess import FeaturePreprocessor

        return FeaturePreprocessor(size=1 if self.independent else SIZE, length=self.length, layout="steps")

    def _windows(self, series: np.ndarray) -> Raw:
        """Every window of a series, `(hours, 7)`, and what comes after it."""
        import numpy as np

        from keraseq.tasks.source import Raw

        cut = np.lib.stride_tricks.sliding_window_view(series, self.length + self.horizon, axis=0)
        cut = cut.transpose(0, 2, 1)  # (windows, length + horizon, 7)
        if self.independent:
            cut = cut.transpose(0, 2, 1).reshape(-1, self.length + self.horizon, 1)
        return Raw(cut[:, : self.length], np.ascontiguousarray(cut[:, self.length :]))
