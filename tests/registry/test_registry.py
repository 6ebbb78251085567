"""Names, aliases, tags, duplicates, suggestions."""

import subprocess
import sys

import pytest

from keraseq.registry import KINDS, DuplicateNameError, Registry, UnknownNameError
from keraseq.registry.builtin import ALIASES, BUILTIN


@pytest.fixture
def registry():
    return Registry("shape", "test.shapes", {})


def test_finds_by_name_and_by_alias(registry):
    @registry.register("square", aliases=("box",), tags={"polygon", "regular"}, reference="Euclid")
    class Square:
        """Four equal sides.

        And four right angles.
        """

    assert registry.get("square") is registry.get("box") is Square
    described = registry.describe("box")
    assert (described.name, described.summary) == ("square", "Four equal sides.")
    assert (described.reference, described.tags, described.aliases) == ("Euclid", ("polygon", "regular"), ("box",))
    assert described.source == __name__


def test_lists_by_wildcard_and_tags_without_aliases(registry):
    for name, tags in (("square", {"polygon", "regular"}), ("kite", {"polygon"}), ("circle", {"regular"})):
        registry.register(name, tags=tags, aliases=(f"{name}_alias",))(type(name, (), {}))
    assert registry.names() == ["circle", "kite", "square"]
    assert registry.names("*i*") == ["circle", "kite"]
    assert registry.names(tags={"polygon", "regular"}) == ["square"]
    assert registry.names(tags="polygon") == ["kite", "square"]


@pytest.mark.parametrize(("asked", "answer"), [("sqare", "did you mean 'square'"), ("zzz", "known: square")])
def test_an_unknown_name_suggests(registry, asked, answer):
    registry.register("square")(type("Square", (), {}))
    with pytest.raises(UnknownNameError, match=answer):
        registry.get(asked)


def test_a_duplicate_names_both_owners_and_changes_nothing(registry):
    first = registry.register("square", aliases=("box",))(type("First", (), {}))
    for taken in ("square", "box"):
        with pytest.raises(DuplicateNameError, match=r"First.*Second"):
            registry.register("other", aliases=(taken,))(type("Second", (), {}))
    assert registry.get("square") is first
    assert registry.names() == ["square"]


def test_registering_the_same_definition_again_replaces_it(registry):
    registry.register("square")(type("Square", (), {}))
    again = registry.register("square")(type("Square", (), {}))
    assert registry.get("square") is again


def test_a_builtin_name_cannot_be_taken():
    with pytest.raises(DuplicateNameError, match=r"'gru' is taken by keraseq\.models\.gru"):
        KINDS["models"].register("gru")(type("Mine", (), {}))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_table_of_builtins_is_what_the_modules_register(kind):
    registry = KINDS[kind]
    for name, module in BUILTIN[kind].items():
        entry = registry.entry(name)
        assert entry.name == name
        assert entry.component.__module__ == module
    registered = {alias: entry.name for entry in map(registry.entry, BUILTIN[kind]) for alias in entry.aliases}
    assert registered == ALIASES.get(kind, {})
    own = {e.name for e in registry._entries.values() if e.component.__module__.startswith("keraseq.")}
    assert own == set(BUILTIN[kind])


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_builtin_describes_itself(kind):
    for name in BUILTIN[kind]:
        assert len(KINDS[kind].describe(name).summary) > 20, name


TENSORFLOW_FREE = """
import sys
import keraseq, keraseq.tuning, keraseq.tuning.coordinator, keraseq.tuning.search, keraseq.cli
from keraseq import list_layers, list_models, list_tasks
from keraseq.registry import models, tasks
assert list_layers() and list_models() and list_tasks()
for name in models.builtin: models.describe(name)
for name in tasks.builtin: tasks.describe(name)
loaded = {"tensorflow", "keras", "tensorflow_datasets", "keras_tuner"} & set(sys.modules)
assert not loaded, loaded
"""


def test_listing_describing_and_coordinating_import_no_tensorflow():
    subprocess.run([sys.executable, "-c", TENSORFLOW_FREE], check=True, timeout=60)


def test_importing_keraseq_is_lazy_and_unknown_attributes_are_errors():
    import keraseq

    with pytest.raises(AttributeError, match="no_such_name"):
        getattr(keraseq, "no_such" + "_name")
    assert set(keraseq.__all__) <= set(dir(keraseq))
    for name in keraseq.__all__:
        assert getattr(keraseq, name) is not None
