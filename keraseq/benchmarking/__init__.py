"""Benchmarks: suites of tasks, runs of models on them with uncertainty and cost, and records of every run."""
