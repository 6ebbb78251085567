"""What every task must do: one small function a check."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from keraseq.models.inputs import Features, Inputs, Tokens, Waveform, longest_steps, valid_steps
from keraseq.models.outputs import (
    KINDS,
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
from keraseq.registry import tasks
from keraseq.tasks.task import SPLITS
from keraseq.testing.report import Report
from keraseq.testing.suite import Check, Suite, check_entry, only_if
from keraseq.testing.tasks.case import DATA_DIR, TaskCase, batches, source_of, unpadded

OUTPUT_TAGS = frozenset(KINDS)
TASK_TAGS = OUTPUT_TAGS | {"features", "tokens", "text", "image", "audio", "music", "sensors", "synthetic"}
REPEATED = 0.05
"""Most that validation and test of a real data set may share with other splits: some repeat themselves as published."""
FEW = 20


def check_task(name: str, *, data_dir: str | None = None, **settings: Any) -> Report:
    """Runs every check of `TASK_CHECKS`.

    Args:
        name: a registered task, which is tried with the cases of its registration.
        data_dir: where TFDS keeps data, as in `load_task`.
        settings: fields to try in place of those cases.

    Returns:
        How many checks ran, which were not asked for, and which are expected to fail; `not_run` says so where the
        data are not on this machine. Nothing is downloaded.

    Raises:
        AssertionError: the task fails checks; the message names each.
        UsageError: unknown name or setting.
    """
    given = {**settings, DATA_DIR: data_dir} if data_dir else settings
    report = TASKS.examine(name, (given,) if given else None)
    report.raise_failures()
    return report


def check_registration(case: TaskCase) -> None:
    """Tags are known and true, and expected failures are of known checks, each with a reason."""
    check_entry(case.entry, TASK_TAGS, TASK_CHECKS)
    kinds = case.tags & OUTPUT_TAGS
    assert kinds == {case.task.output.kind}, f"asks for {case.task.output.kind}, but is tagged {sorted(kinds)}"
    solved = case.task.reference is not None
    assert solved == ("synthetic" in case.tags), f"has {'a' if solved else 'no'} reference; tags: {sorted(case.tags)}"


def check_inputs(case: TaskCase) -> None:
    """Inputs of every split have the shape, type and range that the task declares, padding at the end alone."""
    inputs = case.task.inputs
    for split in SPLITS:
        assert len(case.splits[split]) == case.task.steps(split), f"{split}: batches are not as many as steps() says"
        for given, _ in case.splits[split]:
            x = source_of(given)
            match inputs:
                case Tokens():
                    _check_tokens(x, inputs, split)
                case Features():
                    _check_features(x, inputs, split)
                case Waveform():
                    _check_waveform(x, inputs, split)


def check_targets(case: TaskCase) -> None:
    """Targets of every split are what the kind of output says."""
    output = case.task.output
    for split in SPLITS:
        for inputs, targets in case.splits[split]:
            _check_targets(inputs, targets, output, split)
            if output.targets == "steps":
                _check_steps(inputs, targets, case, split)
            if isinstance(output, Transduction):
                _check_labels(inputs, targets, case.task.inputs, output, split)


def check_splits(case: TaskCase) -> None:
    """No sequence stands in two splits, but for what a real data set repeats."""
    found = {split: case.known(split) for split in SPLITS}
    for split, other in (("validation", "train"), ("test", "train"), ("test", "validation")):
        seen = set(found[other])
        shared = sum(sequence in seen for sequence in found[split])
        most = 0 if "synthetic" in case.tags else REPEATED * sum(1 for _ in case.sequences(split))
        assert shared <= most, f"{shared} sequences of {split} stand in {other} too; wanted at most {most:.0f}"


@only_if(lambda case: case.task.reference is not None, "nobody knows the exact answers")
def check_reference(case: TaskCase) -> None:
    """The exact answers are exact on every split."""
    solve = case.task.reference
    assert solve is not None
    for split in SPLITS:
        for inputs, targets in case.splits[split]:
            answers = np.asarray(solve(inputs))
            whole = case.task.output.targets == "whole"
            away = np.abs(answers - targets)[whole | (targets != case.task.output.padding)].max()
            assert away < 1e-5, f"{split}: the reference is {away:.3g} away from a target"


def check_chance(case: TaskCase) -> None:
    """The best constant answer scores what `chance` says, by the task's own metric."""
    task = case.task
    metric = next(metric for metric in task.output.metrics() if metric.name == task.metric)
    constant = _constant(case)
    frames = constant.shape[1:-1] if isinstance(task.output, Transduction) else None
    for _, targets in case.splits["test"]:
        time = targets.shape[1 : constant.ndim - 1] if frames is None else frames
        metric.update_state(targets, np.broadcast_to(constant, (len(targets), *time, constant.shape[-1])))
    score = float(metric.result())
    assert np.isclose(score, task.chance, rtol=1e-3), f"chance is told as {task.chance:.6g}; a constant got {score:.6g}"


