"""What tasks that ask for the class of a text share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from keraseq.tasks.config import TextConfig

if TYPE_CHECKING:
    from keraseq.tasks.source import Data


@dataclass(frozen=True)
class TextClassConfig(TextConfig):
    """Settings of tasks that ask for the class of a text.

    Attributes:
        text_feature, class_feature: names of the features of the data set.
        test_split: its split to test on; where that is `"validation"`, validation is taken from train.
    """

    text_feature: ClassVar[str] = "text"
    class_feature: ClassVar[str] = "label"
    test_split: ClassVar[str] = "test"

    def read(self, data_dir: str | None) -> Data:
        from keraseq.tasks import source

        return source.read_classes(
            self, data_dir, input=self.text_feature, label=self.class_feature, test_split=self.test_split
        )
