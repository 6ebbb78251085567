"""The Penn Treebank as prepared by Mikolov: a standard of language modelling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from keraseq.config import Choice
from keraseq.registry import tasks
from keraseq.tasks.baseline import Baseline, bai_2018
from keraseq.tasks.config import LanguageConfig


@tasks.register(
    "penn_treebank",
    tags={"language_modelling", "text"},
    reference="Mikolov et al. 2010, doi:10.21437/Interspeech.2010-343; arXiv:1803.01271",
)
@dataclass(frozen=True)
class PennTreebank(LanguageConfig):
    """The next word of the Wall Street Journal: 930,000 words for training, in lower case, of 10,000 kinds.

    Numbers are N, rare words <unk>; a line ends with <eos>, a word as others are. With `tokeniser="characters"` the
    same text is asked for by characters, white space among them.
    """

    tokeniser: Annotated[str, Choice("whitespace", "characters"), "what one step is"] = "whitespace"
    vocabulary_size: Annotated[int, "most symbols, padding and unknown included"] = 10_002
    length: Annotated[int, "steps of a window"] = 70
    context: Annotated[
        int, "steps at the start of a window of validation or test that only tell what came before, and do not count"
    ] = 35

    source: ClassVar[str] = "penn_treebank:1.0.0"
    baselines: ClassVar[tuple[Baseline, ...]] = (
        *bai_2018("perplexity", "13 M parameters", lstm=78.93, gru=92.48, rnn=114.50, tcn=88.68),
        *bai_2018(
            "bits_per_character", "tokeniser=characters, 3 M parameters", lstm=1.36, gru=1.37, rnn=1.48, tcn=1.31
        ),
    )
    between: ClassVar[str] = " <eos> "
