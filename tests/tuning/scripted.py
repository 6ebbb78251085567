"""A search without training: an executor whose jobs follow a script, so that a coordinator can be watched closely."""

from dataclasses import dataclass, field

import optuna

from keraseq.models import Classification, outputs
from keraseq.tasks import task_config
from keraseq.training.outcome import Outcome
from keraseq.tuning.budget import Budget
from keraseq.tuning.coordinator import Coordinator
from keraseq.tuning.plan import Plan
from keraseq.tuning.request import algorithm_of
from keraseq.tuning.study import Study
from keraseq.tuning.view import SilentView

optuna.logging.set_verbosity(optuna.logging.WARNING)
SUMMARY = {
    "name": "digits",
    "metric": "accuracy",
    "direction": "max",
    "output": outputs.to_json(Classification(tuple("abc"))),
}


def curve(job):
    """Accuracies of a job's epochs: they follow from its settings alone, and rise."""
    width = next(value for name, value in sorted(job.config.items()) if name in ("units", "layers"))
    best = 1 / (2 + abs(width - 40) / 40) + job.training.get("learning_rate", 0) + job.seed / 1000
    return [best * epoch / (epoch + 1) for epoch in range(1, job.training.get("epochs", 4) + 1)]


@dataclass
class Handle:
    """A job that follows its script; it ends when it is told to stop."""

    job: object
    messages: list
    seconds: float = 1.0
    told: list = field(default_factory=list)

    def hear(self):
        kind, facts = self.messages.pop(0)
        if kind == "epoch":
            self.epochs, self.score = facts["epoch"], max(facts["val_accuracy"], getattr(self, "score", 0))
        return kind, facts

    def tell(self, kind, value):
        self.told.append((kind, value))
        if kind == "stop":
            end = {"outcome": Outcome(value), "score": self.score, "epochs": self.epochs, "seconds": 1.0}
            self.messages = [("end", end)]

    def exceeds_memory(self):
        return False

    def kill(self, outcome):
        self.messages = [("end", {"outcome": outcome, "message": "", "seconds": 1.0})]

    def close(self):
        pass


class Scripted:
    """Runs `script(job)`, the messages of it, or by default the curve of a job."""

    def __init__(self, script=None, workers=1):
        self.workers = workers
        self.script = script or trained
        self.jobs = []
        self.scored = []
        self.handles = []

    def start(self, work, *args, memory=None):
        if work == "evaluate":
            self.scored.append(args[1].rpartition("/")[2])
            return Handle(None, [("end", {"outcome": Outcome.COMPLETED, "scores": {"accuracy": 0.5}})])
        (job,) = args
        self.jobs.append(job)
        self.handles.append(Handle(job, self.script(job)))
        return self.handles[-1]

    def ready(self, handles, timeout):
        return handles[:1]

    def close(self):
        pass


def trained(job):
    """The messages of a job that trains to its end."""
    scores = curve(job)
    epochs = [("epoch", {"epoch": i + 1, "val_accuracy": score}) for i, score in enumerate(scores)]
    facts = {"score": max(scores), "epochs": len(scores), "seconds": 1.0, "memory": 1000, "parameters": 100}
    return [("ready", {"parameters": 100}), *epochs, ("end", {"outcome": Outcome.COMPLETED, **facts})]


def ending(outcome, **facts):
    """The message of a job that ends so at once."""
    return [("end", {"outcome": outcome, "message": "", "seconds": 1.0, **facts})]


def plan(**changes):
    """A plan for two families."""
    given = {
        "task": {"name": "digits", "settings": {"batch_size": 32}, "data_dir": None},
        "models": {"rnn": 1, "gru": 1},
        "algorithm": "random",
        "seed": 0,
        "training": {"epochs": 4},
    }
    return Plan(**given | changes)


def coordinate(folder, executor, trials=6, **changes):
    """A search to its end, in a new study or one that is there; the study."""
    wanted = plan(**changes)
    study = Study(folder) if (folder / "study.json").exists() else Study.create(folder, wanted, SUMMARY)
    algorithm = algorithm_of(wanted, type(task_config("digits", {})), SUMMARY["output"], False)
    budget = Budget(trials, None, None, 2**30)
    Coordinator(study, algorithm, budget, executor, executor, SilentView()).run()
    return Study(folder)
