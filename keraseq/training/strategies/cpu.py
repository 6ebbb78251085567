"""One CPU."""

from __future__ import annotations

from contextlib import AbstractContextManager

from keraseq.registry import strategies


@strategies.register("cpu", tags={"single-device"})
def cpu() -> AbstractContextManager[None]:
    """All work on the CPU, even where there is an accelerator."""
    import keras

    return keras.device("cpu:0")
