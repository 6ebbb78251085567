"""How well the algorithms search, without training: searches on seeded toy spaces and on a table of real trainings.

    python benchmarks/search_quality.py --out quality.csv
    python benchmarks/search_quality.py --out quality.csv --algorithms kt-bayesian --trials 60 --seeds 0:3
    python benchmarks/search_quality.py --spaces trap digits --algorithms race one-tpe --seeds 1000:1010

Spaces, each of four families with parameters of their own and one that all share:

- `trap`: the family that can reach the best value is the steepest, so that at random it looks worst; the flattest looks
  good at once and ends worst.
- `equal`: all are equally steep, and their best values differ a little.
- `noise`: `equal`, and what an algorithm is told of a trial has Gaussian noise.
- `digits`: `digits_table.csv`, the 256 configurations that `tabulate_digits.py` trained; its loss is 1 - the best
  validation accuracy of a configuration over its epochs.

The functions of a toy space, and which family has which part, are drawn from the seed. A trial of fewer epochs than the
full number, as `kt-hyperband` has them, costs that part of a trial and reaches a worse loss, by an amount of its own in
each family. Regret is the true loss of the trial whose observed loss is lowest, less the best of the space.

A cell of the result is the mean regret over seeds ± its standard error; `*` marks the best algorithm of a row, among
those with all seeds, and what a paired t-test over the seeds both have does not tell from it (p > 0.05). Below it stand
the seconds that the suggestions of a search took, the median over seeds. With `--out`, what is in the file is not run
again; `search_quality.csv` has such results. `one-tpe` is for reference: one grouped multivariate TPE over a category
`family`.
"""

from __future__ import annotations

import argparse
import csv
import functools
import math
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState
from rich.console import Console
from rich.table import Table
from scipy.stats import ttest_rel

from keraseq.registry import algorithms
from keraseq.tuning.algorithms.base import Algorithm, Ended, Problem, Space, Suggestion

TABLE = Path(__file__).parent / "digits_table.csv"
ROWS = 256
FAMILIES = ("a", "b", "c", "d")
OFFSETS = {"trap": (0.0, 0.1, 0.2, 0.3), "equal": (0.0, 0.05, 0.1, 0.15)}
SLOPES = {"trap": (1.6, 0.8, 0.4, 0.2), "equal": (1.0, 1.0, 1.0, 1.0)}
NOISE = 0.1
EPOCHS = 9  # of a full trial in the toy spaces
COLUMNS = ("space", "trials", "algorithm", "seed", "regret", "seconds")
Results = dict[tuple[str, int, str, int], tuple[float, float]]


@dataclass(frozen=True)
class Case:
    """One search problem.

    Attributes:
        spaces: family → its space.
        loss: the true loss of a suggestion after its epochs.
        best: the lowest loss there is.
        epochs: of a full trial.
        noise: standard deviation of what is observed around the true loss.
    """

    spaces: Mapping[str, Space]
    loss: Callable[[Suggestion], float]
    best: float
    epochs: int
    noise: float = 0.0


def toy(space: str, seed: int, noise: float = 0.0) -> Case:
    """Families whose loss is offset + slope · distance from an optimum, in a space scaled to [0, 1]."""
    rng = np.random.default_rng(seed)
    spaces, losses = {}, {}
    rate = rng.uniform(0.2, 0.8)  # families have their optima around it
    for family, part in zip(FAMILIES, rng.permutation(len(FAMILIES)), strict=True):
        where = {
            f"{family}/x": FloatDistribution(0.0, 1.0),
            f"{family}/y": FloatDistribution(0.0, 1.0),
            f"{family}/width": IntDistribution(8, 512, log=True),
            f"{family}/kind": CategoricalDistribution(("u", "v", "w")),
            "rate": FloatDistribution(1e-4, 1e-1, log=True),
        }
        optimum = {name: rng.uniform(0.1, 0.9) for name in where} | {"rate": rate + rng.normal(0, 0.1)}
        matters = {name: rng.uniform(0.3, 2.0) for name in where}
        kinds = dict(zip("uvw", rng.permutation([0.0, *rng.uniform(0.1, 0.5, 2)]), strict=True))
        slow = rng.uniform(0.0, 0.5)
        spaces[family] = where
        losses[family] = (OFFSETS[space][part], SLOPES[space][part], where, optimum, matters, kinds, slow)

    def loss(suggestion: Suggestion) -> float:
        offset, slope, where, optimum, matters, kinds, slow = losses[suggestion.family]
        square = 0.0
        for name, value in suggestion.params.items():
            gap = kinds[value] if value in kinds else scaled(where[name], value) - optimum[name]
            square += matters[name] * gap**2
        untrained = 1 - (suggestion.epochs or EPOCHS) / EPOCHS
        return offset + slope * math.sqrt(square) + slow * untrained**2

    return Case(spaces, loss, 0.0, EPOCHS, noise)


