"""Which backend Keras runs on, and what it sees."""

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


def devices(strategy: str) -> list[str]:
    """Names of all devices of this process, for a strategy of `keras.distribution`.

    Raises:
        UsageError: there is one alone, or Keras does not run on JAX.
    """
    needs(strategy, "jax", "mirrored")
    import keras

    found: list[str] = keras.distribution.list_devices()
    if len(found) < 2:
        raise UsageError(f"strategy {strategy!r} needs at least 2 devices; got {found[0]}: use strategy 'auto'")
    return found


def gpus() -> list[str]:
    """Names of the GPUs that Keras sees, such as `"gpu:0"`. Asked for a kind that is not there, JAX raises."""
    import keras

    return [device for device in keras.distribution.list_devices() if device.startswith("gpu")]
