"""Checks import paths and settings of all children in a process of its own: `python -m actors.runtime.settings.check`.

The supervisor asks this before it starts anything, so it never imports an actor itself and one bad child is found
before the others run. JSON in on stdin, JSON out on stdout.
"""

import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from actors.runtime.process.lifeline import arm_parent_death_signal
from actors.runtime.settings.entries import import_module, load_entry
from actors.runtime.settings.problems import find_problems
from protocols.errors import SettingsError


class ChildToCheck(msgspec.Struct, frozen=True):
    """One child: its name, its import path, its own table."""

    name: str
    start: str
    settings: dict[str, Any]


class CheckRequest(msgspec.Struct, frozen=True):
    """The children, and the shared tables by name; `is_complete` when these are all children of the tree.

    `preload` are the owner's own modules that a fork server is to import; `spare_tables` need no child that takes them.
    """

    children: list[ChildToCheck]
    shared: dict[str, dict[str, Any]]
    is_complete: bool = True
    preload: list[str] = []
    spare_tables: list[str] = []


class CheckAnswer(msgspec.Struct, frozen=True):
    """One line for each problem, which shared tables each child takes, and which modules a fork server may import."""

    problems: list[str]
    takes: dict[str, list[str]]
    preload: list[str] = []


def check(request: CheckRequest) -> CheckAnswer:
    """Check every child and return all problems at once."""
    problems: list[str] = []
    takes: dict[str, list[str]] = {}
    preload: list[str] = []
    for child in request.children:
        before = _running_and_open()
        try:
            takes[child.name] = _check_child(child, request.shared, problems)
        except SettingsError as error:
            problems.append(f"child {child.name}: {error}")
        else:
            module = child.start.partition(":")[0]
            if _is_ours(module) and _running_and_open() == before and module not in preload:
                preload.append(module)
    # When a child cannot be imported, nobody knows what it would have taken.
    if request.is_complete and len(takes) == len(request.children):
        taken = {table for tables in takes.values() for table in tables} | set(request.spare_tables)
        problems += [
            f"{table}: no child takes this table; a table is shared by its name with settings of children"
            for table in request.shared
            if table not in taken
        ]
    problems += [problem for module in request.preload if (problem := _preload_problem(module))]
    return CheckAnswer(problems=list(dict.fromkeys(problems)), takes=takes, preload=preload)


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


def _preload_problem(module: str) -> str:
    """Say why a fork server cannot import a module for its children; "" when it can."""
    before = _running_and_open()
    try:
        import_module(module)
    except SettingsError as error:
        return f"supervisor.preload: {module!r}: {error}"
    if _running_and_open() != before:
        return (
            f"supervisor.preload: {module!r} starts a thread or opens a file when it is imported; "
            "a copy of that process would have half of it; leave it out"
        )
    return ""


def _is_ours(module: str) -> bool:
    """Whether a module belongs to this project. An owner's own file may change between two lives of its actor."""
    return module.startswith("actors.")


def _running_and_open() -> tuple[int, int]:
    """Return how many threads run and descriptors are open: an import that adds some must not be copied by a fork."""
    return threading.active_count(), sum(1 for _ in Path("/proc/self/fd").iterdir())


def main() -> None:
    """Answer one request; a module that prints while it is imported must not spoil the answer."""
    arm_parent_death_signal(int(sys.argv[1]))
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=CheckRequest)
    answer_fd = os.dup(1)
    os.dup2(2, 1)
    answer = msgspec.json.encode(check(request))
    with os.fdopen(answer_fd, "wb") as out:
        out.write(answer)


if __name__ == "__main__":
    main()
