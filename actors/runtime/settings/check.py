"""Checks import paths and settings of all children in a process of its own: `python -m actors.runtime.settings.check`.

The supervisor asks this before it starts anything, so it never imports an actor itself and one bad child is found
before the others run. JSON in on stdin, JSON out on stdout.
"""

import os
import sys
from collections.abc import Mapping
from typing import Any

import msgspec

from actors.runtime.settings.entries import load_entry
from actors.runtime.settings.problems import find_problems
from protocols.errors import SettingsError


class ChildToCheck(msgspec.Struct, frozen=True):
    """One child: its name, its import path, its own table."""

    name: str
    start: str
    settings: dict[str, Any]


class CheckRequest(msgspec.Struct, frozen=True):
    """The children, and the shared tables by name; `is_complete` when these are all children of the tree."""

    children: list[ChildToCheck]
    shared: dict[str, dict[str, Any]]
    is_complete: bool = True


class CheckAnswer(msgspec.Struct, frozen=True):
    """One line for each problem, and which shared tables each child takes."""

    problems: list[str]
    takes: dict[str, list[str]]


def check(request: CheckRequest) -> CheckAnswer:
    """Check every child and return all problems at once."""
    problems: list[str] = []
    takes: dict[str, list[str]] = {}
    for child in request.children:
        try:
            takes[child.name] = _check_child(child, request.shared, problems)
        except SettingsError as error:
            problems.append(f"child {child.name}: {error}")
    # When a child cannot be imported, nobody knows what it would have taken.
    if request.is_complete and len(takes) == len(request.children):
        taken = {table for tables in takes.values() for table in tables}
        problems += [
            f"{table}: no child takes this table; a table is shared by its name with settings of children"
            for table in request.shared
            if table not in taken
        ]
    return CheckAnswer(problems=list(dict.fromkeys(problems)), takes=takes)


def _check_child(child: ChildToCheck, shared: Mapping[str, dict[str, Any]], problems: list[str]) -> list[str]:
    kind = load_entry(child.start).settings_type
    if kind is None:
        problems += [f"{child.name}.{key}: {child.start} takes no settings" for key in child.settings]
        return []
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
    takes = [name for name in shared if name in fields and name not in child.settings]
    for name in takes:
        table_type = fields[name]
        if isinstance(table_type, type) and issubclass(table_type, msgspec.Struct):
            problems += find_problems(shared[name], table_type, where=name)
    whole = {**{name: shared[name] for name in takes}, **child.settings}
    found = find_problems(whole, kind, where=child.name)
    # Problems inside a shared table were named above, once and under the table's own name.
    problems += [line for line in found if not any(line.startswith(f"{child.name}.{name}") for name in takes)]
    return takes


def main() -> None:
    """Answer one request; a module that prints while it is imported must not spoil the answer."""
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=CheckRequest)
    answer_fd = os.dup(1)
    os.dup2(2, 1)
    answer = msgspec.json.encode(check(request))
    with os.fdopen(answer_fd, "wb") as out:
        out.write(answer)


if __name__ == "__main__":
    main()