def scaled(where: BaseDistribution, value: float) -> float:
    """A number's place in its range, in [0, 1]."""
    change = math.log if where.log else float
    return (change(value) - change(where.low)) / (change(where.high) - change(where.low))


@functools.cache
def digits() -> Case:
    """The table as a space: ordered values are known by their place."""
    with TABLE.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if len(rows) != ROWS:
        raise SystemExit(f"{TABLE.name} has {len(rows)} of {ROWS} rows. Remedy: python benchmarks/tabulate_digits.py")
    ordered = {}
    spaces: dict[str, dict[str, BaseDistribution]] = {}
    for family in dict.fromkeys(row["family"] for row in rows):
        own = [row for row in rows if row["family"] == family]
        spaces[family] = {}
        for column in ("width", "depth", "learning_rate"):
            name = "rate" if column == "learning_rate" else f"{family}/{column}"
            ordered[family, column] = sorted({row[column] for row in own}, key=float)
            spaces[family][name] = IntDistribution(0, len(ordered[family, column]) - 1)
        spaces[family][f"{family}/pooling"] = CategoricalDistribution(sorted({row["pooling"] for row in own}))
    curves = {}
    for row in rows:
        family = row["family"]
        places = [ordered[family, column].index(row[column]) for column in ("width", "depth", "learning_rate")]
        curve = [float(row[f"epoch_{i}"]) for i in range(1, 9) if row[f"epoch_{i}"]]
        curves[family, *places, row["pooling"]] = curve

    def loss(suggestion: Suggestion) -> float:
        family, params = suggestion.family, suggestion.params
        names = (f"{family}/width", f"{family}/depth", "rate", f"{family}/pooling")
        return 1 - max(curves[family, *(params[name] for name in names)][: suggestion.epochs])

    return Case(spaces, loss, 1 - max(map(max, curves.values())), 8)


SPACES: dict[str, Callable[[int], Case]] = {
    "trap": lambda seed: toy("trap", seed),
    "equal": lambda seed: toy("equal", seed),
    "noise": lambda seed: toy("equal", seed, NOISE),
    "digits": lambda seed: digits(),
}


class OneTPE(Algorithm):
    """One grouped multivariate TPE over a category `family` and what each family has."""

    def __init__(self, problem: Problem):
        super().__init__(problem)
        sampler = optuna.samplers.TPESampler(seed=problem.seed, multivariate=True, group=True)
        self._study = optuna.create_study(sampler=sampler)
        self._running: dict[int, optuna.Trial] = {}

    def ask(self, index: int) -> Suggestion:
        trial = self._running[index] = self._study.ask()
        family = trial.suggest_categorical("family", list(self.problem.spaces))
        params = {name: suggest(trial, name, where) for name, where in self.problem.spaces[family].items()}
        return Suggestion(family, params)

    def begin(self, index: int, suggestion: Suggestion) -> None:
        raise NotImplementedError

    def tell(self, index: int, ended: Ended) -> None:
        state = None if ended.losses else TrialState.FAIL
        self._study.tell(self._running.pop(index), ended.losses, state)


def suggest(trial: optuna.Trial, name: str, where: BaseDistribution) -> str | int | float:
    """A value from a distribution."""
    match where:
        case CategoricalDistribution(choices=choices):
            return trial.suggest_categorical(name, choices)
        case IntDistribution(low=low, high=high, log=log):
            return trial.suggest_int(name, low, high, log=log)
        case FloatDistribution(low=low, high=high, log=log):
            return trial.suggest_float(name, low, high, log=log)
    raise TypeError(where)


ALGORITHMS = ("race", "tpe", "random", "kt-random", "kt-hyperband", "kt-bayesian", "one-tpe")


def searched(case: Case, algorithm: str, seed: int, budgets: list[int]) -> Iterator[tuple[int, float, float]]:
    """Runs a search once and yields `(budget, regret, seconds of suggestions)` for each budget, the smallest first."""
    kind = OneTPE if algorithm == "one-tpe" else algorithms.get(algorithm)
    rng = np.random.default_rng([seed, 1])
    waiting, cost, seconds, index = sorted(budgets), 0.0, 0.0, 0
    lowest, true = math.inf, math.inf
    started = time.perf_counter()
    search = kind(Problem(case.spaces, seed, epochs=case.epochs))
    while waiting:
        suggestion = search.ask(index)
        seconds += time.perf_counter() - started
        cost += (suggestion.epochs or case.epochs) / case.epochs if suggestion else math.inf
        while waiting and cost > waiting[0] + 1e-9:
            yield waiting.pop(0), true - case.best, seconds
        if suggestion is None:
            return
        loss = case.loss(suggestion)
        observed = loss + case.noise * rng.normal()
        if observed < lowest:
            lowest, true = observed, loss
        started = time.perf_counter()
        search.tell(index, Ended((observed,)))
        index += 1


