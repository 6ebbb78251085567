"""Generated tasks: exact answers by hand, seeds, lengths for test, shares, and wrong settings."""

from __future__ import annotations

import importlib
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from keraseq.config import settings_of
from keraseq.errors import UsageError
from keraseq.models.inputs import Features, Tokens
from keraseq.registry import tasks
from keraseq.tasks import Preprocessor, Task, load_task, task_config
from keraseq.tasks.adding import add_marked
from keraseq.tasks.config import SyntheticConfig
from keraseq.tasks.copy_memory import repeat_beginning
from keraseq.tasks.dyck import close_brackets
from keraseq.tasks.induction import recall_next
from keraseq.tasks.listops import SYMBOLS, evaluate
from keraseq.tasks.mqar import recall_values
from keraseq.tasks.parity import count_ones
from keraseq.tasks.selective_copy import repeat_symbols

NAMES = tasks.names(tags={"synthetic"})
FEW = {"train_examples": 40, "test_examples": 12}
SMALL: dict[str, dict[str, Any]] = {
    "adding": {"length": 12},
    "copy_memory": {"length": 5},
    "selective_copy": {"length": 12, "memory": 4},
    "induction": {"length": 10},
    "mqar": {"length": 16},
    "parity": {"length": 20},
    "dyck": {"length": 20},
    "listops": {"length": 20, "shortest": 4},
}
OF_GENERATION = {
    "length": 24,
    "test_length": 26,
    "train_examples": 41,
    "test_examples": 13,
    "data_seed": 1,
    "memory": 3,
    "kinds": 5,
    "vocabulary": 8190,
    "pairs": 3,
    "power": 0.5,
    "shortest": 9,
    "depth": 5,
    "arguments": 5,
}


def config(name: str, **settings: Any) -> SyntheticConfig:
    made = task_config(name, {**SMALL[name], **FEW, **settings})
    assert isinstance(made, SyntheticConfig)
    return made


def load(name: str, data_dir: str, **settings: Any) -> Task:
    return load_task(name, data_dir=data_dir, **{**SMALL[name], **FEW, **settings})


def sequences(task: Task, split: str) -> list[tuple[bytes, bytes]]:
    """Each sequence of a split with its target."""
    return [(np.asarray(raw).tobytes(), np.asarray(target).tobytes()) for raw, target in task.raw(split, 1000)]


def lengths(task: Task, split: str) -> tuple[int, int]:
    spread = task.summary()["lengths"][split]
    return spread["min"], spread["max"]


def padded(*rows: list[int], least: int = 0) -> np.ndarray:
    """Symbols as a model sees them: one up, and 0 at padding."""
    longest = max(least, *map(len, rows))
    return np.array([[symbol + 1 for symbol in row] + [0] * (longest - len(row)) for row in rows], np.int32)


def draw(name: str, count: int, **settings: Any) -> list[tuple[np.ndarray, Any]]:
    """What the builder of a task draws for training at once, with repetitions."""
    task = config(name, **settings)
    module = importlib.import_module(f"keraseq.tasks.builders.{name}")
    builder = getattr(module, name.title().replace("_", ""))
    itself = SimpleNamespace(builder_config=SimpleNamespace(task=task))
    return list(builder.draw(itself, np.random.default_rng(0), count, task.lengths("train")))


def lists(text: str) -> list[int]:
    return [SYMBOLS.index(symbol) for symbol in text.split()]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[MAX 2 9 [MIN 4 7 ] 0 ]", 9),
        ("[MIN 4 [MAX 5 6 ] [SM 9 9 9 ] ]", 4),
        ("[SM 9 9 9 ]", 7),
        ("[MED 1 9 2 ]", 2),
        ("[MED 1 2 9 8 ]", 5),
        ("[MED 1 2 ]", 1),
        ("[SM [MED 3 4 8 9 ] [MAX 0 [MIN 7 5 ] ] 1 ]", 2),
        ("[MIN [MIN [MIN 8 9 ] 9 ] 9 ]", 8),
    ],
)
def test_lists_are_worth_what_a_person_says(text: str, value: int) -> None:
    assert evaluate(padded(lists(text), lists("[MAX 0 0 ]"), least=30)).tolist() == [value, 0]


def test_brackets_are_nested_as_a_person_says() -> None:
    strings = ["()", "([])", "([)]", "(]", "(", ")(", "())", "[()[]]()", "[[(]])", "(("]
    rows = [["()[]".index(bracket) for bracket in string] for string in strings]
    assert close_brackets(padded(*rows, least=9)).tolist() == [1, 1, 0, 0, 0, 0, 0, 1, 0, 0]


