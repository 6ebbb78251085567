"""After the search: the best of the leading families on fresh seeds, test scores, and the best model."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence

from keraseq.errors import KeraseqError
from keraseq.files import read_json, replacing
from keraseq.training.outcome import Outcome
from keraseq.tuning.executors.base import Executor, call
from keraseq.tuning.job import TaskReference
from keraseq.tuning.plan import Plan
from keraseq.tuning.record import Record
from keraseq.tuning.results.leaderboard import best
from keraseq.tuning.study import Study, readable


def missing(records: Sequence[Record], plan: Plan, direction: str) -> list[tuple[Record, int]]:
    """What still has to be trained on a fresh seed: `(finalist, replicate)`.

    Finalists are the winners of the families that lead on validation.
    """
    searched = [record for record in records if not record.replicate]
    winners = [best([r for r in searched if r.family == family], direction) for family in plan.models]
    finalists: list[Record] = []
    while len(finalists) < plan.finalists:
        leading = best([w for w in winners if w is not None and w not in finalists], direction)
        if leading is None:
            break
        finalists.append(leading)
    done = {(record.index, record.replicate) for record in records}
    runs = [(record, replicate) for replicate in range(1, plan.seeds + 1) for record in finalists]
    return [(record, replicate) for record, replicate in runs if (record.index, replicate) not in done]


def test_winners(study: Study, home: Executor, shown: Callable[[], None]) -> None:
    """Scores on test, once: the winner of each family, or its runs on fresh seeds where there are some.

    Raises:
        KeraseqError: some could not be scored; the others are.
    """
    failures = []
    for record in _shown(study):
        if record.name in study.test_scores():
            continue
        folder = study.folder(record.index, record.replicate)
        task = read_json(folder / "job.json", "train it again in another directory")["task"]  # which a search may vary
        end = call(home, "evaluate", TaskReference(**task), str(folder))
        if end["outcome"] == Outcome.COMPLETED:
            with readable(study.path):
                study.optuna.set_user_attr(f"test/{record.name}", end["scores"])
        else:
            failures.append(f"trial {record.name} ({record.family}) {end['outcome']}: {end['message']}")
        shown()
    if failures:
        raise KeraseqError(f"scoring on test, {'; '.join(failures)}; the same search tries again")


def keep_best(study: Study) -> None:
    """Copies the model of the leading family that did best on validation to `best/`.

    The card, which holds the model's hash, comes last.
    """
    winner = study.leaderboard()[0].winner
    if winner is None:
        return
    runs = [record for record in study.all_records() if record.index == winner.index]
    chosen = best(runs, study.task["direction"]) or winner
    place = study.path / "best"
    place.mkdir(exist_ok=True)
    for name in ("model.keras", "card.json"):
        with replacing(place / name) as temporary:
            shutil.copyfile(study.folder(chosen.index, chosen.replicate) / name, temporary)


def _shown(study: Study) -> list[Record]:
    """The models whose scores stand in the leaderboard."""
    ended = study.all_records()
    found = []
    for row in study.leaderboard():
        if row.winner is not None:
            again = [r for r in ended if r.replicate and r.index == row.winner.index and r.score is not None]
            found += again or [row.winner]
    return found
