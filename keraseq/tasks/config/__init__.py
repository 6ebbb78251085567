"""Task configurations: the settings of a task, and how its raw data are read. See `TaskConfig`."""

from keraseq.tasks.config.audio import AudioConfig
from keraseq.tasks.config.base import BATCHING, TaskConfig, settings_added_by
from keraseq.tasks.config.checks import at_least, check_idle, one_of
from keraseq.tasks.config.language import LanguageConfig
from keraseq.tasks.config.synthetic import RaggedConfig, SyntheticConfig
from keraseq.tasks.config.text import TextConfig
from keraseq.tasks.config.translation import TranslationConfig

__all__ = [
    "BATCHING",
    "AudioConfig",
    "LanguageConfig",
    "RaggedConfig",
    "SyntheticConfig",
    "TaskConfig",
    "TextConfig",
    "TranslationConfig",
    "at_least",
    "check_idle",
    "one_of",
    "settings_added_by",
]
