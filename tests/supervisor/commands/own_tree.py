"""A tree without processes behind the real control socket, served from a thread of its own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import trio

from supervisor.commands.options import names_of
from supervisor.control.requests import Reached
from supervisor.control.server import serve_control
from supervisor.control.status import TreeStatus
from supervisor.machine.core import UnknownChild
from supervisor.running.run_dir import RunDir
from supervisor.specs.plan import Change, Plan
from tests.supervisor.views.statuses import child, tree

TOML = '[[child]]\nname = "public"\n'

PLAN = Plan(
    (
        Change("add", "candles"),
        Change("restart", "private", ("heartbeat_s: 1.0 -> 2.0",)),
        Change("adjust", "public", ("shutdown_s: 5.0 -> 9.0",)),
        Change("remove", "scanner"),
        Change("keep", "trader"),
    )
)


class OwnTree:
    """Says what it was told to say, and notes what was ordered.

    Attributes:
        reached: the state that an order about a member ends in.
        reason: of that state.
        fault: raised by each order, once it is set.
        may_finish: orders about a member wait for it.
        seen_later: how the tree is once something was ordered; as before when it is None.
    """

    def __init__(self, seen: TreeStatus | None = None) -> None:
        self.seen = tree(child("public"), child("private"), child("candles")) if seen is None else seen
        self.seen_later: TreeStatus | None = None
        self.ordered: list[tuple[str, ...]] = []
        self.reached = "ready"
        self.reason = ""
        self.fault: Exception | None = None
        self.may_finish = trio.Event()
        self.may_finish.set()
        self.times_seen = 0

    def status(self) -> TreeStatus:
        self.times_seen += 1
        return self.seen if self.seen_later is None or not self.ordered else self.seen_later

    async def start_member(self, name: str) -> Reached:
        return Reached(*await self._order("start", name))

    async def stop_member(self, name: str) -> Reached:
        return Reached(*await self._order("stop", name))

    async def restart(self, name: str) -> Reached:
        return Reached(*await self._order("restart", name))

    async def remove(self, name: str) -> None:
        await self._order("remove", name)

    async def add(self, text: str, group: str) -> list[str]:
        self._note("add", text, group)
        return ["public", "private"]

    async def plan(self) -> Plan:
        self._note("plan")
        return PLAN

    async def reload(self) -> Plan:
        self._note("reload")
        return PLAN

    def _note(self, *order: str) -> None:
        self.ordered.append(order)
        if self.fault is not None:
            raise self.fault

    async def _order(self, verb: str, name: str) -> tuple[str, str]:
        if name not in names_of(self.seen):
            raise UnknownChild(f"no child or group named {name!r}")
        self._note(verb, name)
        await self.may_finish.wait()
        return self.reached, self.reason


@contextmanager
def serving(run_dir: RunDir, own: OwnTree) -> Iterator[None]:
    listener = run_dir.listen(run_dir.control_socket)
    served: Any = own  # Nobody asks it for reports and lines.
    scope = trio.CancelScope()
    started = threading.Event()
    tokens: list[trio.lowlevel.TrioToken] = []

    async def serve() -> None:
        tokens.append(trio.lowlevel.current_trio_token())
        started.set()
        with scope:
            await serve_control(listener, served)

    thread = threading.Thread(target=trio.run, args=(serve,))
    thread.start()
    started.wait()
    try:
        yield
    finally:
        tokens[0].run_sync_soon(scope.cancel)
        thread.join()
