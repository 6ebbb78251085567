"""A training as a run of MLflow, at the address that MLFLOW_TRACKING_URI names."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras

from keraseq.errors import KeraseqError
from keraseq.files import replacing

RUN = "mlflow-run"  # file in the directory of a training, with the id of its run


@contextlib.contextmanager
def tracked(directory: Path, about: Mapping[str, Any], resume: bool) -> Iterator[list[keras.callbacks.Callback]]:
    """Inside the block there is a run, whose callback it gives: settings, and the metrics of every epoch.

    Args:
        directory: of the training; it names the run, and keeps its id, so that a resumed training goes on with it.
        about: what is noted of it.
        resume: whether to go on with the run that is there.

    Raises:
        KeraseqError: MLflow is absent.
    """
    try:
        import mlflow
        from mlflow.keras import MlflowCallback
    except ImportError as error:
        raise KeraseqError("tracking needs MLflow: pip install 'keraseq[mlflow]'") from error
    kept = directory / RUN
    known = kept.read_text(encoding="utf-8") if resume and kept.exists() else None
    with mlflow.start_run(run_id=known, run_name=None if known else directory.name) as run:
        with replacing(kept) as temporary:
            temporary.write_text(run.info.run_id, encoding="utf-8")
        mlflow.log_params(about)
        yield [MlflowCallback()]


def note(scores: Mapping[str, float]) -> None:
    """Notes scores in the run at hand."""
    import mlflow

    mlflow.log_metrics(scores)
