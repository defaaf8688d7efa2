"""Where an actor's tasks wait: what the stacks of threads cannot show, since a task that waits is on none of them."""

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Final

import trio

from protocols.control.black_box import MAIN_TASK

MAX_TASKS: Final = 100
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
    main = runtime.parent_task
    tasks = _begun_by(main, runtime)
    lines = [f"\n{MAIN_TASK} (most recent call first):", *_calls(main)]
    for task in islice(tasks, MAX_TASKS):
        lines += ["", f"Task {task.name} (most recent call first):", *_calls(task)]
    if left_out := sum(1 for _task in tasks):
        lines += ["", f"... and {left_out} tasks more"]
    # A full machine must not end the actor: it only does not show its tasks.
    with suppress(OSError):
        os.write(dump, "\n".join((*lines, "")).encode("utf-8", "replace"))


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


def _calls(task: trio.lowlevel.Task) -> Iterator[str]:
    calls = [
        f'  File "{frame.f_code.co_filename}", line {line} in {frame.f_code.co_qualname}'
        for frame, line in task.iter_await_frames()
        if frame.f_globals.get("__name__") != _TRAPS
    ]
    yield from reversed(calls[-MAX_FRAMES:])
    if len(calls) > MAX_FRAMES:
        yield "  ..."
