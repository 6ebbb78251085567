"""The workers of a SLURM job step."""

from __future__ import annotations

import os
import re
import subprocess

import tensorflow as tf

from keraseq.config import check
from keraseq.errors import KeraseqError

PORTS = range(20_000, 30_000)  # below those that the kernel gives to connections


def resolver() -> tf.distribute.cluster_resolver.ClusterResolver:
    """The tasks of this step, in the order of their ranks; those of a node listen on ports that follow from the job.

    TensorFlow's own resolver asks for NVIDIA's tools where there are none, and takes nodes by name rather than by rank.

    Raises:
        UsageError: ranks do not go node by node.
        KeraseqError: SLURM does not tell the names of the nodes.
    """
    given = os.environ
    check(
        given.get("SLURM_DISTRIBUTION", "block").startswith("block"),
        f"ranks have to go node by node; got --distribution={given.get('SLURM_DISTRIBUTION')}: use block",
    )
    asked = ["scontrol", "show", "hostnames", given["SLURM_STEP_NODELIST"]]
    try:
        nodes = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
    except (OSError, subprocess.CalledProcessError) as error:
        raise KeraseqError(f"SLURM does not tell its nodes ({error}); set TF_CONFIG in every worker instead") from error
    counts = tasks_of_nodes(given["SLURM_STEP_TASKS_PER_NODE"])
    step = 64 * (int(given["SLURM_JOB_ID"]) + 7 * int(given.get("SLURM_STEP_ID", 0)))
    ports = [PORTS[(step + place) % len(PORTS)] for place in range(max(counts))]
    hosts = [f"{node}:{port}" for node, count in zip(nodes, counts, strict=True) for port in ports[:count]]
    return tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": hosts}),
        task_type="worker",
        task_id=int(given["SLURM_PROCID"]),
        rpc_layer="grpc",
    )


def tasks_of_nodes(text: str) -> list[int]:
    """Tasks of each node: `"2(x3),1"` is `[2, 2, 2, 1]`."""
    found = re.findall(r"(\d+)(?:\(x(\d+)\))?", text)
    return [int(count) for count, times in found for _ in range(int(times or 1))]
