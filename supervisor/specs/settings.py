"""Settings of a tree: a TOML file, then the environment, then the command line; checked as a whole before any start.

Tables: `[supervisor]` (flags), `[[child]]` (one each, in start order), and shared tables such as `[exchange]`, which go
to each child whose settings have a field of that name.

An override names a table and a key: `UPBITD_EXCHANGE__WEBSOCKET_URL=...` or `--set exchange.websocket_url=...`. The
table is `supervisor`, a shared table, or a child's name; for a child, the key is one of its spec or of its own table.
"""

import math
import tomllib
from collections.abc import Collection, Iterable, Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final

import msgspec

from actors.runtime.settings.check import CheckAnswer, CheckRequest, ChildToCheck
from actors.runtime.settings.problems import find_problems, suggestion
from protocols.errors import SettingsError
from supervisor.specs.checking import ask_check
from supervisor.specs.spec import RESERVED_NAMES, ChildSpec, SupervisorFlags

PREFIX: Final = "UPBITD_"
SEPARATOR: Final = "__"
RESERVED_VARIABLES: Final = frozenset({"UPBITD_RUN_DIR", "UPBITD_ACCESS_KEY", "UPBITD_SECRET_KEY"})

_SPEC_KEYS: Final = frozenset(field.name for field in msgspec.structs.fields(ChildSpec))

Tables = dict[str, Any]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a tree is made from.

    Attributes:
        flags: how the tree behaves.
        children: in start order; `settings` of each hold the shared tables that it takes.
        secrets: values by the name of their variable; each child gets those that its spec names.
    """

    flags: SupervisorFlags
    children: tuple[ChildSpec, ...]
    secrets: dict[str, str] = {}

    def __repr__(self) -> str:
        names = ", ".join(child.name for child in self.children)
        return f"Settings(children=[{names}], secrets=[{', '.join(self.secrets)}])"

    def secrets_of(self, spec: ChildSpec) -> dict[str, str]:
        """Return what one child may hold."""
        return {name: self.secrets[name] for name in spec.secrets if name in self.secrets}


class SettingsProblems(SettingsError):
    """Everything that is wrong with the settings, one line each.

    Attributes:
        lines: the problems, each with its place.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))


def default_settings_file() -> Path:
    """Return the settings file that comes with the project."""
    return Path(__file__).resolve().parents[2] / "deploy" / "upbitd.toml"


def take_environment(environment: MutableMapping[str, str]) -> dict[str, str]:
    """Remove every UPBITD_ variable from the environment and return them, so that no child inherits one."""
    return {name: environment.pop(name) for name in list(environment) if name.startswith(PREFIX)}


def load_settings(file: Path, *, variables: Mapping[str, str], overrides: Iterable[str] = ()) -> Settings:
    """Read, override and check the settings.

    Args:
        file: the TOML file.
        variables: the UPBITD_ variables, as `take_environment` returned them.
        overrides: `table.key=value` each, from the command line; they win.

    Raises:
        SettingsProblems: with all problems that were found.
    """
    return settings_from(read_toml(file), variables=variables, overrides=overrides)


