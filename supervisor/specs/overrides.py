"""Overrides of single settings: from the environment, then from the command line, which wins.

An override names a table and a key: `UPBITD_EXCHANGE__WEBSOCKET_URL=...` or `--set exchange.websocket_url=...`. The
table is `supervisor`, a shared table, or the name of a child or group; for a child, the key is one of its spec or of
its own table.
"""

import re
from collections.abc import Collection, Iterable, Mapping, MutableMapping
from typing import Final

import msgspec

from actors.runtime.settings.problems import suggestion
from supervisor.specs.problems import SettingsProblems
from supervisor.specs.spec import ChildSpec
from supervisor.specs.toml_text import MAX_DEPTH, NotToml, Tables, parse_toml
from supervisor.specs.utf_8 import is_utf_8, spell_bytes

PREFIX: Final = "UPBITD_"
_OPTION: Final = "--set"
_AT_VARIABLE: Final = "change or unset this environment variable"
_ONLY_AT_START: Final = ", which needs a new start of the supervisor"
SEPARATOR: Final = "__"
ACCOUNT_VARIABLES: Final = frozenset({"UPBITD_ACCESS_KEY", "UPBITD_SECRET_KEY"})
"""Secrets that may be there before any child names them: one that is added later can have them."""

NEITHER_SETTING_NOR_SECRET: Final = frozenset({"UPBITD_RUN_DIR", "UPBITD_TREE", "UPBITD_AUTOSTART"})

RESERVED_VARIABLES: Final = NEITHER_SETTING_NOR_SECRET | ACCOUNT_VARIABLES

_SPEC_KEYS: Final = frozenset(field.name for field in msgspec.structs.fields(ChildSpec))

_QUOTED: Final = re.compile(r"'[^']*'")
_FIRST_KEY: Final = re.compile(r"\s*(\w+)(?:\[\d+\])?(?::| =)")
_WORD: Final = re.compile(r"\w+")
_WITH_VALUE: Final = re.compile(r"([\w.]+) = ")

Path = tuple[str | int, ...]
"""The names on the way to a table or a key, as in `Places`: `("child", 2, "settings", "markets")`."""


class Origins:
    """Which settings do not come from the file, and from where they come.

    Args:
        is_start: whether the supervisor starts; later, its variables and options are what they were then.
    """

    def __init__(self, *, is_start: bool = True) -> None:
        self.is_start: Final = is_start
        self._found: dict[Path, str] = {}

    def note(self, path: Path, where: str) -> None:
        """Note that a key, or a whole table, was set by a variable or an option."""
        self._found[path] = where

    def whole_tables(self) -> list[str]:
        """Return the shared tables of which the file has nothing."""
        return [str(path[0]) for path in self._found if len(path) == 1]

    def tell(self, line: str, path: Path) -> str:
        """Put before a problem the variable or option that the setting at this path comes from, where it has one."""
        keys = tuple(key.partition("[")[0] if isinstance(key, str) else key for key in path)
        prefixes = (keys[:length] for length in range(len(keys), 0, -1))
        where = next((self._found[prefix] for prefix in prefixes if prefix in self._found), None)
        where = where or self._named_in(line, keys)
        if where is None:
            return line
        advice = "" if where.startswith(_OPTION) else f"; {_AT_VARIABLE}"
        if advice and not self.is_start:
            advice += _ONLY_AT_START
        return f"{where}: {line}{advice}"

    def _named_in(self, line: str, path: Path) -> str | None:
        """Return what set a key that a problem names behind its own path, as one of a rule between several keys does.

        Of several the last one, which was to win.
        """
        # What is quoted is a value, and behind a semicolon is advice.
        text = _QUOTED.sub("", line.partition(":")[2].partition(";")[0])
        table = _table_in(path)
        if path in {table, (*table, "settings")}:
            first = _FIRST_KEY.match(text)
            names = [first[1]] if first else _WORD.findall(text)
        else:
            names = _WITH_VALUE.findall(text)
        here = [
            where
            for keys, where in self._found.items()
            if (_table_in(keys) == table and any(key in names for key in keys[len(table) :]))
            or ".".join(map(str, keys)) in names
        ]
        return here[-1] if here else None


def _table_in(path: Path) -> Path:
    """Return the path of the child, group or shared table that something is in."""
    return path[:2] if path[0] in {"child", "group"} else path[:1]


def take_environment(environment: MutableMapping[str, str]) -> dict[str, str]:
    """Remove every UPBITD_ variable from the environment and return them, so that no child inherits one."""
    return {name: environment.pop(name) for name in list(environment) if name.startswith(PREFIX)}


