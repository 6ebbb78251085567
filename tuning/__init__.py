"""Search across architecture families: spaces, algorithms, the study, its coordinator and the children that train.

Importing this package imports neither TensorFlow nor Keras.
"""

if __name__ != "keraseq.tuning":
    raise ImportError(f"tuning was imported as {__name__!r}; it is part of keraseq: use 'import keraseq.tuning'")

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keraseq.tuning.hypermodel import SequenceHyperModel
    from keraseq.tuning.hyperparameters import AskingHyperParameters
    from keraseq.tuning.study import Study

_PUBLIC = {
    "AskingHyperParameters": "hyperparameters",
    "SequenceHyperModel": "hypermodel",
    "Study": "study",
}
__all__ = ["AskingHyperParameters", "SequenceHyperModel", "Study"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
