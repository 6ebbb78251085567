"""Saving a trained model with all that is needed to use it, and loading it again."""

from __future__ import annotations

import functools
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras

from keraseq.config import settings_of
from keraseq.errors import KeraseqError, UsageError
from keraseq.files import make_folder, read_json, replacing, sha256, write_json
from keraseq.inference.decode import GreedyDecoder
from keraseq.inference.score import greedy
from keraseq.models import count_parameters
from keraseq.models import inputs as input_specs
from keraseq.models import outputs as output_specs
from keraseq.models.outputs import (
    Classification,
    Forecasting,
    LanguageModelling,
    MultiLabelClassification,
    MultiLabelTagging,
    Regression,
    Tagging,
    Transduction,
    Translation,
)
from keraseq.registry import layers
from keraseq.tasks import Preprocessor, Task
from keraseq.tasks.preprocess import PairPreprocessor, StreamPreprocessor

MODEL = "model.keras"
CARD = "card.json"
FORMAT = 1


def save_model(
    model: keras.Model, task: Task, directory: str | Path, facts: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Writes `model.keras` and `card.json` to `directory`, each atomically, and returns the card.

    Args:
        model: trained on `task`.
        task: gives preprocessing, inputs and output.
        directory: created if need be.
        facts: what else the card should tell, as plain data: `config`, `seed`, `score`, …

    Raises:
        UsageError: the model has a layer that is neither Keras's nor registered, and so could not be loaded by name.
        KeraseqError: the directory cannot be written.
    """
    folder = make_folder(Path(directory))
    card = {
        "format": FORMAT,
        "task": {"name": task.name, "settings": settings_of(task.config)},
        "inputs": input_specs.to_json(task.inputs),
        "output": output_specs.to_json(task.output),
        "preprocessing": task.preprocessor.to_json(),
        "layers": _registered_layers(model),
        "parameters": count_parameters(model),
        **(facts or {}),
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in ("keraseq", "keras", keras.backend.backend())},
        },
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    with replacing(folder / MODEL) as temporary:
        _uncompiled(model).save(temporary)
    write_json(folder / CARD, {**card, "model_sha256": sha256(folder / MODEL)})
    return card


@dataclass(frozen=True)
class Predictor:
    """A trained model that takes raw inputs.

    Attributes:
        model: the Keras model.
        card: what it is: task, preprocessing, config, seed, score, versions.
        preprocessor: raw example → steps.
        output: how predictions read.
    """

    model: keras.Model
    card: dict[str, Any]
    preprocessor: Preprocessor
    output: output_specs.Output

    def predict(self, examples: Sequence[Any], batch_size: int = 64) -> list[dict[str, Any]]:
        """One dictionary an example, as `decode` of the kind of output gives it: `label` and `probability` for
        classification, `value` for regression, `labels` for tagging and several labels, `text` for translation and
        transduction, …

        Args:
            examples: raw, as the data set gives them: strings for text, arrays `(time, features)` for features.
            batch_size: examples at once.

        Raises:
            UsageError: an example is not of the task's kind.
        """
        if isinstance(examples, str):
            raise UsageError("predict takes a list of examples; got one string: put it in a list")
        starts = range(0, len(examples), batch_size)
        batches = (self.preprocessor.batch(examples[i : i + batch_size]) for i in starts)
        return [answer for batch in batches for answer in self._answers(batch)]

    def _answers(self, given: Any) -> list[dict[str, Any]]:
        """The answers to one batch of what the model takes."""
        match self.output, self.preprocessor:
            case Tagging() | MultiLabelTagging(), _:
                valid = input_specs.valid_steps(self.preprocessor.spec, given)
                return self.output.decode(self.model.predict_on_batch(given), valid)
            case Translation(), PairPreprocessor(target=target):
                return self.output.decode(self._write(given), target.decode)
            case LanguageModelling(), StreamPreprocessor(tokeniser=tokeniser):
                return self.output.decode(self.model.predict_on_batch(given), given, tokeniser.decode)
            case Classification() | Forecasting() | MultiLabelClassification() | Regression() | Transduction(), _:
                return self.output.decode(self.model.predict_on_batch(given))
        raise KeraseqError(f"{self.output} cannot be read with a preprocessor of kind {self.preprocessor.kind!r}")

    @functools.cached_property
    def _write(self) -> GreedyDecoder:
        assert isinstance(self.output, Translation)
        return greedy(self.model, self.output)


def _uncompiled(model: keras.Model) -> keras.Model:
    """The same layers without the optimizer, whose state is larger than the weights and of no use here."""
    return keras.Model(model.input, model.output, name=model.name) if getattr(model, "inputs", None) else model


def load_model(directory: str | Path) -> Predictor:
    """The model that `save_model` wrote, ready to predict on raw inputs.

    Layers are found through the registry by the names on the card; nothing in the folder is executed.

    Raises:
        KeraseqError: there is no model, it is damaged, or its card is of another format.
        UnknownNameError, BrokenPluginError: a layer comes from a plugin that is not installed, or is broken.
    """
    folder = Path(directory)
    if not (folder / CARD).is_file():
        raise KeraseqError(f"no model in {folder}: it has no {CARD}; give a folder that train or search wrote")
    card = read_json(folder / CARD, "train again or restore the folder")
    if card.get("format") != FORMAT:
        raise KeraseqError(f"{folder / CARD} has format {card.get('format')}; this keraseq reads {FORMAT}: upgrade it")
    if not (folder / MODEL).is_file() or sha256(folder / MODEL) != card["model_sha256"]:
        raise KeraseqError(f"{folder / MODEL} is missing or not the file its card describes; restore it or train again")
    custom = {keras.saving.get_registered_name(cls): cls for cls in map(layers.get, card["layers"])}
    return Predictor(
        model=keras.saving.load_model(folder / MODEL, custom_objects=custom, compile=False),
        card=card,
        preprocessor=Preprocessor.from_json(card["preprocessing"]),
        output=output_specs.from_json(card["output"]),
    )


def _registered_layers(model: keras.Model) -> list[str]:
    names = set()
    for layer in model._flatten_layers(include_self=False):
        cls = type(layer)
        name = layers.name_of(cls)
        if name:
            names.add(name)
        elif cls.__module__.partition(".")[0] != "keras":
            raise UsageError(
                f"layer {cls.__module__}.{cls.__qualname__} is not registered, so a saved model could not find it; "
                f"decorate it with keraseq.registry.layers.register(name)"
            )
    return sorted(names)
