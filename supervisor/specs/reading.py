"""Reading the tables of children and groups: each of them alone, before what must hold between them is looked at."""

import math
from collections.abc import Collection, Iterable
from typing import Any

from actors.runtime.settings.check import CheckAnswer, CheckRequest, ChildToCheck
from actors.runtime.settings.problems import find_problems
from actors.runtime.times import ordinal
from supervisor.specs.checking import ask_check
from supervisor.specs.overrides import PREFIX
from supervisor.specs.spec import RESERVED_NAMES, ChildSpec, GroupSpec, SupervisorFlags
from supervisor.specs.toml_text import Tables


def check_shape(tables: Tables) -> list[str]:
    """Return problems of the outermost level: everything else relies on tables being tables."""
    problems = [
        f"{name}: expected a table, written [{name}]"
        for name, value in tables.items()
        if name not in {"child", "group"} and not isinstance(value, dict)
    ]
    for kind in ("child", "group"):
        found = tables.get(kind, [])
        if not isinstance(found, list) or not all(isinstance(table, dict) for table in found):
            problems.append(f"{kind}: expected a list of tables, each written [[{kind}]]")
    if not problems and not tables.get("child"):
        problems.append("child: nothing to start; write one [[child]] for each process")
    return problems


def read_groups_and_children(tables: Tables) -> list[str]:
    """Return what is wrong with the flags and with each child and group by itself; names are unique over both."""
    problems = _struct_problems(tables.get("supervisor", {}), SupervisorFlags, where="supervisor")
    first_with: dict[str, str] = {}
    for kind, spec_type in (("child", ChildSpec), ("group", GroupSpec)):
        for number, table in enumerate(tables.get(kind, []), 1):
            problems += _table_problems(table, spec_type, kind, number, first_with)
    return problems


def _table_problems(
    table: Tables, spec_type: type[Any], kind: str, number: int, first_with: dict[str, str]
) -> list[str]:
    name, here = table.get("name"), place(number, kind)
    where = f"{kind} {name}" if isinstance(name, str) else here
    problems = _struct_problems(table, spec_type, where=where)
    if not isinstance(name, str):  # A place is no path: "the 4th [[child]]: name: missing".
        return [f"{where}: {line.removeprefix(f'{where}.')}" for line in problems]
    if name in RESERVED_NAMES:
        problems.append(f"{where}.name: {name!r} is a word of the settings; choose another name")
    first = first_with.setdefault(name, here)
    if first != here:
        problems.append(f"{where}.name: used twice, by {first} and {here}; rename one of them")
    return problems + _secret_problems(table, where)


def place(number: int, kind: str) -> str:
    """Say which child or group is meant when it has no name to say."""
    return f"the {ordinal(number)} [[{kind}]]"


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
        for name in secret_names([child])
        if not name.startswith(PREFIX)
    ]


def secret_names(children: Iterable[Tables]) -> list[str]:
    """Return all variables that children name as their secrets, as far as they can be read."""
    lists = [child.get("secrets", []) for child in children]
    return [name for names in lists if isinstance(names, list | tuple) for name in names if isinstance(name, str)]


def check_entries(
    raw_children: list[Tables],
    shared: Tables,
    *,
    is_whole_tree: bool = True,
    preload: object = (),
    spare_tables: Collection[str] = (),
) -> CheckAnswer:
    """Let the check process import every child that says what to import, whatever else is wrong with it.

    `preload` is the owner's list of modules for the fork server, as it stands in the settings; they are imported too.
    `spare_tables` are shared tables that may be there for nobody.
    """
    to_check = []
    for number, child in enumerate(raw_children, 1):
        name, start, settings = child.get("name"), child.get("start"), child.get("settings", {})
        if isinstance(start, str) and isinstance(settings, dict):
            known_as = name if isinstance(name, str) else place(number, "child")
            to_check.append(ChildToCheck(name=known_as, start=start, settings=settings))
    is_complete = is_whole_tree and len(to_check) == len(raw_children)
    modules = [name for name in preload if isinstance(name, str)] if isinstance(preload, list | tuple) else []
    request = CheckRequest(
        children=to_check, shared=shared, is_complete=is_complete, preload=modules, spare_tables=list(spare_tables)
    )
    answer = ask_check(request)
    problems = [line.removeprefix("child ") if line.startswith("child the ") else line for line in answer.problems]
    return CheckAnswer(problems=problems, takes=answer.takes, preload=answer.preload)