def test_ones_are_counted_without_padding() -> None:
    assert count_ones(padded([1], [0], [1, 0, 1, 1], [1, 1, 0, 0, 0], least=7)).tolist() == [1, 0, 1, 0]


def test_symbols_are_repeated_in_their_order() -> None:
    blank, delimiter = 0, 1
    first = [blank, 5, blank, 2, 9, delimiter, delimiter, delimiter]
    second = [4, blank, 4, 3, delimiter, delimiter, delimiter]
    rest = [-1] * 4
    assert repeat_symbols(padded(first, second)).tolist() == [[*rest, -1, 3, 0, 7], [*rest, 2, 2, 1, -1]]


def test_what_followed_the_special_symbol_is_recalled() -> None:
    rows = padded([3, 0, 5, 1, 0], [0, 2, 2, 0], [1, 2, 3, 4, 0, 6, 0])
    assert recall_next(rows).tolist() == [[-1] * 4 + [4, -1, -1], [-1] * 3 + [1, -1, -1, -1], [-1] * 6 + [5]]


def test_values_of_keys_are_recalled() -> None:
    pairs = [[1, 8, 3, 9], [4, 6, 2, 7]]
    rows = padded([*pairs[0], 0, 0, 3, 0, 1, 0], [*pairs[1], 4, 0, 2, 0])
    assert recall_values(rows).tolist() == [[-1] * 6 + [9, -1, 8, -1], [-1] * 4 + [6, -1, 7, -1, -1, -1]]


def test_a_beginning_is_repeated_before_padding() -> None:
    symbols = [1, 2, 3, 4, 5, 6, 7, 8, 1, 2]
    rows = padded([*symbols, *[9] * 11], [*symbols[::-1], 0, *[9] * 11])
    wanted = [[0] * 11 + symbols + [-1], [0] * 12 + symbols[::-1]]
    assert repeat_beginning(rows).tolist() == wanted


def test_marked_numbers_are_added_with_and_without_padding() -> None:
    values = np.array([[[0.5, 1], [0.25, 0], [0.125, 1]], [[0.5, 1], [0.25, 1], [0, 0]]], np.float32)
    mask = np.array([[True] * 3, [True, True, False]])
    for given in (values, {"values": values, "mask": mask}):
        assert add_marked(given).tolist() == [[0.625], [0.75]]


@pytest.mark.parametrize("name", NAMES)
def test_equal_seeds_give_equal_sequences_and_others_give_others(name: str, data_dir: str, tmp_path: Any) -> None:
    task, again, other = load(name, data_dir), load(name, str(tmp_path)), load(name, data_dir, data_seed=1)
    for split in ("train", "test"):
        assert sequences(task, split) == sequences(again, split)
        assert sequences(task, split) != sequences(other, split)


@pytest.mark.parametrize("name", NAMES)
def test_test_may_have_another_length(name: str, data_dir: str) -> None:
    task, plain = load(name, data_dir, test_length=30), load(name, data_dir)
    made = config(name, test_length=30)
    train, test = made.lengths("train"), made.lengths("test")
    assert task.inputs.length is None
    if isinstance(task.inputs, Tokens):
        assert task.inputs.longest == made.steps(30)
    for split, allowed in (("train", train), ("validation", train), ("test", test)):
        least, most = lengths(task, split)
        assert {least, most} <= set(map(made.steps, allowed))
    assert lengths(task, "train")[1] < lengths(task, "test")[0]
    assert sequences(task, "train") == sequences(plain, "train")
    restored = Preprocessor.from_json(task.preprocessor.to_json())
    assert restored.spec == task.inputs


@pytest.mark.parametrize("name", ["adding", "copy_memory", "selective_copy", "induction", "mqar"])
def test_test_may_be_shorter(name: str, data_dir: str) -> None:
    task = load(name, data_dir, length=20, test_length=16)
    assert lengths(task, "test")[1] == lengths(task, "train")[0] - 4


@pytest.mark.parametrize("name", NAMES)
def test_where_all_lengths_are_equal_the_inputs_say_so(name: str, data_dir: str) -> None:
    same = {"shortest": 20} if hasattr(config(name), "shortest") else {}
    task = load(name, data_dir, length=20, **same)
    assert task.inputs.length == config(name, length=20, **same).steps(20)
    inputs, _ = next(task.test.as_numpy_iterator())
    assert inputs.shape[1] == task.inputs.length
    assert isinstance(task.inputs, Features) == (name == "adding")


