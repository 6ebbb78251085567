"""One registry: names and aliases to components, with tags, references and plugins."""

from __future__ import annotations

import functools
import importlib
import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from keraseq.errors import KeraseqError, UsageError, unknown

Component = TypeVar("Component")
Case = Mapping[str, Any] | Callable[[], Mapping[str, Any]]


class UnknownNameError(UsageError, LookupError):
    """No component answers to the name."""


class DuplicateNameError(UsageError):
    """Two owners claim one name."""


class BrokenPluginError(KeraseqError):
    """An installed plugin could not provide the component that it announces."""


@dataclass(frozen=True)
class Entry:
    """A registered component and what it says of itself.

    Attributes:
        name: the name it registered under.
        component: the class or function itself.
        aliases: further names that find it.
        tags: properties to filter by, such as `"causal"`.
        reference: paper or source, such as `"arXiv:1803.01271"`.
        cases: settings, each a mapping or a function that makes one, with which the conformance checks run.
        expected_failures: name of a conformance check → why the component cannot pass it.
    """

    name: str
    component: Any
    aliases: tuple[str, ...] = ()
    tags: frozenset[str] = frozenset()
    reference: str | None = None
    cases: tuple[Case, ...] = ({},)
    expected_failures: Mapping[str, str] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        """Where the component is defined, as `module.qualified_name`."""
        return f"{self.component.__module__}.{self.component.__qualname__}"


@dataclass(frozen=True)
class Description:
    """What `describe` tells of a component.

    Attributes:
        kind: `"layer"`, `"model"`, `"task"`, …
        name, aliases, tags, reference: as registered.
        source: `"keraseq"`, the distribution of a plugin, or the module of a component registered in code.
        summary: first paragraph of the docstring.
        doc: the whole docstring.
        component: the component.
    """

    kind: str
    name: str
    aliases: tuple[str, ...]
    tags: tuple[str, ...]
    reference: str | None
    source: str
    summary: str
    doc: str
    component: Any