def check_order(case: TaskCase) -> None:
    """The order of train follows from seed and epoch; that of validation and test is fixed; nothing is left out."""
    first = _first(case, "train", seed=0)
    assert _first(case, "train", seed=0) == first, "seed=0 twice gave train in two orders"
    assert _first(case, "train", seed=1) != first, "seed=0 and seed=1 gave train in one order"
    assert _first(case, "train", seed=0, epoch=1) != first, "two epochs gave train in one order"
    for split in ("validation", "test"):
        assert _first(case, split, seed=0) == _first(case, split, seed=1), f"the order of {split} changes with the seed"
    shuffled = [row.tobytes() for given, _ in batches(case.task, "train") for row in unpadded(source_of(given))]
    plain = [row.tobytes() for row in case.sequences("train")]
    assert sorted(shuffled) == sorted(plain), "a shuffled pass over train has other sequences than one in order"


def _check_tokens(x: np.ndarray, inputs: Tokens, split: str) -> None:
    assert x.ndim == 2, f"{split}: tokens must be (batch, time); got {x.shape}"
    assert x.dtype == np.int32, f"{split}: tokens must be int32; got {x.dtype}"
    assert inputs.length in (None, x.shape[1]), f"{split}: {x.shape[1]} steps; inputs say {inputs.length}"
    assert x.min() >= 0, f"{split}: tokens must not be negative; got {x.min()}"
    assert x.max() < inputs.vocabulary_size, f"{split}: token {x.max()}; the vocabulary has {inputs.vocabulary_size}"
    assert not ((x[:, :-1] == 0) & (x[:, 1:] > 0)).any(), f"{split}: padding stands before tokens"
    assert (x[:, 0] > 0).all(), f"{split}: a sequence is all padding"
    longest = inputs.longest or x.shape[1]
    assert x.shape[1] <= longest, f"{split}: {x.shape[1]} steps; the longest has {longest}"


def _check_features(x: Any, inputs: Features, split: str) -> None:
    values = x if inputs.length else x["values"]
    assert values.ndim == 3, f"{split}: values must be (batch, time, size); got {values.shape}"
    assert values.shape[2] == inputs.size, f"{split}: {values.shape[2]} numbers a step; inputs say {inputs.size}"
    _check_values(x, inputs, split)


def _check_waveform(x: Any, inputs: Waveform, split: str) -> None:
    values = x if inputs.length else x["values"]
    assert values.ndim == 2, f"{split}: values must be (batch, samples); got {values.shape}"
    longest = inputs.longest or values.shape[1]
    assert values.shape[1] <= longest, f"{split}: {values.shape[1]} samples; the longest has {longest}"
    _check_values(x, inputs, split)
    assert np.abs(values).max() <= 1, f"{split}: samples must be in [-1, 1]; got {np.abs(values).max()}"
    assert values.any(), f"{split}: a batch is all silence"


