"""Which backend of Keras a strategy runs on."""

from __future__ import annotations

from keraseq.errors import UsageError


def needs(strategy: str, backend: str, instead: str) -> None:
    """Refuses a strategy on another backend than its own.

    Raises:
        UsageError: Keras runs on another one; the message names the strategy to use `instead`.
    """
    import keras

    if keras.backend.backend() != backend:
        raise UsageError(
            f"strategy {strategy!r} needs Keras on {backend}; it runs on {keras.backend.backend()}: use strategy "
            f"{instead!r}, or set KERAS_BACKEND={backend}"
        )
