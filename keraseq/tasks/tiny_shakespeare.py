"""Shakespeare, a character at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from keraseq.registry import tasks
from keraseq.tasks.baseline import MEASURED, Baseline
from keraseq.tasks.config import LanguageConfig


@tasks.register(
    "tiny_shakespeare",
    tags={"language_modelling", "text"},
    reference="http://karpathy.github.io/2015/05/21/rnn-effectiveness/",
)
@dataclass(frozen=True)
class TinyShakespeare(LanguageConfig):
    """The next character of Shakespeare's plays: 1.1 million characters of 65 kinds, the last tenth held out."""

    source: ClassVar[str] = "tiny_shakespeare:1.0.0"
    baselines: ClassVar[tuple[Baseline, ...]] = (Baseline("gru", "bits_per_character", 2.167, MEASURED),)
