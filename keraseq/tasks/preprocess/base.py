"""What every preprocessor does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from keraseq.config import check
from keraseq.errors import UsageError
from keraseq.models.inputs import Inputs
from keraseq.models.outputs import Output
from keraseq.tasks.examples import Examples
from keraseq.tasks.pipeline import assemble


class Preprocessor(ABC):
    """Turns raw examples into model inputs.

    Attributes:
        kind: name of the preprocessor in JSON.
        reads_text: whether a raw example is a text, else an array.
        spec: the inputs that it gives.
    """

    kind: ClassVar[str]
    reads_text: ClassVar[bool] = False
    spec: Inputs
    _kinds: ClassVar[dict[str, type[Preprocessor]]] = {}

    def __init_subclass__(cls) -> None:
        Preprocessor._kinds[cls.kind] = cls

    @abstractmethod
    def steps(self, raws: Sequence[Any] | np.ndarray) -> list[np.ndarray]:
        """The steps of each raw example, at least one, in a compact dtype; shape `(time,)` or `(time, size)`.

        Raises:
            UsageError: an example that cannot be used, by its index.
        """

    def given(self, raws: Sequence[Any] | np.ndarray) -> list[np.ndarray]:
        """The steps of raw examples that a model is to predict on; by default as for training."""
        return self.steps(raws)

    def targets(self, raws: Sequence[Any] | np.ndarray) -> np.ndarray | list[np.ndarray]:
        """Raw targets as encoded ones: one array, or a sequence each; by default as they are."""
        return raws if isinstance(raws, np.ndarray) else list(raws)

    def output(self, longest: int) -> Output:
        """What is asked for, of tasks where only the preprocessor knows; `longest` is that of the encoded targets."""
        raise NotImplementedError

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """The preprocessor as plain data."""

    @staticmethod
    def from_json(data: dict[str, Any]) -> Preprocessor:
        """The preprocessor that `to_json` wrote."""
        settings = dict(data)
        return Preprocessor._kinds[settings.pop("kind")].restore(settings)

    @classmethod
    def restore(cls, settings: dict[str, Any]) -> Preprocessor:
        """The preprocessor with these settings, as in JSON."""
        return cls(**settings)

    def batch(self, raws: Sequence[Any] | np.ndarray) -> Any:
        """One batch of model inputs: int32 tokens `(batch, time)`, float32 features `(batch, time, size)`, float32
        samples `(batch, samples)`, or a dictionary of `values` and `mask` where the lengths of the last two differ.

        Raises:
            UsageError: no example, or one that cannot be used.
        """
        check(not isinstance(raws, str), "a list of texts is wanted; got one text. Remedy: put it in [ ]")
        check(len(raws) > 0, "at least one example is wanted; got none")
        examples = Examples.join(self.given(raws), np.empty(len(raws)))
        return assemble(examples, np.arange(len(raws)), self.spec)


def array_of(what: str, raw: Any, index: int) -> np.ndarray:
    """Raw example number `index` as an array; raises UsageError where it is none, as rows of different lengths are."""
    try:
        return np.asarray(raw)
    except ValueError as error:
        raise UsageError(f"example {index} must be an array of {what}: {error}") from error
