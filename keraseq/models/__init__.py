"""Model families, what they are given and asked for, and `create_model`. Imports no Keras until a model is built."""

from keraseq.models.create import build, check_settings, count_parameters, create_model, resolve, without_effect
from keraseq.models.encoder_decoder import EncoderDecoder
from keraseq.models.family import Family
from keraseq.models.inputs import Features, Inputs, Tokens, Waveform
from keraseq.models.outputs import (
    Classification,
    Forecasting,
    LanguageModelling,
    MultiLabelClassification,
    MultiLabelTagging,
    Output,
    Regression,
    Tagging,
    Transduction,
    Translation,
)

__all__ = [
    "Classification",
    "EncoderDecoder",
    "Family",
    "Features",
    "Forecasting",
    "Inputs",
    "LanguageModelling",
    "MultiLabelClassification",
    "MultiLabelTagging",
    "Output",
    "Regression",
    "Tagging",
    "Tokens",
    "Transduction",
    "Translation",
    "Waveform",
    "build",
    "check_settings",
    "count_parameters",
    "create_model",
    "resolve",
    "without_effect",
]
