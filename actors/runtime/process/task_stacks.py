"""Where an actor's tasks wait: what the stacks of threads cannot show, since a task that waits is on none of them."""

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import trio

from protocols.control.black_box import MAIN_TASK

MAX_CHARS: Final = 32 * 1024
"""Of all tasks together. The threads' stacks stand before them, and of a dump that is too long its end is kept."""

MAX_FRAMES: Final = 50
"""Of one task, the newest."""

_TRAPS: Final = "trio._core._traps"
"""Where every task waits in the end, so it tells nothing."""


def write_tasks(dump: int, runtime: trio.Nursery) -> None:
    """Write where the actor's tasks wait, with one system call: the main one first, and then those that it began.

    Args:
        dump: a descriptor of the memory that the threads' stacks go to.
        runtime: the nursery around the actor, whose own tasks are left out.
    """
    # A full machine must not end the actor: it only does not show its tasks.
    with suppress(OSError, MemoryError):
        os.write(dump, _describe(runtime).encode("utf-8", "replace"))


def _describe(runtime: trio.Nursery) -> str:
    main = runtime.parent_task
    parts, left_out = [_stack(MAIN_TASK, main)], 0
    room = MAX_CHARS - len(parts[0])
    for task in _begun_by(main, runtime):
        part = "" if left_out else _stack(f"Task {task.name}", task)
        if left_out or len(part) > room:
            left_out += 1
        else:
            parts.append(part)
            room -= len(part)
    if left_out:
        parts.append(f"\n... and {left_out} tasks more\n")
    return "".join(parts)


def _begun_by(task: trio.lowlevel.Task, leave_out: trio.Nursery) -> Iterator[trio.lowlevel.Task]:
    """Yield a task's children by name, each followed by its own."""
    waiting = [task]
    while waiting:
        parent = waiting.pop()
        if parent is not task:
            yield parent
        children = [
            child for nursery in parent.child_nurseries if nursery is not leave_out for child in nursery.child_tasks
        ]
        waiting += sorted(children, key=lambda child: child.name, reverse=True)


def _stack(title: str, task: trio.lowlevel.Task) -> str:
    """Return a blank line, the title and a task's calls, as `faulthandler` writes those of a thread."""
    calls = [
        f'  File "{frame.f_code.co_filename}", line {line} in {frame.f_code.co_qualname}\n'
        for frame, line in task.iter_await_frames()
        if frame.f_globals.get("__name__") != _TRAPS
    ]
    rest = "  ...\n" if len(calls) > MAX_FRAMES else ""
    return "".join((f"\n{title} (most recent call first):\n", *reversed(calls[-MAX_FRAMES:]), rest))
