"""Whatever is there."""

from __future__ import annotations

from contextlib import AbstractContextManager

from keraseq.registry import strategies
from keraseq.training.strategies.backend import gpus


@strategies.register("auto", tags={"single-device"})
def auto() -> AbstractContextManager[None]:
    """The first GPU where there is one, otherwise the CPU."""
    return strategies.get(picked())()


def picked() -> str:
    """The strategy that `auto` stands for here."""
    return "gpu" if gpus() else "cpu"
