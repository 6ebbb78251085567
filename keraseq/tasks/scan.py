"""Commands to actions: do models compose what they know?"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from keraseq.config import Choice
from keraseq.registry import tasks
from keraseq.tasks.baseline import MEASURED, Baseline
from keraseq.tasks.config import TranslationConfig, one_of

if TYPE_CHECKING:
    from keraseq.tasks.preprocess import Preprocessor
    from keraseq.tasks.source import Data, Raw

LONGEST = 9  # words of a command
VOCABULARY = 100  # more than there are words or actions
SPLITS = (
    "simple",
    "length",
    "addprim_jump",
    "addprim_turn_left",
    *(f"filler_num{n}" for n in range(4)),
    *(f"template_{turn}" for turn in ("around_right", "jump_around_right", "opposite_right", "right")),
    *(f"mcd{n}" for n in range(1, 4)),
)


@tasks.register(
    "scan",
    tags={"translation", "text"},
    reference="arXiv:1711.00350",
)
@dataclass(frozen=True)
class Scan(TranslationConfig):
    """The actions that a command asks for: "jump twice and walk" is I_JUMP I_JUMP I_WALK; 20,910 commands.

    `split` tells which of them are for test: a fifth at random (simple), those with the most actions (length), all that
    compose a word known only by itself (addprim_jump), and others.
    """

    split: Annotated[str, Choice(*SPLITS), "which commands are for test"] = "simple"

    source: ClassVar[str] = "scan:1.1.1"
    baselines: ClassVar[tuple[Baseline, ...]] = (Baseline("gru", "exact_match", 0.992, MEASURED, "split=simple"),)

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("split", self.split, SPLITS)

    @property
    def builder(self) -> str:
        return self.configured(self.split)

    def read(self, data_dir: str | None) -> Data:
        commands, actions = map(operator.itemgetter, ("commands", "actions"))
        return self.read_builder(data_dir, None, input_of=commands, label_of=actions)

    def fit(self, train: Raw) -> Preprocessor:
        from keraseq.tasks.preprocess import PairPreprocessor, TextPreprocessor
        from keraseq.tasks.tokenise import Whitespace

        commands, actions = (Whitespace.fit(list(side), VOCABULARY) for side in (train.inputs, train.targets))
        return PairPreprocessor(TextPreprocessor(commands, LONGEST, truncate="end"), actions)
