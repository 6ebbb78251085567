"""One GPU."""

from __future__ import annotations

from contextlib import AbstractContextManager

from keraseq.errors import UsageError
from keraseq.registry import strategies
from keraseq.training.strategies.backend import gpus


@strategies.register("gpu", tags={"single-device"})
def gpu() -> AbstractContextManager[None]:
    """All work on the first GPU.

    Raises:
        UsageError: there is none.
    """
    import keras

    if not gpus():
        raise UsageError("strategy 'gpu' needs a GPU, and Keras sees none; use strategy 'auto' or 'cpu'")
    return keras.device("gpu:0")
