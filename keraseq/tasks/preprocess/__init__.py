"""Preprocessors: a raw example to the steps that a model takes.

A preprocessor is saved beside a model, so that the model predicts on raw examples without its data set.
"""

from keraseq.tasks.preprocess.audio import AudioPreprocessor
from keraseq.tasks.preprocess.base import Preprocessor
from keraseq.tasks.preprocess.features import FeaturePreprocessor
from keraseq.tasks.preprocess.pairs import PairPreprocessor
from keraseq.tasks.preprocess.stream import StreamPreprocessor
from keraseq.tasks.preprocess.symbols import SymbolPreprocessor
from keraseq.tasks.preprocess.text import TextPreprocessor
from keraseq.tasks.preprocess.word_lists import WordListPreprocessor

__all__ = [
    "AudioPreprocessor",
    "FeaturePreprocessor",
    "PairPreprocessor",
    "Preprocessor",
    "StreamPreprocessor",
    "SymbolPreprocessor",
    "TextPreprocessor",
    "WordListPreprocessor",
]
