"""The scores that tasks bring to compare with."""

import dataclasses

import pytest

from keraseq.registry import tasks

METRICS = {
    *("accuracy", "cross_entropy", "mse", "nll", "perplexity", "bits_per_character"),
    *("exact_match", "bleu", "span_f1", "f1", "word_error_rate"),
}
SHARES = {"accuracy", "exact_match", "span_f1", "f1"}


@pytest.mark.parametrize("name", tasks.names())
def test_baselines_are_scores_of_the_task_with_a_source(name: str) -> None:
    baselines = tasks.get(name).baselines
    for baseline in baselines:
        assert baseline.metric in METRICS
        assert 0 <= baseline.value <= (1 if baseline.metric in SHARES else 1000)
        assert "arXiv:" in baseline.source or "docs/tasks.md" in baseline.source
    assert len({dataclasses.replace(baseline, value=0) for baseline in baselines}) == len(baselines)


def test_some_have_baselines() -> None:
    assert sum(bool(tasks.get(name).baselines) for name in tasks.names()) >= 14
