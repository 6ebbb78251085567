"""What users write for ranges and fixed settings."""

import pytest

from keraseq.config import Choice, Float, Int
from keraseq.errors import UsageError
from keraseq.tasks import task_config
from keraseq.tuning import ranges

KNOWN = ranges.known_settings(["rnn", "tcn"], type(task_config("digits", {})))


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("tcn/filters", "16:128", Int(16, 128, log=True)),
        ("tcn/filters", "16:128:linear", Int(16, 128)),
        ("tcn/filters", "16:128:8", Int(16, 128, step=8)),
        ("tcn/levels", "2:5", Int(2, 5)),
        ("learning_rate", "1e-4:1e-2", Float(1e-4, 1e-2, log=True)),
        ("tcn/dropout", "0:0.3", Float(0.0, 0.3)),
        ("clip_norm", "0.5|1|null", Choice(0.5, 1.0, None)),
        ("tcn/pooling", "mean|max", Choice("mean", "max")),
        ("task.batch_size", [16, 32], Choice(16, 32)),
        ("tcn/levels", Int(2, 4), Int(2, 4)),
    ],
)
def test_a_range_as_written(name, text, wanted):
    found = ranges.range_of(text, name, KNOWN[name])
    assert str(found) == str(wanted)
    assert type(found) is type(wanted)
    assert str(ranges.from_json(ranges.to_json(found), KNOWN[name])) == str(wanted)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("tcn/filters", "16", "a range is low:high"),
        ("tcn/filters", "128:16", "the low end of a range must be below"),
        ("tcn/filters", "16:64:cubic", "a range is low:high"),
        ("tcn/filters", "1.5:3", "is a whole number"),
        ("tcn/pooling", "1:3", "is not a number"),
        ("learning_rate", "0:1:log", "must be above 0"),
        ("tcn/filters", "16|x", "filters must be int"),
        ("tcn/pooling", "mean|mean", "a range is low:high"),
    ],
)
def test_what_is_no_range_says_what_is(name, text, message):
    with pytest.raises(UsageError, match=message):
        ranges.range_of(text, name, KNOWN[name])


def test_names_without_a_family_stand_for_all_that_have_the_setting():
    given = {"dropout": 1, "tcn/filters": 2, "training.learning_rate": 3, "weight_decay": 4, "task.batch_size": 5}
    assert ranges.expanded(given, KNOWN, "fix") == {
        "rnn/dropout": 1,
        "tcn/dropout": 1,
        "tcn/filters": 2,
        "learning_rate": 3,
        "weight_decay": 4,
        "task.batch_size": 5,
    }
    with pytest.raises(UsageError, match="fix filter: no setting named 'filter'; did you mean 'filters'"):
        ranges.expanded({"filter": 1}, KNOWN, "fix")


@pytest.mark.parametrize(
    ("value", "where", "wanted"),
    [
        (64, Int(8, 32), 32),
        (64, Int(10, 100, step=8), 66),
        (1, Int(10, 95, step=8), 10),
        (99, Int(10, 95, step=8), 90),
        (0.1, Float(0.2, 0.5), 0.2),
        ("max", Choice("mean", "last"), "mean"),
        ("last", Choice("mean", "last"), "last"),
        (None, Float(0.2, 0.5), 0.2),
    ],
)
def test_the_nearest_value_of_a_range(value, where, wanted):
    assert ranges.nearest(value, where) == wanted