@pytest.mark.parametrize("name", NAMES)
def test_what_changes_the_data_changes_the_folders(name: str) -> None:
    from keraseq.tasks.builders.generated import GeneratedConfig

    plain = config(name)
    afterwards = {"batch_size": 3, "token_budget": 9, "static_shapes": True, "validation": 0.3, "split_seed": 2}
    for setting in set(settings_of(plain)) - set(afterwards):
        other = replace(plain, **{setting: OF_GENERATION[setting]})
        assert GeneratedConfig.of(other).name != GeneratedConfig.of(plain).name
        assert other.identity(None) != plain.identity(None)
    for setting, value in afterwards.items():
        assert GeneratedConfig.of(replace(plain, **{setting: value})).name == GeneratedConfig.of(plain).name


def test_no_string_of_bits_occurs_twice_however_few_there_are(data_dir: str) -> None:
    task = load("parity", data_dir, length=6, train_examples=90, test_examples=30)  # of 126
    found = [raw for split in ("train", "validation", "test") for raw, _ in sequences(task, split)]
    assert len(found) == len(set(found)) == 120


def test_more_sequences_than_there_are_cannot_be_had(data_dir: str) -> None:
    with pytest.raises(
        UsageError,
        match=r"parity: there are not 9 sequences for test, of length 1 … 3, that differ; got 4\. Remedy: fewer",
    ):
        load("parity", data_dir, length=3, train_examples=10, test_examples=9)


@pytest.mark.parametrize("left", [2, 6, 8])
def test_well_nested_strings_are_drawn_evenly(left: int) -> None:
    from keraseq.tasks.builders.dyck import _nest

    kinds, depth = 2, 3
    drawn = _nest(np.random.default_rng(0), np.full(20_000, left), kinds, depth)
    shapes = Counter(map(tuple, (drawn % 2).tolist()))
    heights = [np.cumsum([1 - 2 * close for close in shape]) for shape in itertools.product((0, 1), repeat=left)]
    known = sum(h.min() >= 0 and h.max() <= depth and h[-1] == 0 for h in heights)
    assert len(shapes) == known
    assert max(shapes.values()) / min(shapes.values()) < 1.25
    assert close_brackets(drawn.astype(np.int32) + 1).all()


def test_spoilt_strings_look_like_others() -> None:
    drawn = draw("dyck", 20_000, length=20, kinds=3, depth=4)
    neighbours: dict[int, set[tuple[int, int]]] = {0: set(), 1: set()}
    counts: dict[int, list[np.ndarray]] = {0: [], 1: []}
    for sequence, label in drawn:
        neighbours[label] |= set(itertools.pairwise(sequence.tolist()))
        per_kind = np.bincount(sequence, minlength=6)
        assert per_kind[::2].tolist() == per_kind[1::2].tolist()
        height = np.cumsum(1 - 2 * (sequence.astype(int) % 2))
        assert height.min() >= 0
        assert height.max() <= 4
        assert height[-1] == 0
        counts[label].append(per_kind)
    assert neighbours[0] == neighbours[1]
    assert len(counts[1]) / len(drawn) == pytest.approx(0.5, abs=0.02)
    np.testing.assert_allclose(np.mean(counts[0], axis=0), np.mean(counts[1], axis=0), rtol=0.05)


def test_lists_keep_their_bounds() -> None:
    drawn = draw("listops", 20_000, length=40, shortest=10, depth=4, arguments=5)
    sizes = {len(sequence) for sequence, _ in drawn}
    assert (min(sizes), max(sizes)) == (10, 40)
    deepest, held = 0, Counter[int]()
    operators = Counter[int]()
    for sequence, _ in drawn:
        open_lists: list[int] = []
        for symbol in sequence.tolist():
            if symbol < 14 and open_lists:
                open_lists[-1] += 1
            if 10 <= symbol < 14:
                operators[symbol] += 1
                open_lists.append(0)
            elif symbol == 14:
                held[open_lists.pop()] += 1
            deepest = max(deepest, len(open_lists))
        assert open_lists == []
    assert deepest == 3
    assert set(held) == {2, 3, 4, 5}
    assert min(operators.values()) / max(operators.values()) > 0.95


def test_lists_are_grown_with_the_shares_of_the_long_range_arena() -> None:
    from keraseq.tasks.builders.listops import _grow

    levels = _grow(np.random.default_rng(0), 10_000, arguments=10, depth=4)
    assert len(levels) == 3
    for level in levels[:-1]:
        assert level.nested.mean() == pytest.approx(0.25, abs=0.01)
        assert level.counts.mean() == pytest.approx(6, abs=0.1)
    assert not levels[-1].nested.any()