def _check_values(x: Any, inputs: Features | Waveform, split: str) -> None:
    """Numbers are finite and float32, as long as told, and where lengths differ have a mask that ends them."""
    values = x if inputs.length else x["values"]
    assert values.dtype == np.float32, f"{split}: values must be float32; got {values.dtype}"
    assert inputs.length in (None, values.shape[1]), f"{split}: {values.shape[1]} steps; inputs say {inputs.length}"
    assert np.isfinite(values).all(), f"{split}: values must be finite"
    if not inputs.length:
        mask = x["mask"]
        assert mask.dtype == bool, f"{split}: the mask must be bool; got {mask.dtype}"
        assert mask.shape == values.shape[:2], f"{split}: the mask is {mask.shape}, values {values.shape}"
        assert mask[:, 0].all(), f"{split}: a sequence is all padding"
        assert not (~mask[:, :-1] & mask[:, 1:]).any(), f"{split}: padding stands before steps"
        assert not values[~mask].any(), f"{split}: values at padding must be zero"


def _check_targets(inputs: Any, targets: np.ndarray, output: Any, split: str) -> None:
    rows = len(next(iter(keras.tree.flatten(inputs))))
    match output:
        case Regression() | Forecasting():
            assert np.isfinite(targets).all(), f"{split}: targets must be finite"
        case Classification():
            _check_range(targets, 0, len(output.labels), split)
        case Tagging():
            _check_range(targets, -1, len(output.labels), split)
        case MultiLabelClassification():
            _check_range(targets, 0, 2, split)
        case MultiLabelTagging():
            _check_range(targets, -1, 2, split)
        case LanguageModelling():
            _check_range(targets, 0, output.vocabulary_size, split)
            asked, given = targets[:, :-1], inputs[:, 1:]
            follows = (asked == given) | (asked == output.padding)
            assert follows.all(), f"{split}: a target is not the symbol that comes next"
        case Transduction():
            _check_range(targets, -1, len(output.labels), split)
        case Translation():
            _check_range(targets, 0, output.vocabulary_size, split)
            assert np.array_equal(inputs["previous"], output.previous(targets)), f"{split}: previous is not the target"
            lengths = (targets != output.padding).sum(axis=1)
            ends = targets[np.arange(rows), lengths - 1]
            assert (ends == output.end).all(), f"{split}: a target does not end with the end symbol"
    steps = inputs["previous"] if isinstance(output, Translation) else keras.tree.flatten(inputs)[0]
    steps = targets if isinstance(output, Transduction) else steps
    time = () if output.targets == "whole" else steps.shape[1:2]
    wanted = (rows, *time, *output.target_shape)
    assert targets.shape == wanted, f"{split}: targets are {targets.shape}; wanted {wanted}"
    dtype = output.target_dtype
    assert targets.dtype == dtype, f"{split}: targets must be {dtype}; got {targets.dtype}"


def _check_steps(inputs: Any, targets: np.ndarray, case: TaskCase, split: str) -> None:
    """Targets of padding do not count, some others do, and what comes next is what goes in next."""
    output, valid = case.task.output, valid_steps(case.task.inputs, inputs)
    counts = (targets.reshape(*targets.shape[:2], -1) != output.padding).any(axis=-1)  # (batch, time)
    assert counts.any(), f"{split}: no target of a batch counts"
    if valid is not None:
        assert not counts[~valid].any(), f"{split}: a target at padding is not {output.padding}"
    if isinstance(output, MultiLabelTagging) and output.next_step:
        follows = (targets[:, :-1] == inputs["values"][:, 1:]).all(axis=-1)
        assert follows[counts[:, 1:]].all(), f"{split}: labels of a step are not what goes in at the next"


def _check_labels(given: Any, targets: np.ndarray, inputs: Inputs, output: Transduction, split: str) -> None:
    """Targets are padded at the end alone, not all of them are empty, and each has the frames that it needs."""
    counts, valid = targets != output.padding, valid_steps(inputs, given)
    assert counts.any(), f"{split}: all targets of a batch are empty"
    assert not (~counts[:, :-1] & counts[:, 1:]).any(), f"{split}: padding stands before labels"
    frames = np.full(len(targets), longest_steps(inputs)) if valid is None else valid.sum(axis=1)
    for target, kept, most in zip(targets, counts, frames, strict=True):
        needed = output.frames(target[kept])
        assert needed <= most, f"{split}: a target needs {needed} frames; its sequence gives {most}"