def table(results: Results) -> Table:
    """Rows: space and trials. Columns: algorithms."""
    cells: dict[tuple[str, int, str], dict[int, tuple[float, float]]] = defaultdict(dict)
    for (space, trials, algorithm, seed), result in results.items():
        cells[space, trials, algorithm][seed] = result
    shown = [name for name in ALGORITHMS if any(name == algorithm for _, _, algorithm in cells)]
    view = Table("space", "trials", "", *shown)
    for space, trials in sorted({cell[:2] for cell in cells}, key=lambda cell: ([*SPACES].index(cell[0]), cell[1])):
        row = {name: cells[space, trials, name] for name in shown if (space, trials, name) in cells}
        regrets = {name: {seed: regret for seed, (regret, _) in cell.items()} for name, cell in row.items()}
        full = max(map(len, row.values()))
        complete = [name for name in row if len(row[name]) == full]
        best = min(complete, key=lambda name: np.mean([*regrets[name].values()]))
        marks = {name: "*" if alike(regrets[name], regrets[best]) else " " for name in row}
        means = {name: f"{mean_and_error(cell)}{marks[name]}" for name, cell in regrets.items()}
        seeds = {name: f" ({len(cell)} seeds)" if len(cell) < full else "" for name, cell in row.items()}
        times = {name: f"{np.median([took for _, took in cell.values()]):.1f} s" for name, cell in row.items()}
        view.add_row(space, str(trials), "regret", *(means.get(name, "") + seeds.get(name, "") for name in shown))
        view.add_row("", "", "wall", *(times.get(name, "") for name in shown))
    return view


def mean_and_error(regrets: Mapping[int, float]) -> str:
    """Mean ± standard error."""
    values = [*regrets.values()]
    error = np.std(values, ddof=1) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return f"{np.mean(values):.4f} ± {error:.4f}"


def alike(these: Mapping[int, float], those: Mapping[int, float]) -> bool:
    """Whether a paired t-test over the seeds of both leaves them apart by no more than chance."""
    seeds = sorted(these.keys() & those.keys())
    pairs = [(these[seed], those[seed]) for seed in seeds]
    if all(one == other for one, other in pairs):
        return True
    return len(pairs) > 1 and bool(ttest_rel(*zip(*pairs, strict=True)).pvalue > 0.05)


def read(path: Path | None) -> Results:
    """The results in a file; none where it is not there yet."""
    if path is None or not path.exists():
        return {}
    with path.open(newline="") as file:
        return {
            (row["space"], int(row["trials"]), row["algorithm"], int(row["seed"])): (
                float(row["regret"]),
                float(row["seconds"]),
            )
            for row in csv.DictReader(file)
        }


def append(path: Path, results: Results) -> None:
    """Adds results to a file."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([COLUMNS] * new)
        writer.writerows([*key, f"{regret:.6g}", f"{took:.3f}"] for key, (regret, took) in results.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spaces", nargs="+", choices=SPACES, default=[*SPACES])
    parser.add_argument("--algorithms", nargs="*", choices=ALGORITHMS, help="all but kt-bayesian, which takes minutes")
    parser.add_argument("--seeds", default="0:20", help="first:last, without the last")
    parser.add_argument("--trials", type=int, nargs="+", default=[60, 200])
    parser.add_argument("--out", type=Path, help="CSV of every result, read first and added to")
    args = parser.parse_args()
    chosen = args.algorithms if args.algorithms is not None else [n for n in ALGORITHMS if n != "kt-bayesian"]
    if "digits" in args.spaces and not TABLE.exists():
        parser.error(f"no {TABLE.name} yet. Remedy: python benchmarks/tabulate_digits.py, or leave out digits")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    results = read(args.out)
    for seed in range(*map(int, args.seeds.split(":"))):
        for space in args.spaces:
            for algorithm in chosen:
                if all((space, trials, algorithm, seed) in results for trials in args.trials):
                    continue
                ran = searched(SPACES[space](seed), algorithm, seed, args.trials)
                new = {(space, trials, algorithm, seed): (regret, seconds) for trials, regret, seconds in ran}
                results |= new
                if args.out:
                    append(args.out, new)
    Console(width=None if os.isatty(1) else 240).print(table(results))


if __name__ == "__main__":
    main()
