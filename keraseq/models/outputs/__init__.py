"""What a model is asked for: output kinds, each with its head, loss, metrics and decoding. See `OutputKind`.

Where targets are not of whole sequences, neither loss nor metrics see the steps whose target is `padding`, whatever the
mask of the model. Their metrics are exact means over all steps that count in an epoch, however they fall into batches;
the loss of a batch is the mean over its steps that count, and Keras reports the mean of these, weighted by sequences.
"""

from __future__ import annotations

from typing import Any, get_args

from keraseq.config import settings_of
from keraseq.models.outputs.classification import Classification
from keraseq.models.outputs.forecasting import Forecasting
from keraseq.models.outputs.language_modelling import LanguageModelling
from keraseq.models.outputs.multilabel_classification import MultiLabelClassification
from keraseq.models.outputs.multilabel_tagging import MultiLabelTagging
from keraseq.models.outputs.regression import Regression
from keraseq.models.outputs.tagging import Tagging
from keraseq.models.outputs.transduction import Transduction
from keraseq.models.outputs.translation import Translation

__all__ = [
    "KINDS",
    "Classification",
    "Forecasting",
    "LanguageModelling",
    "MultiLabelClassification",
    "MultiLabelTagging",
    "Output",
    "Regression",
    "Tagging",
    "Transduction",
    "Translation",
    "from_json",
    "to_json",
]

Output = (
    Classification
    | Forecasting
    | LanguageModelling
    | MultiLabelClassification
    | MultiLabelTagging
    | Regression
    | Tagging
    | Transduction
    | Translation
)

KINDS: dict[str, type[Output]] = {kind.kind: kind for kind in get_args(Output)}


def to_json(output: Output) -> dict[str, Any]:
    """The specification as plain data."""
    return {"kind": output.kind, **settings_of(output)}


def from_json(data: dict[str, Any]) -> Output:
    """The specification that `to_json` wrote."""
    settings = dict(data)
    return KINDS[settings.pop("kind")](**settings)
