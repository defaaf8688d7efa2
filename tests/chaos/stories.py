"""What is written down about a turn that did not go as it must, for whoever looks into it."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from functools import partial

import msgspec
import trio

from supervisor.records.story import tell
from tests.chaos.kinds import CHILDREN
from tests.chaos.stage import Stage, Unexpected

LIMIT_S = 5.0
LOG_LINES = 60


async def tell_all(stage: Stage, children: Iterable[str]) -> str:
    """Tell the last ends of some children, the state of all, and the last of the history and the log."""
    parts = [await _part(f"why {child}", partial(_why, stage, child)) for child in sorted(children)]
    parts.append(await _part("status", partial(_status, stage)))
    events = "\n".join(msgspec.json.encode(event).decode() for event in stage.history.newest)
    log = (stage.places.folder / "log").read_text("utf-8", "replace").splitlines()[-LOG_LINES:]
    return "\n\n".join([*parts, f"history:\n{events}", "log:\n" + "\n".join(line[:1000] for line in log)])


async def _part(title: str, ask: Callable[[], Awaitable[str]]) -> str:
    with trio.move_on_after(LIMIT_S):
        try:
            return f"{title}:\n{await ask()}"
        except Unexpected as error:
            return f"{title}: {error}"
    return f"{title}: no answer within {LIMIT_S:g} s"


async def _why(stage: Stage, child: str) -> str:
    reports = (await stage.order("why", child, count=2)).reports
    return "\n".join("\n".join(tell(report, now=datetime.now(UTC))) for report in reports) or "nothing to tell"


async def _status(stage: Stage) -> str:
    lines = []
    for child in (await stage.status()).children:
        pid = child.pid or "-"
        lines.append(f"{child.name:16} {child.state:9} pid {pid} restarts {child.restarts} {child.reason}")
    lines += [f"{name:16} by the history: {stage.history.standing(name)}" for name in CHILDREN]
    lines += [f"{name:16} up {fold.is_up}, events {fold.events}" for name, fold in stage.folds.items()]
    return "\n".join(lines)