def read_toml(file: Path) -> Tables:
    """Read one settings file.

    Raises:
        SettingsProblems: it is missing, unreadable or not TOML.
    """
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise SettingsProblems([f"{file}: {error.strerror}; name a settings file with -c"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsProblems([f"{file}: not TOML: {error}"]) from error


def settings_from(tables: Tables, *, variables: Mapping[str, str], overrides: Iterable[str] = ()) -> Settings:
    """Build settings from tables in memory, in the form of the file; checked like a file.

    Raises:
        SettingsProblems: with all problems that were found.
    """
    problems = check_shape(tables)
    if problems:
        raise SettingsProblems(problems)
    raw_children: list[Tables] = tables.get("child", [])
    reserved = RESERVED_VARIABLES | {name for child in raw_children for name in _secret_names(child)}
    for text, where in _named_overrides(variables, overrides, reserved, problems):
        _apply(tables, text, where, problems)
    shared = {name: table for name, table in tables.items() if name not in {"supervisor", "child"}}
    problems += _struct_problems(tables.get("supervisor", {}), SupervisorFlags, where="supervisor")
    problems += _children_problems(raw_children)
    answer = _check_entries(raw_children, shared)
    problems += answer.problems
    if problems:
        raise SettingsProblems(problems)
    children = tuple(_with_shared(msgspec.convert(child, ChildSpec), shared, answer) for child in raw_children)
    secrets = {name: variables[name] for child in children for name in child.secrets if name in variables}
    return Settings(
        flags=msgspec.convert(tables.get("supervisor", {}), SupervisorFlags), children=children, secrets=secrets
    )


def check_shape(tables: Tables) -> list[str]:
    """Return problems of the outermost level: everything else relies on tables being tables."""
    problems = [
        f"{name}: expected a table, written [{name}]"
        for name, value in tables.items()
        if name != "child" and not isinstance(value, dict)
    ]
    children = tables.get("child", [])
    if not isinstance(children, list) or not all(isinstance(child, dict) for child in children):
        problems.append("child: expected a list of tables, each written [[child]]")
    elif not children:
        problems.append("child: nothing to start; write one [[child]] for each process")
    return problems


def _children_problems(children: list[Tables]) -> list[str]:
    problems: list[str] = []
    first_with: dict[str, int] = {}
    for number, child in enumerate(children, 1):
        name = child.get("name")
        where = f"child {name}" if isinstance(name, str) else _place(number)
        of_child = _struct_problems(child, ChildSpec, where=where)
        if not isinstance(name, str):  # A place is no path: "the 4th [[child]]: name: missing".
            of_child = [f"{where}: {line.removeprefix(f'{where}.')}" for line in of_child]
        problems += of_child
        if isinstance(name, str) and name in RESERVED_NAMES:
            problems.append(f"{where}.name: {name!r} is a word of the settings; choose another name")
        if isinstance(name, str) and first_with.setdefault(name, number) != number:
            problems.append(
                f"{where}.name: used twice, by {_place(first_with[name])} and {_place(number)}; rename one of them"
            )
        problems += _secret_problems(child, where)
    return problems


def _place(number: int) -> str:
    """Say which child is meant when it has no name to say."""
    ending = "th" if number % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"the {number}{ending} [[child]]"


def _struct_problems(table: Tables, kind: type[Any], *, where: str) -> list[str]:
    """Find problems like `find_problems`; `nan` and `inf` are TOML, and no time and no limit here can be either."""
    endless = {key: value for key, value in table.items() if isinstance(value, float) and not math.isfinite(value)}
    problems = [f"{where}.{key}: {value} is no number that can be used here" for key, value in endless.items()]
    return problems + find_problems(
        {key: value for key, value in table.items() if key not in endless}, kind, where=where
    )


def _secret_problems(child: Tables, where: str) -> list[str]:
    return [
        f"{where}.secrets: {name!r} does not begin with {PREFIX}; only such variables are kept from other children"
        for name in _secret_names(child)
        if not name.startswith(PREFIX)
    ]


def _secret_names(child: Tables) -> list[str]:
    names = child.get("secrets", [])
    return [name for name in names if isinstance(name, str)] if isinstance(names, list | tuple) else []


def _check_entries(raw_children: list[Tables], shared: Tables) -> CheckAnswer:
    """Let the check process import every child that says what to import, whatever else is wrong with it."""
    to_check = []
    for number, child in enumerate(raw_children, 1):
        name, start, settings = child.get("name"), child.get("start"), child.get("settings", {})
        if isinstance(start, str) and isinstance(settings, dict):
            known_as = name if isinstance(name, str) else _place(number)
            to_check.append(ChildToCheck(name=known_as, start=start, settings=settings))
    answer = ask_check(CheckRequest(children=to_check, shared=shared, is_complete=len(to_check) == len(raw_children)))
    problems = [line.removeprefix("child ") if line.startswith("child the ") else line for line in answer.problems]
    return CheckAnswer(problems=problems, takes=answer.takes)


def _with_shared(child: ChildSpec, shared: Tables, answer: CheckAnswer) -> ChildSpec:
    """Give a child the shared tables that it takes."""
    taken = {name: shared[name] for name in answer.takes.get(child.name, [])}
    return msgspec.structs.replace(child, settings={**taken, **child.settings})


def _named_overrides(
    variables: Mapping[str, str], overrides: Iterable[str], reserved: Collection[str], problems: list[str]
) -> Iterable[tuple[str, str]]:
    """Yield each override as `table.key=value` and where it came from, the environment first."""
    for name, value in variables.items():
        table, separator, key = name.removeprefix(PREFIX).partition(SEPARATOR)
        if name in reserved:
            continue
        if separator:
            yield f"{table.lower()}.{key.lower().replace(SEPARATOR, '.')}={value}", name
        else:
            known = ", ".join(sorted(reserved))
            problems.append(f"{name}: unknown variable; a setting is {PREFIX}TABLE{SEPARATOR}KEY, others are {known}")
    for text in overrides:
        yield text, f"--set {text.partition('=')[0]}"


def _apply(tables: Tables, text: str, where: str, problems: list[str]) -> None:
    path, equals, value = text.partition("=")
    table_name, *keys = path.strip().split(".")
    if not equals or not keys or not all([table_name, *keys]):
        problems.append(f"{where}: expected table.key=value")
        return
    table = _table_for(tables, table_name, keys[0], where, problems)
    if table is None:
        return
    for key in keys[:-1]:
        inner = table.setdefault(key, {})
        if not isinstance(inner, dict):
            problems.append(f"{where}: {key} is not a table")
            return
        table = inner
    table[keys[-1]] = parse_value(value)


def _table_for(tables: Tables, name: str, key: str, where: str, problems: list[str]) -> Tables | None:
    """Return the table that an override means: flags, a child's spec or own table, or a shared table."""
    children: dict[object, Tables] = {child.get("name"): child for child in tables.get("child", [])}
    if name in children:
        child = children[name]
        found = child if key in _SPEC_KEYS else child.setdefault("settings", {})
    elif name in {"child", "group"}:
        problems.append(f"{where}: name the child itself, such as {next(iter(children))}.{key}")
        return None
    else:
        # A shared table may come by overrides alone; the check finds one that no child takes.
        found = tables.setdefault(name, {})
    if not isinstance(found, dict):
        problems.append(f"{where}: {name} is not a table{suggestion(name, [str(child) for child in children])}")
        return None
    return found


def parse_value(text: str) -> object:
    """Read a value as TOML (`5`, `true`, `["KRW-BTC"]`), or take it as it is when it is none."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