def apply_overrides(
    tables: Tables,
    *,
    variables: Mapping[str, str],
    overrides: Iterable[str],
    secret_names: Collection[str],
    origins: Origins,
) -> list[str]:
    """Change the tables in place; return what is wrong with the overrides.

    Args:
        tables: of the settings file.
        variables: the UPBITD_ variables, as `take_environment` returned them.
        overrides: `table.key=value` each, from the command line.
        secret_names: variables that are no settings.
        origins: gets what was changed. After the start no variable is unknown: one that was, was refused then, and
            nobody can unset one of a process that runs.
    """
    problems: list[str] = []
    for text, where in _named(variables, overrides, RESERVED_VARIABLES | set(secret_names), problems, origins):
        _apply(tables, text, where, problems, origins)
    return problems


def _named(
    variables: Mapping[str, str],
    overrides: Iterable[str],
    reserved: Collection[str],
    problems: list[str],
    origins: Origins,
) -> Iterable[tuple[str, str]]:
    """Yield each override as `table.key=value` and where it came from, the environment first."""
    for name, value in variables.items():
        table, separator, key = name.removeprefix(PREFIX).partition(SEPARATOR)
        if name not in NEITHER_SETTING_NOR_SECRET and not is_utf_8(name + value):
            # Whether it is a secret or not: a child that is added later may name it.
            problems.append(f"{spell_bytes(name)}: not UTF-8; {_AT_VARIABLE}")
            continue
        if name in reserved:
            continue
        if separator:
            yield f"{table.lower()}.{key.lower().replace(SEPARATOR, '.')}={value}", name
        elif origins.is_start:
            known = ", ".join(sorted(reserved))
            problems.append(f"{name}: unknown variable; a setting is {PREFIX}TABLE{SEPARATOR}KEY, others are {known}")
    for text in overrides:
        where = f"{_OPTION} {spell_bytes(text.partition('=')[0])}"
        if is_utf_8(text):
            yield text, where
        else:
            problems.append(f"{where}: not UTF-8; write it in UTF-8")


def _apply(tables: Tables, text: str, where: str, problems: list[str], origins: Origins) -> None:
    dotted, equals, value = text.partition("=")
    table_name, *keys = dotted.strip().split(".")
    if not equals or not keys or not all([table_name, *keys]):
        problems.append(f"{where}: expected table.key=value")
        return
    if len(keys) > MAX_DEPTH:
        problems.append(f"{where}: more than {MAX_DEPTH} names within one another")
        return
    try:
        parsed = parse_value(value, where)
    except SettingsProblems as error:
        problems += error.lines
        return
    is_new = table_name not in tables
    place = _place_of(tables, table_name, keys[0], where, problems)
    if place is None:
        return
    path, table = place
    if is_new and path == (table_name,):
        origins.note(path, where)
    for key in keys[:-1]:
        inner = table.setdefault(key, {})
        if not isinstance(inner, dict):
            problems.append(f"{where}: {key} is not a table")
            return
        table = inner
    table[keys[-1]] = parsed
    origins.note((*path, *keys), where)


def _place_of(tables: Tables, name: str, key: str, where: str, problems: list[str]) -> tuple[Path, Tables] | None:
    """Return the table that an override means, with its path.

    It is one of flags, a child's spec or own table, a group, or a shared table.
    """
    path: Path
    found: object
    children, groups = _by_name(tables.get("child", [])), _by_name(tables.get("group", []))
    if name in children:
        child = children[name]
        path = ("child", tables["child"].index(child))
        found = child
        if key not in _SPEC_KEYS:
            path, found = (*path, "settings"), child.setdefault("settings", {})
    elif name in groups:
        found = groups[name]
        path = ("group", tables["group"].index(found))
    elif name in {"child", "group"}:
        problems.append(f"{where}: name the {name} itself, such as {next(iter(children), 'public')}.{key}")
        return None
    else:
        # A shared table may come by overrides alone; the check finds one that no child takes.
        path, found = (name,), tables.setdefault(name, {})
    if not isinstance(found, dict):
        problems.append(f"{where}: {name} is not a table{suggestion(name, children)}")
        return None
    return path, found


def _by_name(tables: Iterable[Tables]) -> dict[str, Tables]:
    return {table["name"]: table for table in tables if isinstance(table.get("name"), str)}


def parse_value(text: str, where: str = "") -> object:
    """Read a value as TOML (`5`, `true`, `["KRW-BTC"]`), or take it as it is when it is none.

    Raises:
        SettingsProblems: it is TOML that cannot be used, told as a problem of `where`.
    """
    try:
        return parse_toml(f"value = {text}", where)["value"]
    except NotToml:
        return text
