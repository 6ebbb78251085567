"""Whatever is there."""

from __future__ import annotations

from contextlib import AbstractContextManager

from keraseq.registry import strategies


@strategies.register("auto", tags={"single-device"})
def auto() -> AbstractContextManager[None]:
    """The first GPU where there is one, otherwise the CPU."""
    import keras

    return strategies.get("gpu" if keras.distribution.list_devices("gpu") else "cpu")()
