"""Checks import paths and settings of all children in a process of its own: `python -m actors.runtime.settings.check`.

The supervisor asks this before it starts anything, so it never imports an actor itself and one bad child is found
before the others run. JSON in on stdin; on stdout a line of JSON before each import, so that one that never comes back
has a name, and the answer as the last line.
"""

import os
import sys
import threading
from collections.abc import Callable, Mapping
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


class Importing(msgspec.Struct, frozen=True, tag=True):
    """What is imported now."""

    module: str


class CheckAnswer(msgspec.Struct, frozen=True, tag=True):
    """One line for each problem, which shared tables each child takes, and which modules a fork server may import."""

    problems: list[str]
    takes: dict[str, list[str]]
    preload: list[str] = []


def module_of(start: str) -> str:
    """Return the module that an import path names."""
    return start.partition(":")[0]


def check(request: CheckRequest, announce: Callable[[str], None] = lambda _module: None) -> CheckAnswer:
    """Check every child and return all problems at once; each module is announced before it is imported."""
    problems: list[str] = []
    takes: dict[str, list[str]] = {}
    preload: list[str] = []
    for child in request.children:
        before = _running_and_open()
        announce(module_of(child.start))
        try:
            takes[child.name] = _check_child(child, request.shared, problems)
        except SettingsError as error:
            problems.append(f"child {child.name}: {error}")
        else:
            module = module_of(child.start)
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
    for module in request.preload:
        announce(module)
        problems += _preload_problems(module)
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


def _preload_problems(module: str) -> list[str]:
    """Say why a fork server cannot import a module for its children; nothing when it can."""
    before = _running_and_open()
    try:
        import_module(module)
    except SettingsError as error:
        return [f"supervisor.preload: {module!r}: {error}"]
    if _running_and_open() != before:
        half = "a copy of that process would have half of it; leave it out"
        return [f"supervisor.preload: {module!r} starts a thread or opens a file when it is imported; {half}"]
    return []


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
    with os.fdopen(answer_fd, "wb") as out:

        def say(message: Importing | CheckAnswer) -> None:
            out.write(msgspec.json.encode(message) + b"\n")
            out.flush()

        say(check(request, lambda module: say(Importing(module))))


if __name__ == "__main__":
    main()