class Registry:
    """Components of one kind, by name.

    A component joins in one of three ways, all ending in `register`: it stands in the table of built-ins, a plugin
    announces it by an entry point, or code registers it directly. The first two are imported when first asked for.

    Args:
        kind: what one component is called in messages, such as `"model"`.
        group: entry-point group in which plugins announce components, one entry each.
        builtin: name → module that registers it.
        aliases: built-in alias → name.

    Example:
        >>> shapes = Registry("shape", "example.shapes", {})
        >>> @shapes.register("square", aliases=("box",), tags={"polygon"})
        ... class Square:
        ...     "Four equal sides."
        >>> shapes.get("box") is Square
        True
        >>> shapes.names(tags={"polygon"})
        ['square']
    """

    def __init__(self, kind: str, group: str, builtin: Mapping[str, str], aliases: Mapping[str, str] | None = None):
        self.kind = kind
        self.group = group
        self.builtin = builtin
        self._aliases: dict[str, str] = dict(aliases or {})
        self._entries: dict[str, Entry] = {}

    def register(
        self,
        name: str,
        *,
        aliases: Iterable[str] = (),
        tags: Iterable[str] = (),
        reference: str | None = None,
        cases: Iterable[Case] = ({},),
        expected_failures: Mapping[str, str] | None = None,
    ) -> Callable[[Component], Component]:
        """Decorator that registers a class or function under `name`.

        Registering the same definition again (a reloaded module, a notebook cell run twice) replaces it.

        Args:
            name: lower-case name, unique in this registry.
            aliases: further names, as unique.
            tags: properties to filter by.
            reference: paper or source.
            cases: settings with which the conformance checks run, each a mapping of constructor arguments or, where
                some are components themselves, a function that makes one; by default none are given.
            expected_failures: name of a conformance check → why the component cannot pass it. A check that is expected
                to fail and passes is an error.

        Raises:
            DuplicateNameError: a name or alias belongs to another component.
        """

        def decorate(component: Component) -> Component:
            entry = Entry(
                name,
                component,
                tuple(aliases),
                frozenset(tags),
                reference,
                tuple(cases),
                dict(expected_failures or {}),
            )
            for key in (name, *entry.aliases):
                self._check_free(key, entry)
            self._entries[name] = entry
            self._aliases.update(dict.fromkeys(entry.aliases, name))
            return component

        return decorate

    def get(self, name: str) -> Any:
        """The component called `name`, or with that alias, imported if need be; a plugin's aliases hold once it is.

        Raises:
            UnknownNameError: nothing answers to the name; the nearest names are suggested.
            DuplicateNameError: several installed packages claim the name.
            BrokenPluginError: the plugin that announces the name cannot be imported or does not register it.
        """
        return self.entry(name).component

    def entry(self, name: str) -> Entry:
        """The `Entry` of a name or alias; raises as `get` does."""
        name = self._aliases.get(name, name)
        claims = self._plugins.get(name, [])
        owners = [_distribution(point) for point in claims] + (["keraseq"] if name in self.builtin else [])
        if len(owners) > 1:
            raise DuplicateNameError(
                f"{self.kind} {name!r} is claimed by {' and '.join(sorted(owners))}; uninstall or rename one"
            )
        found = self._entries.get(name)
        if found is None and name in self.builtin:
            importlib.import_module(self.builtin[name])
            found = self._entries.get(name)
        elif found is None and claims:
            found = self._load_plugin(claims[0])
        if found is None:
            raise UnknownNameError(unknown(self.kind, name, {*self.names(), *self._aliases}))
        return found

    def knows(self, name: str) -> bool:
        """Whether the name or alias is announced, without importing anything."""
        return self._aliases.get(name, name) in {*self.builtin, *self._plugins, *self._entries}

    def names(self, pattern: str = "*", *, tags: Iterable[str] = ()) -> list[str]:
        """Sorted names (without aliases) that match a wildcard `pattern` and carry all `tags`.

        Without `tags` nothing is imported. With them the candidates are; a broken plugin is left out with a warning.
        """
        known = {*self.builtin, *self._plugins, *self._entries}
        matching = sorted(name for name in known if fnmatchcase(name, pattern))
        wanted = {tags} if isinstance(tags, str) else set(tags)
        if not wanted:
            return matching
        kept = []
        for name in matching:
            try:
                if wanted <= self.entry(name).tags:
                    kept.append(name)
            except (BrokenPluginError, DuplicateNameError) as error:
                warnings.warn(str(error), stacklevel=2)
        return kept

    def describe(self, name: str) -> Description:
        """What the component says of itself: docstring, tags, reference and source. Raises as `get` does."""
        entry = self.entry(name)
        doc = inspect.getdoc(entry.component) or ""
        return Description(
            kind=self.kind,
            name=entry.name,
            aliases=entry.aliases,
            tags=tuple(sorted(entry.tags)),
            reference=entry.reference,
            source=self.source(entry.name),
            summary=" ".join(doc.partition("\n\n")[0].split()),
            doc=doc,
            component=entry.component,
        )

    def source(self, name: str) -> str:
        """Who provides a name, without importing it: `"keraseq"`, a plugin's distribution, or a module."""
        if name in self._plugins:
            return " and ".join(_distribution(point) for point in self._plugins[name])
        return "keraseq" if name in self.builtin else self.entry(name).component.__module__

    def name_of(self, component: Any) -> str | None:
        """The name under which a component of this process is registered, or None."""
        return next((e.name for e in self._entries.values() if e.component is component), None)

    @functools.cached_property
    def _plugins(self) -> dict[str, list[EntryPoint]]:
        points: dict[str, list[EntryPoint]] = {}
        for point in entry_points(group=self.group):
            if not any(point == known for known in points.get(point.name, [])):
                points.setdefault(point.name, []).append(point)
        return points

    def _load_plugin(self, point: EntryPoint) -> Entry:
        where = f"plugin {self.kind} {point.name!r} of {_distribution(point)} ({point.value})"
        try:
            point.load()
        except Exception as error:
            raise BrokenPluginError(
                f"{where} cannot be imported: {type(error).__name__}: {error}; upgrade or uninstall it"
            ) from error
        found = self._entries.get(point.name)
        if found is None:
            raise BrokenPluginError(f"{where} did not register {point.name!r}; decorate it with its register()")
        return found

    def _check_free(self, key: str, entry: Entry) -> None:
        known = self._aliases.get(key, key)
        other = self._entries.get(known)
        owner = other.owner if other else self.builtin.get(known)
        if owner not in (None, entry.owner, entry.component.__module__):
            raise DuplicateNameError(f"{self.kind} name {key!r} is taken by {owner}; {entry.owner} must choose another")


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value