def _check_range(targets: np.ndarray, low: int, high: int, split: str) -> None:
    inside = low <= targets.min() and targets.max() < high
    assert inside, f"{split}: targets must be in {low} … {high - 1}; got {targets.min()} … {targets.max()}"


def _constant(case: TaskCase) -> np.ndarray:
    """What does best on train without inputs: numbers, or logits, `(1, …)` or `(1, 1 or time, classes)`."""
    output, known = case.task.output, [targets for _, targets in case.splits["train"]]
    if isinstance(output, Transduction):
        return _string(output, known)
    if isinstance(output, Regression | Forecasting):
        return np.concatenate(known).mean(axis=0, keepdims=True, dtype=np.float64).astype("float32")
    if isinstance(output, Classification):
        return np.log(_counts(np.concatenate(known), len(output.labels)))[None]
    if isinstance(output, MultiLabelClassification):
        return np.where(_best_labels(np.concatenate(known)), 1.0, -1.0).astype("float32")[None]
    if isinstance(output, Tagging) and len({len(x) for split in ("train", "test") for x in case.sequences(split)}) == 1:
        steps = np.concatenate(known).T  # (time, sequences)
        return np.log(np.stack([_counts(step[step >= 0], len(output.labels)) for step in steps]))[None]
    if isinstance(output, MultiLabelTagging):
        steps = np.concatenate([targets[targets[..., 0] >= 0] for targets in known])
        ones = steps.sum(axis=0) + 0.5
        return np.log(ones / (len(steps) + 1 - ones)).astype("float32")[None, None]
    classes = len(output.labels) if isinstance(output, Tagging) else output.vocabulary_size
    flat = np.concatenate([targets[targets != output.padding] for targets in known])
    return np.log(_counts(flat, classes))[None, None]


def _best_labels(known: np.ndarray) -> np.ndarray:
    """The labels, of `(sequences, labels)`, that have the best F1 where they are always given, bool `(labels,)`."""
    shares = known.mean(axis=0)

    def f1(chosen: np.ndarray) -> float:
        return 2 * known[:, chosen].sum() / (chosen.sum() * len(known) + known.sum())

    return max((shares >= least for least in sorted(set(shares), reverse=True)), key=f1)


def _string(output: Transduction, known: list[np.ndarray]) -> np.ndarray:
    """Logits `(1, frames, classes)` of the string that grows by the label that lowers the metric on train most."""
    (metric,) = output.metrics()
    longest = max(targets.shape[1] for targets in known)
    around = [((0, 0), (0, longest - targets.shape[1])) for targets in known]
    whole = [np.pad(*padded, constant_values=output.padding) for padded in zip(known, around, strict=True)]
    targets = np.concatenate(whole)
    best: list[int] = []

    def error(string: list[int]) -> float:
        metric.reset_state()
        metric.update_state(targets, np.repeat(_said(string, len(output.labels)), len(targets), axis=0))
        return float(metric.result())

    while True:
        label = min(range(len(output.labels)), key=lambda label: error([*best, label]))
        if error([*best, label]) >= error(best):
            return _said(best, len(output.labels))
        best.append(label)


def _said(string: list[int], blank: int) -> np.ndarray:
    """Logits `(1, frames, classes)` that read as `string`, with a blank before and after each label."""
    frames = [blank, *(frame for label in string for frame in (label, blank))]
    return np.eye(blank + 1, dtype="float32")[None, frames]


def _counts(labels: np.ndarray, classes: int) -> np.ndarray:
    """How often each class occurs, a half more, so that none has probability 0."""
    return (np.bincount(labels, minlength=classes) + 0.5).astype("float32")


def _first(case: TaskCase, split: str, **order: Any) -> list[bytes]:
    """The first sequences of a pass over a split."""
    found = batches(case.task, split, FEW, **order)
    return [row.tobytes() for given, _ in found for row in unpadded(source_of(given))]


TASK_CHECKS: tuple[Check, ...] = (
    check_registration,
    check_inputs,
    check_targets,
    check_splits,
    check_reference,
    check_chance,
    check_order,
)

TASKS = Suite("tasks", tasks, TASK_CHECKS, TaskCase.registered)
