"""One look at who uses the machine: as a screen, as plain lines, as one JSON object."""

import textwrap
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from actors.runtime.times import duration
from supervisor.control.status import TreeStatus
from supervisor.views.rates import SUPERVISOR, Usage

MIB: Final = 1024 * 1024

OLD_BEAT_S: Final = 3.0
"""A sign of life comes each second by default; one that is older, or input that waits as long, is shown in red."""

HEADINGS: Final = ("name", "state", "pid", "cpu %", "memory", "in/s", "beat", "waits", "restarts")

_LEFT: Final = 2
"""So many columns are text; the others are numbers."""

_LEAST_WITH_BLANK: Final = 6
"""A screen that has no more lines has none to give away."""


class Look(Struct, frozen=True):
    """What was seen at one moment: the tree, or why it could not be seen."""

    tree: TreeStatus | None
    usages: tuple[Usage, ...]
    error: str = ""


def as_json(look: Look) -> str:
    """Return one object for programs, on one line."""
    if look.tree is None:
        return msgspec.json.encode({"error": look.error}).decode()
    tree = look.tree
    whole: dict[str, Any] = {"pid": tree.pid, "state": tree.state, "uptime_s": tree.uptime_s}
    return msgspec.json.encode({**whole, "processes": look.usages}).decode()


def as_lines(look: Look) -> list[str]:
    """Return a heading and one line for each process, for pipes and files; nothing is cut."""
    if look.tree is None:
        return [look.error]
    rows = [HEADINGS, *map(cells, look.usages)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return [title(look), *(_line(row, widths) for row in rows)]


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.ljust(width) if column < _LEFT else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(padded).rstrip()


def as_screen(look: Look, *, width: int, height: int) -> RenderableType:
    """Return a screen of at most `height` lines; the last one says how to leave."""
    hint = Text("q or ^C ends", style="dim", no_wrap=True, overflow="ellipsis")
    # A blank line before it, where there is room for one.
    blank = [Text()] if height > _LEAST_WITH_BLANK else []
    if look.tree is None:
        lines = textwrap.wrap(look.error, width, max_lines=max(height - 1 - len(blank), 1), placeholder=" ...")
        return Group(*(Text(line, style="red") for line in lines), *blank, hint)
    room = max(height - 3 - len(blank), 0)
    shown = look.usages if len(look.usages) <= room else look.usages[: max(room - 1, 0)]
    table = Table.grid(padding=(0, 1))
    for column in range(len(HEADINGS)):
        table.add_column(justify="left" if column < _LEFT else "right", no_wrap=True, overflow="ellipsis")
    table.add_row(*(Text(heading, style="dim") for heading in HEADINGS))
    for usage in shown:
        table.add_row(*_styled(usage))
    left_out = len(look.usages) - len(shown)
    parts: list[RenderableType] = [Text(title(look), style="bold", no_wrap=True, overflow="ellipsis"), table]
    if left_out and room:
        parts.append(Text(f"{left_out} more", style="dim"))
    return Group(*[*parts, *blank][: max(height - 1, 0)], hint)


def title(look: Look) -> str:
    """Return one line about the whole tree."""
    tree = look.tree
    if tree is None:
        return look.error
    ready = sum(child.state == "ready" for child in tree.children)
    cpu = sum(usage.cpu_percent or 0.0 for usage in look.usages)
    memory = sum(usage.memory_bytes or 0 for usage in look.usages) / MIB
    return (
        f"upbitd pid {tree.pid}, {tree.state}, up {duration(tree.uptime_s)}; {ready} of {len(tree.children)} ready; "
        f"cpu {cpu:.1f} %, {memory:.0f} MiB"
    )


def cells(usage: Usage) -> tuple[str, ...]:
    """Return one process as texts, in the order of `HEADINGS`."""
    is_child = usage.name != SUPERVISOR
    return (
        usage.name,
        usage.state,
        "-" if usage.pid is None else str(usage.pid),
        "-" if usage.cpu_percent is None else f"{usage.cpu_percent:.1f}",
        "-" if usage.memory_bytes is None else f"{usage.memory_bytes / MIB:.0f} MiB",
        "-" if usage.progress_per_s is None else f"{usage.progress_per_s:,.0f}",
        "-" if usage.heartbeat_age_s is None else f"{usage.heartbeat_age_s:.1f} s",
        f"{usage.waiting_s:.1f} s" if usage.waiting_s else "-",
        f"{usage.restarts:,}" if is_child else "-",
    )


def _styled(usage: Usage) -> list[Text]:
    """Return the cells with what needs a look in colour."""
    is_late = usage.heartbeat_age_s is not None and usage.heartbeat_age_s > OLD_BEAT_S
    colours = {
        "state": {"parked": "yellow", "backoff": "yellow", "starting": "cyan", "stopping": "cyan"}.get(usage.state, ""),
        "beat": "red" if is_late else "",
        "waits": "red" if usage.waiting_s > OLD_BEAT_S else "",
    }
    whole = "dim" if usage.pid is None else ""
    return [
        Text(cell, style=colours.get(heading, "") or whole)
        for heading, cell in zip(HEADINGS, cells(usage), strict=True)
    ]
