"""Model families, what they are given and asked for, and `create_model`. Imports no Keras until a model is built."""

from keraseq.models.create import build, count_parameters, create_model, resolve
from keraseq.models.family import Family
from keraseq.models.inputs import Features, Inputs, Tokens
from keraseq.models.outputs import Classification, Output, Regression

__all__ = [
    "Classification",
    "Family",
    "Features",
    "Inputs",
    "Output",
    "Regression",
    "Tokens",
    "build",
    "count_parameters",
    "create_model",
    "resolve",
]
