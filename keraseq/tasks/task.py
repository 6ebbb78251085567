"""A task: encoded data, what a model takes and is asked for, and how it is scored."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keraseq.config import check, settings_of
from keraseq.errors import UsageError, unknown
from keraseq.files import read_json
from keraseq.models import inputs as input_kinds
from keraseq.models import outputs as output_kinds
from keraseq.models.outputs import (
    Classification,
    MultiLabelClassification,
    MultiLabelTagging,
    Tagging,
    Transduction,
    Translation,
)
from keraseq.tasks.chance import chances
from keraseq.tasks.config import TaskConfig
from keraseq.tasks.examples import Examples, Sequences
from keraseq.tasks.pipeline import Batching, batch, filled, padding
from keraseq.tasks.preprocess import Preprocessor

if TYPE_CHECKING:
    import tensorflow as tf

SPLITS = ("train", "validation", "test")


class Task:
    """What `keraseq.load_task` gives.

    Args:
        name: the registered name, or the TFDS name.
        config: the settings.
        folder: the encoded task in the cache.
        data_dir: where TFDS keeps the raw data.

    Attributes:
        inputs: what a step is: see `keraseq.models.inputs`.
        output: what is asked for: see `keraseq.models.outputs`.
        preprocessor: from raw examples to model inputs; `to_json` saves it beside a model.
        about: source, version, homepage, citation and licence of the data.

    Example:
        >>> task = load_task("digits")  # doctest: +SKIP
        >>> task.inputs.length, len(task.output.labels)  # doctest: +SKIP
        (64, 10)
    """

    def __init__(self, name: str, config: TaskConfig, folder: Path, data_dir: str | None = None):
        self.name = name
        self.config = config
        meta = read_json(folder / "task.json", "delete its folder")
        self.inputs = input_kinds.from_json(meta["inputs"])
        self.output = config.refine(output_kinds.from_json(meta["output"]))
        self.about: dict[str, Any] = meta["about"]
        self.preprocessor = Preprocessor.from_json(read_json(folder / "preprocessor.json", "delete its folder"))
        self.data_dir = data_dir
        self._examples = {split: config.load(folder, split) for split in SPLITS}

    def __repr__(self) -> str:
        return f"<Task {self.name}: {self.inputs} to {self.output.kind}>"

    @property
    def train(self) -> tf.data.Dataset:
        """Training batches, `(inputs, targets)`, in another order each epoch."""
        return self.dataset("train")

    @property
    def validation(self) -> tf.data.Dataset:
        """Validation batches, in a fixed order."""
        return self.dataset("validation")

    @property
    def test(self) -> tf.data.Dataset:
        """Test batches, in a fixed order."""
        return self.dataset("test")

    @property
    def metric(self) -> str:
        """Name of the metric that counts, such as `"accuracy"`."""
        return self.output.metric

    @property
    def objective(self) -> str:
        """What is watched while training, such as `"val_accuracy"`."""
        return f"val_{self.metric}"

    @property
    def direction(self) -> str:
        """Whether the metric is to be `"max"` or `"min"`."""
        return self.output.direction

    @property
    def reference(self) -> Callable[[np.ndarray], np.ndarray] | None:
        """The function from inputs to exact targets of a synthetic task; None where nobody knows it."""
        return type(self.config).reference

    @property
    def chance(self) -> float:
        """The score on test of the best answer that does not depend on the inputs."""
        return self.chances[self.metric]

    @functools.cached_property
    def chances(self) -> dict[str, float]:
        """Metric → its score at chance, of all metrics that have one: see `keraseq.tasks.chance`."""
        return chances(self.output, self._examples["train"], self._examples["test"])

    @property
    def carries(self) -> bool:
        """Whether rows go on from batch to batch, for models that carry their state on."""
        return self.config.batching.contiguous

    @property
    def measures(self) -> dict[str, Any]:
        """Loss and metrics as `keras.Model.compile` takes them: weighted where what fills up a batch weighs nothing."""
        metrics = "weighted_metrics" if self.config.static_shapes else "metrics"
        return {"loss": self.output.loss(), metrics: self.output.metrics()}

    @property
    def padding(self) -> dict[str, float]:
        """Split → the share of padded steps among all steps of its batches."""
        sizes = {split: examples.sizes for split, examples in self._examples.items()}
        plan = self.config.batching.plan
        return {s: padding(values, plan(values, seed=0 if s == "train" else None)) for s, values in sizes.items()}

    def length(self, share: float = 0.5, split: str = "train") -> tuple[int, int]:
        """Steps, of inputs and of targets, that `share` of the sequences of a split do not exceed, in [0, 1].

        By default those of the median sequence. Where all have one length it is that.
        """
        lengths = np.quantile(self._of(split).sizes, share, axis=0, method="inverted_cdf")
        return int(lengths[0]), int(lengths[-1])

    def steps(self, split: str, *, share: float = 1.0) -> int:
        """Batches in one epoch of a split, or of a share of its examples."""
        return self.config.batching.count(self._of(split).sizes[self._chosen(split, share)])

    def heaviest(self, seed: int) -> int:
        """Number of the batch in the first epoch of train that has the most steps, those of its padding counted."""
        sizes = self._examples["train"].sizes
        plan = self.config.batching.plan(sizes, seed=seed)
        return int(np.argmax([len(place) * sizes[place].max(axis=0).sum() for place in plan]))

    def _chosen(self, split: str, share: float) -> np.ndarray:
        """The places of the examples that a share of a split has, in order: a larger share has those of a smaller."""
        size = len(self._of(split).sizes)
        if share == 1.0:
            return np.arange(size)
        check(0 < share < 1, f"share must be in (0, 1]; got {share}")
        check(not self.carries, "rows that go on from batch to batch cannot leave examples out; give share=1.0")
        return np.sort(np.random.default_rng(0).permutation(size)[: math.ceil(share * size)])

    def dataset(
        self,
        split: str,
        *,
        seed: int = 0,
        shuffle: bool | None = None,
        epoch: int = 0,
        skip: int = 0,
        shard: tuple[int, int] = (0, 1),
        share: float = 1.0,
    ) -> tf.data.Dataset:
        """Batches of a split, `(inputs, targets)`; each example once in a pass.

        With `static_shapes` they are `(inputs, targets, weights)`: what fills up a short batch weighs 0.

        Args:
            split: `"train"`, `"validation"` or `"test"`.
            seed: decides the order where shuffled, together with the number of the epoch and nothing else.
            shuffle: whether the order is random and differs between passes; by default for train alone.
            epoch: number of the first pass over what is returned; every further pass counts one up.
            skip: batches that every pass leaves out at its beginning.
            shard: `(worker, workers)`: the rows of every batch that this one of so many workers takes, padded as the
                whole batch is. Together they take each batch once. Needs `static_shapes`, so that all have as many.
            share: part of the examples that every pass has, drawn once for all seeds, in (0, 1].
        """
        import tensorflow as tf

        examples, batching = self._of(split), self.config.batching
        check(seed >= 0 and epoch >= 0, f"seed and epoch must not be negative; got {seed} and {epoch}")
        worker, workers = _checked_shard(shard, batching)
        order_seed = seed if (split == "train" if shuffle is None else shuffle) else None
        passes = itertools.count(epoch)
        chosen = self._chosen(split, share)
        sizes = examples.sizes[chosen]
        widths, most = batching.widths(sizes.max(axis=1)), sizes.max(axis=0)
        count = batching.count(sizes)
        check(0 <= skip < count, f"skip must be in [0, {count}), as a pass has {count} batches; got {skip}")

        def batches() -> Iterator[tuple[Any, ...]]:
            for place in batching.plan(sizes, seed=order_seed, epoch=next(passes))[skip:]:
                index = chosen[place]
                if batching.static_shapes:
                    width = widths[place].max()
                    whole = filled(
                        examples, index, self.inputs, self.output, np.minimum(width, most), batching.rows(width)
                    )
                    yield tf.nest.map_structure(lambda part: part[worker::workers], whole)
                else:
                    yield batch(examples, index, self.inputs, self.output)

        dataset = tf.data.Dataset.from_generator(batches, output_signature=self._signature())
        return dataset.apply(tf.data.experimental.assert_cardinality(count - skip)).prefetch(tf.data.AUTOTUNE)

    def raw(self, split: str, n: int = 5) -> list[tuple[Any, Any]]:
        """The first `n` examples of a split as they are before preprocessing, each with its target.

        They are read from the data set, which the cache cannot replace.
        """
        self._of(split)
        raw = self.config.read(self.data_dir).splits[split]
        targets = (t if isinstance(t, str) else t.tolist() for t in raw.targets)
        return list(itertools.islice(zip(raw.inputs, targets, strict=True), n))

    def read_target(self, target: Any) -> Any:
        """A target as `raw` gives it, with labels in place of their indices."""
        match self.output:
            case Classification(labels=labels):
                return labels[target]
            case Tagging(labels=labels) | Transduction(labels=labels):
                return [labels[k] if k >= 0 else None for k in target]
            case MultiLabelClassification(labels=labels):
                return [label for label, holds in zip(labels, target, strict=True) if holds]
            case MultiLabelTagging(labels=labels):
                return [[label for label, holds in zip(labels, step, strict=True) if holds] for step in target]
        return target

    def summary(self) -> dict[str, Any]:
        """The task as plain data for JSON: settings, sizes, lengths, padding, chance, and where the data are from."""
        sizes = {split: examples.sizes for split, examples in self._examples.items()}
        return {
            "name": self.name,
            "settings": settings_of(self.config),
            "inputs": input_kinds.to_json(self.inputs),
            "output": output_kinds.to_json(self.output),
            "examples": {split: len(values) for split, values in sizes.items()},
            "lengths": {split: _spread(values[:, 0]) for split, values in sizes.items()},
            **self._of_targets(sizes),
            **self._balance(),
            "padding": self.padding,
            "metric": self.metric,
            "direction": self.direction,
            "chance": self.chance,
            "chances": self.chances,
            **self.about,
        }

    def _of_targets(self, sizes: dict[str, np.ndarray]) -> dict[str, Any]:
        """Lengths of the targets, where these differ from those of the inputs."""
        if self.output.targets != "own":
            return {}
        return {"target_lengths": {split: _spread(values[:, 1]) for split, values in sizes.items()}}

    def _balance(self) -> dict[str, Any]:
        """The share of each label in train, commonest first, where there are labels."""
        labelled = Classification | MultiLabelClassification | MultiLabelTagging | Tagging | Transduction
        if not isinstance(self.output, labelled):
            return {}
        targets = self._examples["train"].targets
        found = np.asarray(targets.values if isinstance(targets, Sequences) else targets)
        if isinstance(self.output, MultiLabelClassification | MultiLabelTagging):
            shares = found[found[:, 0] >= 0].mean(axis=0)
        else:
            counts = np.bincount(found[found >= 0], minlength=len(self.output.labels))
            shares = counts / counts.sum()
        order = np.argsort(-shares, kind="stable")
        return {"balance": {self.output.labels[k]: float(shares[k]) for k in order}}

    def _of(self, split: str) -> Examples:
        if split not in self._examples:
            raise UsageError(unknown("split", split, SPLITS))
        return self._examples[split]

    def _signature(self) -> tuple[Any, ...]:
        """What `batch` or `filled` gives, as `tf.TensorSpec`s."""
        import tensorflow as tf

        length = self.inputs.length
        inputs: Any
        match self.inputs:
            case input_kinds.Tokens():
                inputs = tf.TensorSpec((None, length), tf.int32)
            case input_kinds.Features(size=size):
                inputs = tf.TensorSpec((None, length, size), tf.float32)
            case input_kinds.Waveform():
                inputs = tf.TensorSpec((None, length), tf.float32)
        if length is None and not isinstance(self.inputs, input_kinds.Tokens):
            inputs = {"values": inputs, "mask": tf.TensorSpec((None, None), tf.bool)}
        time = {"whole": (), "steps": (length,), "own": (None,)}[self.output.targets]
        targets = tf.TensorSpec((None, *time, *self.output.target_shape), self.output.target_dtype)
        if isinstance(self.output, Translation):
            inputs = {"source": inputs, "previous": targets}
        if self.config.static_shapes:
            return inputs, targets, tf.TensorSpec((None,), tf.float32)
        return inputs, targets


def _checked_shard(shard: tuple[int, int], batching: Batching) -> tuple[int, int]:
    worker, workers = shard
    check(0 <= worker < workers, f"shard must be (worker, workers) with 0 <= worker < workers; got {shard}")
    check(
        workers == 1 or (batching.static_shapes and not batching.token_budget and batching.batch_size % workers == 0),
        f"shards need batches of one size that {workers} workers divide: set static_shapes=True, no token_budget, and "
        f"a batch_size that is a multiple of {workers}; got {batching}",
    )
    return worker, workers


def _spread(lengths: np.ndarray) -> dict[str, float]:
    inner = {f"{share}%": float(np.percentile(lengths, share)) for share in (5, 50, 95)}
    return {"min": int(lengths.min()), **inner, "max": int(lengths.max())}
