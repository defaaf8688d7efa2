"""Settings of a tree: a TOML file, then the environment, then the command line; checked as a whole before any start.

Tables: `[supervisor]` (flags of the tree and of its outermost group), `[[group]]`, `[[child]]` (one each, in start
order), and shared tables such as `[exchange]`, which go to each child whose settings have a field of that name.
"""

import os
import stat
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from supervisor.specs.layout import Layout
from supervisor.specs.overrides import ACCOUNT_VARIABLES, Origins, apply_overrides
from supervisor.specs.places import Places
from supervisor.specs.problems import SettingsProblems
from supervisor.specs.reading import check_entries, check_shape, read_groups_and_children, secret_names
from supervisor.specs.rules import check_rules
from supervisor.specs.spec import ROOT, ChildSpec, GroupSpec, SupervisorFlags, TreeSpec
from supervisor.specs.telling import path_of, tell_added, with_place
from supervisor.specs.toml_text import Tables, parse_toml
from supervisor.specs.utf_8 import is_utf_8, spell_bytes

NOT_SHARED: Final = frozenset({"supervisor", "child", "group"})

_ANOTHER: Final = "name a settings file with -c"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a tree is made from.

    Attributes:
        tree: flags, groups and children; `settings` of each child hold the shared tables that it takes.
        secrets: values by the name of their variable; each child gets those that its spec names. Some may be named by
            nobody: by a child that is not there any more, or not yet.
        shared: the shared tables, for children that are added later.
        preload: modules of the children that a fork server may import.
        added: names of children and groups that are not of the file but were added while the tree ran.
        takes: by the name of an added child, the shared tables within its `settings`; the rest is its own.
    """

    tree: TreeSpec
    secrets: dict[str, str] = {}
    shared: dict[str, Any] = {}
    preload: tuple[str, ...] = ()
    added: frozenset[str] = frozenset()
    takes: dict[str, tuple[str, ...]] = {}

    def __repr__(self) -> str:
        names = ", ".join(child.name for child in self.children)
        return f"Settings(children=[{names}], secrets=[{', '.join(self.secrets)}])"

    @property
    def flags(self) -> SupervisorFlags:
        """How the tree behaves."""
        return self.tree.flags

    @property
    def children(self) -> tuple[ChildSpec, ...]:
        """All children, in start order."""
        return self.tree.children

    @property
    def groups(self) -> tuple[GroupSpec, ...]:
        """All groups."""
        return self.tree.groups

    def added_beside(
        self, children: Collection[str], groups: Collection[str]
    ) -> tuple[tuple[ChildSpec, ...], tuple[GroupSpec, ...]]:
        """Return what was added but what loses its name or its group to others; children with their own tables alone.

        Args:
            children: names of those that are to be there besides.
            groups: as for children.
        """
        known = {*groups, ROOT}
        added = self.added - known - set(children)
        staying = [group for group in self.groups if group.name in added]
        while gone := {group.name for group in staying if group.group not in known | {other.name for other in staying}}:
            staying = [group for group in staying if group.name not in gone]
        known |= {group.name for group in staying}
        own = [self._own(child) for child in self.children if child.name in added and child.group in known]
        return tuple(own), tuple(staying)

    def _own(self, child: ChildSpec) -> ChildSpec:
        taken = self.takes.get(child.name, ())
        own = {key: value for key, value in child.settings.items() if key not in taken}
        return msgspec.structs.replace(child, settings=own)

    def with_added_of(self, running: "Settings", takes: Mapping[str, Iterable[str]]) -> "Settings":
        """Return these settings with what was added to a running tree and stays beside them.

        Args:
            running: of that tree.
            takes: by the name of a child, the shared tables that it takes of these settings.
        """
        own, groups = running.added_beside(
            [child.name for child in self.children], [group.name for group in self.groups]
        )
        children = [with_shared(child, self.shared, takes) for child in own]
        tree = msgspec.structs.replace(self.tree, children=(*self.children, *children), groups=(*self.groups, *groups))
        secrets = {name: value for child in children for name, value in running.secrets_of(child).items()}
        return msgspec.structs.replace(
            self,
            tree=tree,
            added=frozenset({child.name for child in children} | {group.name for group in groups}),
            takes={child.name: tuple(takes.get(child.name, ())) for child in children},
            secrets={**secrets, **self.secrets},
        )

    def without(self, name: str) -> "Settings":
        """Return these settings without a child, or without a group and all that belongs to it."""
        gone = {name, *Layout(self.children, self.groups).descendants(name)} if self._has_group(name) else {name}
        tree = msgspec.structs.replace(
            self.tree,
            children=tuple(child for child in self.children if child.name not in gone),
            groups=tuple(group for group in self.groups if group.name not in gone),
        )
        takes = {child: tables for child, tables in self.takes.items() if child not in gone}
        return msgspec.structs.replace(self, tree=tree, added=self.added - gone, takes=takes)

    def _has_group(self, name: str) -> bool:
        return any(group.name == name for group in self.groups)

    def secrets_of(self, spec: ChildSpec) -> dict[str, str]:
        """Return what one child may hold."""
        return {name: self.secrets[name] for name in spec.secrets if name in self.secrets}


def default_settings_file() -> Path:
    """Return the settings file that comes with the project."""
    return Path(__file__).resolve().parents[2] / "deploy" / "upbitd.toml"


def load_settings(
    file: Path,
    *,
    variables: Mapping[str, str],
    overrides: Iterable[str] = (),
    of_start: Settings | None = None,
    running: Settings | None = None,
) -> Settings:
    """Read, override and check the settings.

    Args:
        file: the TOML file.
        variables: the UPBITD_ variables, as `take_environment` returned them.
        overrides: `table.key=value` each, from the command line; they win.
        of_start: what the running supervisor read at its start, with the same variables and options; a variable or
            option that belongs to nobody now is left aside, and the file must be a regular one. None at the start,
            which may read a pipe.
        running: of the tree as it is: what was added to it is checked along, and goes on beside what the file has.

    Raises:
        SettingsProblems: with all problems that were found, each with its place in the file.
    """
    if not is_utf_8(os.fspath(file)):  # Problems begin with it, in answers and in the log.
        raise SettingsProblems([f"the path of settings file {spell_bytes(os.fspath(file))} is not UTF-8; {_ANOTHER}"])
    text = _read_text(file) if of_start is None else _read_again(file)
    tables = parse_toml(text, file)
    try:
        return settings_from(tables, variables=variables, overrides=overrides, of_start=of_start, running=running)
    except SettingsProblems as problems:
        places = Places(text)
        lines = [with_place(line, file, places, tables) for line in problems.lines]
        raise SettingsProblems(lines) from None


def read_toml(file: Path) -> Tables:
    """Read one settings file.

    Raises:
        SettingsProblems: it is missing, unreadable or not TOML that can be used.
    """
    return parse_toml(_read_text(file), file)


def _read_again(file: Path) -> str:
    """Read what was read before; a pipe has nothing any more, and would be waited for without end."""
    try:
        mode = file.stat().st_mode
    except OSError:
        return _read_text(file)  # It says what is wrong.
    if not stat.S_ISREG(mode):
        raise SettingsProblems(
            [f"{file}: no regular file, so it cannot be read again; start the supervisor with one to reload"]
        )
    return _read_text(file)


def _read_text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except OSError as error:
        raise SettingsProblems([f"{file}: {error.strerror}; {_ANOTHER}"]) from error
    except UnicodeDecodeError as error:
        raise SettingsProblems([f"{file}: not TOML: {error}"]) from error


def settings_from(
    tables: Tables,
    *,
    variables: Mapping[str, str],
    overrides: Iterable[str] = (),
    of_start: Settings | None = None,
    running: Settings | None = None,
) -> Settings:
    """Build settings from tables in memory, in the form of the file; checked like a file.

    Raises:
        SettingsProblems: with all problems that were found. One of a setting that was overridden begins with the
            variable or option that did it; one of what was added to the running tree says how to be rid of that.
    """
    origins = Origins(is_start=of_start is None)
    known: Collection[str] = () if of_start is None else of_start.secrets
    try:
        return _checked(tables, variables, overrides, known, origins=origins, running=running)
    except SettingsProblems as problems:
        added = frozenset[str]() if running is None else running.added
        lines = [(tell_added(line, added - _names(tables)), path_of(line, tables)) for line in problems.lines]
        raise SettingsProblems(origins.tell(line, path) for line, path in lines) from None


def _checked(
    tables: Tables,
    variables: Mapping[str, str],
    overrides: Iterable[str],
    known_secrets: Collection[str],
    *,
    origins: Origins,
    running: Settings | None,
) -> Settings:
    problems = check_shape(tables)
    if problems:
        raise SettingsProblems(problems)
    known = {*known_secrets, *secret_names(tables["child"])}
    problems += apply_overrides(tables, variables=variables, overrides=overrides, secret_names=known, origins=origins)
    shared = {name: table for name, table in tables.items() if name not in NOT_SHARED}
    problems += read_groups_and_children(tables)
    answer = check_entries(
        [*tables["child"], *_added_tables(tables, running)],
        shared,
        preload=tables.get("supervisor", {}).get("preload", ()),
        spare_tables=() if origins.is_start else origins.whole_tables(),
    )
    if problems or answer.problems:
        raise SettingsProblems([*problems, *answer.problems])
    flags = msgspec.convert(tables.get("supervisor", {}), SupervisorFlags)
    groups = tuple(msgspec.convert(group, GroupSpec) for group in tables.get("group", []))
    children = tuple(with_shared(msgspec.convert(child, ChildSpec), shared, answer.takes) for child in tables["child"])
    secrets = {name: variables[name] for name in sorted(ACCOUNT_VARIABLES | known) if name in variables}
    tree = TreeSpec(flags=flags, children=children, groups=groups)
    settings = Settings(tree=tree, secrets=secrets, shared=shared, preload=tuple(answer.preload))
    return _fit_together(settings, running, answer.takes)


def _fit_together(settings: Settings, running: Settings | None, takes: Mapping[str, Iterable[str]]) -> Settings:
    """Return settings with what was added to the running tree, once the rules hold for them without and with it."""
    whole = settings if running is None else settings.with_added_of(running, takes)
    # The file has to do without, too: the next start has nothing else.
    broken = _broken_rules(settings)
    # What the running tree breaks already, as an added group whose last member was removed, does not stand in the way.
    known = {*broken, *(() if running is None else _broken_rules(running))}
    broken += [problem for problem in _broken_rules(whole) if problem not in known]
    if broken:
        raise SettingsProblems(broken)
    return whole


def _added_tables(tables: Tables, running: Settings | None) -> list[Tables]:
    """Return what the check has to know of added children that stay beside those of the tables."""
    if running is None:
        return []
    children, _groups = running.added_beside(_names(tables, "child"), _names(tables, "group"))
    return [{"name": child.name, "start": child.start, "settings": child.settings} for child in children]


def _names(tables: Tables, *kinds: str) -> set[str]:
    """Return the names of children and groups as far as they can be read, whatever is wrong with the tables."""
    lists = [tables.get(kind, []) for kind in kinds or ("child", "group")]
    found = [table.get("name") for rows in lists if isinstance(rows, list) for table in rows if isinstance(table, dict)]
    return {name for name in found if isinstance(name, str)}


def _broken_rules(settings: Settings) -> list[str]:
    return [_spell(*problem) for problem in check_rules(settings.flags, settings.children, settings.groups)]


def with_shared(child: ChildSpec, shared: Tables, takes: Mapping[str, Iterable[str]]) -> ChildSpec:
    """Give a child the shared tables that it takes."""
    taken = {name: shared[name] for name in takes.get(child.name, ())}
    return msgspec.structs.replace(child, settings={**taken, **child.settings})


def _spell(kind: str, name: str, problem: str) -> str:
    return f"{kind} {name}.{problem}" if name else f"{kind}.{problem}"
