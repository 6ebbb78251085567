"""What a search costs beside training: two children against one, and a trial beside its building and fitting.

    python benchmarks/search_cost.py cores       # trials an hour of the same search, one child and two
    python benchmarks/search_cost.py trials      # seconds of a trial beyond build, trace and fit, in studies of many

Both search digits, in temporary folders. `trials` fills a study with made-up trials first.
"""

import itertools
import multiprocessing
import random
import statistics
import sys
import tempfile
import time

import keraseq
from keraseq.tasks import task_config
from keraseq.training.outcome import Outcome
from keraseq.tuning import Study
from keraseq.tuning.ledger import Ledger
from keraseq.tuning.request import algorithm_of

FAMILIES = ["lstm", "gru", "tcn", "transformer"]
TRIALS = 16
SEARCH = {"match": {"parameters": 10_000}, "epochs": 6, "seeds": 0, "pruning": "none", "algorithm": "random"}


def cores():
    """Trials an hour with one child and with two."""
    print(f"{multiprocessing.cpu_count()} cores; {TRIALS} trials of {', '.join(FAMILIES)} on digits, 6 epochs each")
    rates = []
    for workers in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            keraseq.search(
                "digits", FAMILIES, trials=TRIALS, workers=workers, directory=folder, progress=False, **SEARCH
            )
            rates.append(TRIALS / (time.perf_counter() - began) * 3600)
        print(f"{workers} at once: {rates[-1]:.0f} trials an hour")
    print(f"ratio {rates[1] / rates[0]:.2f}")


def trials(extra=5):
    """Seconds of a trial beyond build, trace and fit, where a study holds some trials already."""
    settings = {**SEARCH, "epochs": 2, "algorithm": "race", "pruning": "median"}
    for size in (10, 200, 1000):
        with tempfile.TemporaryDirectory() as folder:
            keraseq.search("digits", ["rnn", "gru"], trials=2, directory=folder, progress=False, **settings)
            fill(Study(folder), size - extra)
            before = len(Study(folder).records())
            keraseq.search("digits", ["rnn", "gru"], trials=size, directory=folder, progress=False, **settings)
            print(f"{size} trials: {cost(Study(folder), before) * 1000:.0f} ms a trial beyond build, trace and fit")


def fill(study, size):
    """Made-up trials, until the study has `size`."""
    config = type(task_config("digits", {}))
    algorithm, ledger, draw = (
        algorithm_of(study.plan, config, study.task["output"], False),
        Ledger(study),
        random.Random(0),
    )
    for index in range(len(study.records()), size):
        suggestion = algorithm.ask(10_000 + index)
        told = {"index": index, "replicate": 0, "seed": 0, "halved": False}
        trial = ledger.begin(suggestion, algorithm.problem.spaces[suggestion.family], told)
        scores = [draw.random() / 10, draw.random() / 10]
        for epoch, score in enumerate(scores):
            ledger.report(trial, epoch + 1, score)
        facts = {"outcome": Outcome.COMPLETED, "score": max(scores), "epochs": 2, "seconds": 1.0, "parameters": 10_000}
        ledger.end(trial, facts)


def cost(study, before):
    """Median seconds from the end of one trial to the end of the next, less what building and fitting took."""
    launches = [launches[-1] for (index, _), launches in sorted(study.attempts().items()) if index >= before]
    costs = []
    for earlier, trial in itertools.pairwise(launches):
        end = trial.user_attrs["end"]
        whole = (trial.datetime_complete - earlier.datetime_complete).total_seconds()
        costs.append(whole - end["build_seconds"] - end["fit_seconds"])
    return statistics.median(costs)


if __name__ == "__main__":
    {"cores": cores, "trials": trials}[sys.argv[1]]()
