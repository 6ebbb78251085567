"""How much of every worker's time would go to computing, were there more workers: a model, fed with measured steps.

    python benchmarks/scaling.py [FAMILY …]

Every worker keeps its batch (weak scaling). A step of one is measured here; the gradient is summed by a ring, which
moves 2 · (N - 1) / N · 4 bytes · parameters through every link and waits 2 · (N - 1) times for it:

    efficiency(N) = step / (step + 2 (N - 1) / N · bytes / bandwidth + 2 (N - 1) · latency)

Nothing of the sum is hidden behind computing, and all workers are equally fast. Reference: Patarasuk and Yuan 2009,
doi:10.1016/j.jpdc.2008.09.002.

What two workers of this machine really send each other is counted too: for N = 2 the model says 2 gradients a step.
"""

import subprocess
import sys
import tempfile

import psutil

import keraseq
from keraseq.diagnostics.steps import step_time
from keraseq.models import count_parameters

LINKS = {"10 Gbit/s Ethernet": (1.25e9, 50e-6), "400 Gbit/s InfiniBand": (50e9, 5e-6)}  # bytes a second, seconds
WORKERS = (2, 8, 32, 256)


def efficiency(step: float, size: int, workers: int, bandwidth: float, latency: float) -> float:
    """Share of a worker's time that computes, in (0, 1)."""
    moved = 2 * (workers - 1) / workers * size / bandwidth + 2 * (workers - 1) * latency
    return step / (step + moved)


def sent(family: str, task: keraseq.Task) -> float:
    """Bytes that two workers of this machine send each other for one step; starting them is left out."""
    totals = []
    for epochs in (1, 3):
        settings = ["--parameters", "300000", "--epochs", str(epochs), "--set", "task.batch_size=64"]
        with tempfile.TemporaryDirectory() as folder:
            command = ["keraseq", "train", family, "digits", *settings, "--local-workers", "2", "-d", folder, "--json"]
            before = psutil.net_io_counters(pernic=True)["lo"].bytes_sent
            subprocess.run([sys.executable, "-m", *command], check=True, capture_output=True)
            totals.append(psutil.net_io_counters(pernic=True)["lo"].bytes_sent - before)
    return (totals[1] - totals[0]) / (2 * task.steps("train"))


def main() -> None:
    """Prints a row for each family and link."""
    task = keraseq.load_task("digits", batch_size=64)
    print(f"{'family':<14}{'step':>9}{'gradient':>10}  {'link':<24}" + "".join(f"{n:>6}" for n in WORKERS))
    for family in sys.argv[1:] or ["lstm", "tcn", "transformer"]:
        model = keraseq.create_model(family, task, parameters=300_000, seed=0)
        step, size = step_time(model, task) / 1000, 4 * count_parameters(model)
        for link, (bandwidth, latency) in LINKS.items():
            shares = "".join(f"{efficiency(step, size, n, bandwidth, latency):>6.0%}" for n in WORKERS)
            print(f"{family:<14}{step * 1000:>6.0f} ms{size / 1e6:>7.1f} MB  {link:<24}{shares}")
        print(f"{family:<14}two workers send {sent(family, task) / size:.2f} gradients a step")


if __name__ == "__main__":
    main()
