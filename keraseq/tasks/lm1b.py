"""The One Billion Word Benchmark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from keraseq.config import Choice
from keraseq.registry import tasks
from keraseq.tasks.config import LanguageConfig


@tasks.register("lm1b", tags={"language_modelling", "text"}, reference="Chelba et al. 2013, arXiv:1312.3005")
@dataclass(frozen=True)
class LM1B(LanguageConfig):
    """The next subword of a billion words of news in sentences that are not in order; a sentence ends with a new line.

    Test is the first held-out part, 306,688 sentences. There is no validation split: the last of the 30 million
    sentences for training are taken. 1.7 GB to download, 4.4 GB as TFDS keeps them; they are streamed from disk, so
    that little memory is needed.
    """

    tokeniser: Annotated[str, Choice("bytes", "characters", "whitespace", "subwords"), "what one step is"] = "subwords"
    vocabulary_size: Annotated[int, "most symbols, padding and unknown included; bytes always have 258"] = 32_000
    validation: Annotated[float, "share of train taken for validation"] = 0.001

    source: ClassVar[str] = "lm1b:1.1.0"
    between: ClassVar[str] = "\n"
    fitted_on: ClassVar[int | None] = 1_000_000
