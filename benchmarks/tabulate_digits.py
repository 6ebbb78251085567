"""Trains every configuration of a small grid of four families on digits, once, and keeps the curves as a table.

`search_quality.py` replays searches on the table. The grid stands here, the table in `digits_table.csv`, a row a
configuration with the validation accuracy of each epoch; rows that are there already are not trained again:

    python benchmarks/tabulate_digits.py
"""

import csv
import itertools
import multiprocessing
from pathlib import Path

TABLE = Path(__file__).parent / "digits_table.csv"
EPOCHS = 8
COMMON = {"learning_rate": (5e-4, 1.6e-3, 5e-3, 1.6e-2)}
GRID = {
    "lstm": {"units": (8, 16, 32, 64), "layers": (1, 2), "pooling": ("mean", "last")},
    "gru": {"units": (8, 16, 32, 64), "layers": (1, 2), "pooling": ("mean", "last")},
    "tcn": {"filters": (8, 16, 32, 64), "levels": (3, 6), "pooling": ("mean", "last")},
    "transformer": {"units": (8, 16, 32, 64), "layers": (1, 2), "pooling": ("mean", "max")},
}


def configurations():
    """`(family, settings)` of the whole grid, families in turn."""
    grids = {
        family: [
            dict(zip([*own, *COMMON], values, strict=True))
            for values in itertools.product(*own.values(), *COMMON.values())
        ]
        for family, own in GRID.items()
    }
    return [(family, grid[i]) for i in range(max(map(len, grids.values()))) for family, grid in grids.items()]


def key(family, settings):
    """The first columns of a row: family, width, depth, pooling, learning rate."""
    return (family, *map(str, settings.values()))


def train(configuration):
    """Validation accuracy after each epoch, the weights and the seconds."""
    family, settings = configuration
    import keraseq

    task = keraseq.load_task("digits")
    own = {name: value for name, value in settings.items() if name not in COMMON}
    model = keraseq.create_model(family, task, seed=0, **own)
    rate = settings["learning_rate"]
    fit = keraseq.fit(model, task, epochs=EPOCHS, patience=None, learning_rate=rate, jit_compile=False, progress=False)
    curve = [f"{value:.4f}" for value in fit.history[task.objective]]
    return [*curve, *[""] * (EPOCHS - len(curve)), keraseq.models.count_parameters(model), f"{fit.seconds:.2f}"]


def main():
    if not TABLE.exists():
        header = ["family", "width", "depth", "pooling", "learning_rate"]
        header += [*(f"epoch_{i + 1}" for i in range(EPOCHS)), "parameters", "seconds"]
        TABLE.write_text(",".join(header) + "\n")
    with TABLE.open(newline="") as file:
        known = {tuple(row[:5]) for row in csv.reader(file)}
    missing = [(family, settings) for family, settings in configurations() if key(family, settings) not in known]
    with multiprocessing.get_context("spawn").Pool(2, maxtasksperchild=16) as pool:  # graphs are never freed
        for (family, settings), result in zip(missing, pool.imap(train, missing), strict=True):
            with TABLE.open("a", newline="") as file:
                csv.writer(file, lineterminator="\n").writerow([*key(family, settings), *result])
            print(family, settings, flush=True)


if __name__ == "__main__":
    main()
