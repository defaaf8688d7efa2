"""Orders that are carried out whoever waits for them, and never too many of them at a time."""

import contextlib
from typing import Any, Final

import trio

from actors.runtime.process.logs import get_logger
from supervisor.control.messages import Answer, Command
from supervisor.control.requests import Controllable, carry_out

MAX_ORDERS: Final = 64
"""Orders that are carried out or wait for their turn. Who gives one and leaves does not keep his place among the
clients, so their number does not bound that of orders."""

_GO_ON: Final = frozenset({"start", "restart", "add", "remove", "plan", "reload"})
"""Verbs whose work goes on when the client has left. `plan` is one of them: its check process cannot be left alone,
since the next one would be made beside it. `stop` is not: all of it is done before it waits for the effect."""


class Orders:
    """Carries out requests for the clients of one control socket.

    Args:
        tree: what they are about.
        nursery: where orders go on.
    """

    def __init__(self, tree: Controllable, nursery: trio.Nursery) -> None:
        self._tree = tree
        self._nursery = nursery
        self._count = 0

    async def carry_out(self, command: Command) -> Answer:
        """Return the answer to a request. When this is cancelled, what was ordered is done all the same."""
        if command.verb not in _GO_ON:
            return await carry_out(command, self._tree)
        if self._count >= MAX_ORDERS:
            return self._refuse(command)
        self._count += 1
        answering, answered = trio.open_memory_channel[Answer](1)
        self._nursery.start_soon(self._go_on, command, answering)
        with answered:
            return await answered.receive()

    async def _go_on(self, command: Command, answering: trio.MemorySendChannel[Answer]) -> None:
        try:
            with answering, contextlib.suppress(trio.BrokenResourceError):  # Nobody waits for the answer any more.
                answering.send_nowait(await carry_out(command, self._tree))
        finally:
            self._count -= 1

    def _refuse(self, command: Command) -> Answer:
        self._tree.orders_refused += 1
        log: Any = get_logger(actor="supervisor")
        log.warning("control.order_refused", verb=command.verb, child=command.name, limit=MAX_ORDERS)
        return Answer(
            error=f"{command.verb!r} is not taken: {MAX_ORDERS} orders are carried out or wait already, which is the "
            "limit; see what they wait for by `upbitd status`, and ask again, or stop what does not get ready"
        )
