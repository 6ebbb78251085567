"""Studies of which nothing was trained: trials written straight into storage."""

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from keraseq.training.outcome import Outcome
from keraseq.tuning.algorithms.base import Suggestion
from keraseq.tuning.ledger import Ledger
from keraseq.tuning.plan import Plan
from keraseq.tuning.study import Study

SPACES = {
    "rnn": {
        "rnn/units": IntDistribution(8, 128, log=True),
        "rnn/pooling": CategoricalDistribution(("last", "mean")),
        "learning_rate": FloatDistribution(1e-4, 1e-2, log=True),
    },
    "linear": {"learning_rate": FloatDistribution(1e-4, 1e-2, log=True)},
}
PLAN = {
    "task": {"name": "digits", "settings": {}, "data_dir": None},
    "models": dict.fromkeys(SPACES, 1),
    "algorithm": "random",
    "seed": 0,
}


def written(path, task, trials, **settings):
    """A study at `path` with these trials, each `(family, params, facts)`; `facts` may hold `replicate`."""
    plan = Plan(**{**PLAN, **settings})
    path.mkdir(parents=True)
    study = Study.create(path, plan, task.summary())
    ledger = Ledger(study)
    for place, (family, params, facts) in enumerate(trials):
        told = {"index": facts.get("index", place), "replicate": facts.get("replicate", 0), "seed": 0}
        trial = ledger.begin(Suggestion(family, params), SPACES[family], told)
        ledger.end(trial, {"outcome": Outcome.COMPLETED, "epochs": 1, "seconds": 2.0, **facts}, elapsed=2.0 * place)
    return study


def thirty():
    """Of 30 trials of two families in turn: scores that depend on `rnn/units` most; every seventh fails."""
    found = []
    for i in range(30):
        rate = 1e-4 * (1 + i * 7 % 11)
        if i % 2:
            found.append(("linear", {"learning_rate": rate}, {"score": 0.1, "parameters": 100 + i}))
        else:
            units = 8 + i * 13 % 97
            params = {"rnn/units": units, "rnn/pooling": ("last", "mean")[i % 4 // 2], "learning_rate": rate}
            found.append(("rnn", params, {"score": units / 128 + rate, "parameters": units * 100}))
        if i % 7 == 6:
            lost = {"outcome": Outcome.FAILED, "message": f"ValueError: of trial {i}", "score": None}
            found[-1] = (*found[-1][:2], lost)
    return found
