"""Records of benchmarks that nobody ran: realistic enough to be reported on."""

import math
import zlib
from dataclasses import replace

import numpy as np

from keraseq.benchmarking.records import NAME, Record, append

# What a family comes to at best on each task: a share of the way from chance to perfect.
SKILL = {
    "rnn": {"adding": 0.1, "copy_memory": 0.05, "mnist": 0.3, "listops": 0.2, "mqar": 0.1},
    "lstm": {"adding": 0.6, "copy_memory": 0.2, "mnist": 0.85, "listops": 0.3, "mqar": 0.5},
    "gru": {"adding": 0.99, "copy_memory": 0.25, "mnist": 0.95, "listops": 0.3, "mqar": 0.8},
    "min_gru": {"adding": 0.97, "copy_memory": 0.3, "mnist": 0.8, "listops": 0.25, "mqar": 0.05},
    "tcn": {"adding": 0.99, "copy_memory": 0.99, "mnist": 0.98, "listops": 0.25, "mqar": 0.6},
    "transformer": {"adding": 0.7, "copy_memory": 0.9, "mnist": 0.9, "listops": 0.3, "mqar": 0.99},
    "s4d": {"adding": 0.9, "copy_memory": 0.95, "mnist": 0.97, "listops": 0.5, "mqar": 0.1},
}
TASKS = {  # metric, direction, chance
    "adding": ("mse", "min", 1 / 6),
    "copy_memory": ("accuracy", "max", 0.9),
    "mnist": ("accuracy", "max", 0.1),
    "listops": ("accuracy", "max", 0.1),
    "mqar": ("accuracy", "max", 0.0),
}
MACHINE = {"processor": "Some Processor", "cores": 2, "memory": 24 * 2**30, "devices": ["CPU"]}
VERSIONS = {"keraseq": "0.1.0", "keras": "3.15.1", "tensorflow": "2.21.0", "numpy": "2.4.0", "python": "3.11.9"}
ROWS = [
    *(("adding", {"length": length}) for length in (200, 600, 1000)),
    ("mnist", {}),
    ("mqar", {}),
    ("copy_memory", {"length": 1000}),
    ("listops", {"length": 1000}),
]


def run(task="adding", settings=None, family="gru", seed=0, **facts):
    """One record of a run that completed, drawn from its name and seed."""
    settings = {} if settings is None else settings
    metric, direction, chance = TASKS[task]
    rng = np.random.default_rng([seed, zlib.crc32(f"{task}{sorted(settings.items())}{family}".encode())])
    skill = SKILL[family][task] * (1 - 0.15 * (settings.get("length", 200) > 800))
    perfect = {"min": chance * 1e-3, "max": 1.0}[direction]
    noise = 0.02 * rng.normal()
    share = min(0.999, max(0.0, skill + noise))
    score = chance ** (1 - share) * perfect**share if direction == "min" else chance + share * (perfect - chance)
    curve = [_epoch(k, chance, score, metric, rng) for k in range(1, 11)]
    length = settings.get("length", 784)
    seconds = {"tcn": 0.3, "transformer": 0.5, "s4d": 0.4, "min_gru": 0.25}.get(family, 1.0) * length / 4
    size = 60_000 + int(900 * rng.normal())
    made = Record(
        id=f"{zlib.crc32(f'{task}{sorted(settings.items())}{family}{seed}'.encode()):08x}",
        suite="made",
        task=task,
        settings=settings,
        label=" ".join([task, *map(str, settings.values())]),
        family=family,
        config={"units": 64, "layers": 2, "dropout": 0.1},
        training={"epochs": 10, "optimizer": "adamw", "learning_rate": 0.002, "clip_norm": 1.0},
        match={"parameters": 60000.0},
        matched={"parameters": 60_000},
        seed=seed,
        metric=metric,
        direction=direction,
        chance=chance,
        validation=score,
        test={metric: float(score), "loss": 1.0, **({"cross_entropy": 0.02} if task == "copy_memory" else {})},
        curve=curve,
        epochs=10,
        best_epoch=10,
        seconds=seconds * math.exp(0.05 * rng.normal()),
        build_seconds=1.0,
        examples_per_second=50_000 / seconds,
        memory=int((400 + length * {"transformer": 0.9}.get(family, 0.2)) * 2**20),
        parameters=size,
        flops=size * length * 2,
        length=length,
        jit_compile=False,
        strategy="cpu",
        threads=1,
        data=f"{task}:1.0.0",
        versions=VERSIONS,
        machine=MACHINE,
        ended=f"2026-01-0{1 + seed}T12:00:00+00:00",
    )
    return replace(made, **facts)


def _epoch(k, chance, score, metric, rng):
    value = float(score + (chance - score) * math.exp(-0.6 * (k - 1)) * (1 + 0.05 * rng.normal()))
    return {"epoch": k, "loss": 2.0 / k, metric: value, "val_loss": 2.1 / k, f"val_{metric}": value}


def lost(
    task="adding", settings=None, family="rnn", seed=0, outcome="diverged", message="loss is not finite in epoch 3"
):
    """A run that came to nothing."""
    empty = {"validation": None, "test": {}, "curve": [], "epochs": 2, "best_epoch": None}
    empty |= {"config": {"layers": 2, "dropout": 0.1}, "matched": {}}  # its width was never solved for
    return run(task, settings, family, seed, id=f"lost-{family}-{seed}", outcome=outcome, message=message, **empty)


def speed(family="gru", length=64):
    """What was measured of one family at one length."""
    growth = {"transformer": 1.7, "tcn": 1.0, "gru": 1.0}.get(family, 1.1)
    base = {"transformer": 4000.0, "tcn": 3000.0, "gru": 900.0}.get(family, 1500.0)

    def spread(value):
        return {"median": value, "low": 0.9 * value, "high": 1.15 * value, "repeats": 5}

    cost = {
        "train": {"examples_per_second": spread(base * (length / 64) ** -growth)},
        "inference": {"examples_per_second": spread(3 * base * (length / 64) ** -growth)},
        "latency": {"sequence": spread(1000 / base * (length / 64) ** growth), "step": None},
        "memory": int(4e8 + length * 1e5),
        "compile_seconds": 1.5,
    }
    empty = {"validation": None, "test": {}, "curve": [], "metric": None, "direction": None, "chance": None}
    return run("adding", {"length": length}, family, id=f"speed-{family}-{length}", kind="speed", cost=cost, **empty)


def everything(families=("rnn", "gru", "tcn", "transformer", "s4d"), rows=tuple(ROWS[:5]), seeds=3):
    """Families on rows, two lost runs and a few speeds."""
    found = [
        run(task, settings, family, seed) for seed in range(seeds) for task, settings in rows for family in families
    ]
    gone = {("rnn", 1, "adding", 600), ("transformer", 2, "adding", 1000)}
    kept = [r for r in found if (r.family, r.seed, r.task, r.settings.get("length")) not in gone]
    kept += [
        lost("adding", {"length": 600}, "rnn", 1),
        lost("adding", {"length": 1000}, "transformer", 2, "out of memory", "4.1 GiB, and 4 GiB are allowed"),
    ]
    return kept + [
        speed(family, length) for family in ("gru", "tcn", "transformer") for length in (64, 256, 1024, 4096)
    ]


def write(folder, records):
    """A folder of a benchmark with these records."""
    folder.mkdir(parents=True, exist_ok=True)
    for record in records:
        append(folder / NAME, record)
    return folder