@pytest.mark.parametrize("power", [0.01, 1.0])
def test_queries_follow_the_power_law(power: float) -> None:
    """The first key's place is a draw by weight; those of later keys are drawn from what is left."""
    drawn = draw("mqar", 20_000, length=32, vocabulary=64, pairs=2, power=power)
    tokens = np.stack([sequence for sequence, _ in drawn])
    asked = np.stack([labels for _, labels in drawn]) >= 0
    assert (asked.sum(axis=1) == 2).all()
    assert not asked[:, 1::2].any()
    place = (tokens[:, 4:] == tokens[:, :1]).argmax(axis=1) // 2
    weights = np.arange(1, 15) ** (power - 1)
    shares = np.bincount(place, minlength=14) / len(place)
    np.testing.assert_allclose(shares, weights / weights.sum(), atol=0.012)


def test_keys_and_values_are_of_their_halves_and_differ() -> None:
    tokens = np.stack([sequence for sequence, _ in draw("mqar", 2000, length=32, vocabulary=16, pairs=7)])
    keys, values = tokens[:, 0:14:2], tokens[:, 1:14:2]
    assert np.array_equal(np.sort(keys, axis=1), np.tile(np.arange(1, 8), (2000, 1)))
    assert (values.min(), values.max()) == (8, 15)
    assert all(len(set(row)) == 7 for row in values.tolist())
    assert np.ptp(np.bincount(keys[:, 0])[1:]) < 100


def places_of(name: str, symbol: Callable[[np.ndarray], np.ndarray], **settings: Any) -> np.ndarray:
    """How often a symbol stands at each step."""
    return symbol(np.stack([sequence for sequence, _ in draw(name, 4000, **settings)])).sum(axis=0)


def test_places_are_drawn_evenly() -> None:
    kept = places_of("selective_copy", lambda s: s > 1, length=10, memory=4)
    assert kept[10:].tolist() == [0] * 4
    assert kept[:10].sum() == 16_000
    assert np.ptp(kept[:10]) < 200
    special = places_of("induction", lambda s: s == 0, length=10)
    assert special[8:].tolist() == [0, 4000]
    assert np.ptp(special[:8]) < 120


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("adding", {"test_length": 1}, r"test_length must be 0 or at least 2; got 1\. Remedy: leave it out"),
        ("parity", {"test_length": 20}, r"test_length must be 0 or above length \(20\); got 20\. Remedy: leave it out"),
        ("parity", {"shortest": 21}, r"shortest must be in 1 … 20 \(length\); got 21\. Remedy: 1"),
        ("parity", {"shortest": 0}, r"shortest must be in 1 … 20"),
        ("selective_copy", {"memory": 13}, r"memory must be in 1 … 12 .*; got 13\. Remedy: a greater length"),
        ("selective_copy", {"test_length": 3}, r"memory must be in 1 … 3 .*; got 4"),
        ("selective_copy", {"kinds": 1}, r"kinds must be in 2 … 253; got 1\. Remedy"),
        ("induction", {"length": 2}, r"length must be at least 3; got 2\. Remedy"),
        ("induction", {"kinds": 255}, r"kinds must be in 2 … 254; got 255\. Remedy"),
        ("mqar", {"length": 15}, r"length must be even and at least 4 \* pairs = 16; got 15\. Remedy: .* 16 steps"),
        ("mqar", {"test_length": 14}, r"test_length must be even and at least 4 \* pairs = 16; got 14"),
        ("mqar", {"vocabulary": 8}, r"vocabulary must be even and at least 2 \* pairs \+ 2 = 10; got 8\. Remedy"),
        ("mqar", {"pairs": 0}, r"pairs must be at least 1; got 0\. Remedy"),
        ("mqar", {"power": 1.5}, r"power must be in \[0, 1\]; got 1\.5\. Remedy"),
        ("dyck", {"length": 21}, r"length must be even; got 21\. Remedy: 22"),
        ("dyck", {"test_length": 31}, r"test_length must be even; got 31\. Remedy: 32"),
        ("dyck", {"kinds": 1}, r"kinds must be in 2 … 127; got 1\. Remedy"),
        ("dyck", {"depth": 1}, r"depth must be at least 2; got 1\. Remedy"),
        ("listops", {"depth": 1}, r"depth must be at least 2; got 1\. Remedy"),
        ("listops", {"arguments": 1}, r"arguments must be at least 2; got 1\. Remedy"),
        ("listops", {"shortest": 3}, r"shortest must be in 4 … 20 \(length\); got 3\. Remedy: 4"),
    ],
)
def test_wrong_settings_are_told(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        config(name, **settings)
