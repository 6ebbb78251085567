"""What a model is asked for: output kinds, each with its head, loss, metrics and decoding.

Every kind has
    kind: its name in JSON,
    metric, direction: the metric that counts, and whether it is to be `"max"` or `"min"`,
    per_step: whether the head is applied to every step of the backbone, or to what pooling made of all steps,
    head, loss, metrics, decode.

Kinds with `per_step` have targets `(batch, time)`, int32, with `padding` at steps that do not count: neither loss nor
metrics see these, whatever the mask of the model. Their metrics are exact means over all steps that count in an epoch,
however they fall into batches; the loss of a batch is the mean over its steps that count, and Keras reports the mean of
these, weighted by sequences.
"""

from __future__ import annotations

from typing import Any

from keraseq.config import settings_of
from keraseq.models.outputs.classification import Classification
from keraseq.models.outputs.regression import Regression
from keraseq.models.outputs.tagging import Tagging
from keraseq.models.outputs.translation import Translation

__all__ = ["Classification", "Output", "Regression", "Tagging", "Translation", "from_json", "to_json"]

Output = Classification | Regression | Tagging | Translation


def to_json(output: Output) -> dict[str, Any]:
    """The specification as plain data."""
    return {"kind": output.kind, **settings_of(output)}


def from_json(data: dict[str, Any]) -> Output:
    """The specification that `to_json` wrote."""
    kinds: dict[str, type[Output]] = {kind.kind: kind for kind in (Classification, Regression, Tagging, Translation)}
    settings = dict(data)
    return kinds[settings.pop("kind")](**settings)
