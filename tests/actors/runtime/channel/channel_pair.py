"""A served channel and its clients in one process, on a real Unix socket."""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import structlog
import trio
from structlog.testing import LogCapture
from structlog.typing import FilteringBoundLogger

from actors.runtime.channel.dialling import Dial
from actors.runtime.channel.publishing import Publisher
from actors.runtime.channel.receiving import Item
from actors.runtime.channel.serving import serve_channel
from actors.runtime.process.counters import Counters
from protocols.upbit.messages import Trade

LIMIT_S = 10.0


def capturing_log() -> tuple[FilteringBoundLogger, LogCapture]:
    """A logger that keeps what it is told."""
    capture = LogCapture()
    log: FilteringBoundLogger = structlog.wrap_logger(None, processors=[capture])
    return log, capture


def trade(sequential_id: int, code: str = "KRW-BTC", stream_type: str = "REALTIME") -> Trade:
    """A trade that is told apart by its id."""
    return Trade(code, 1, "2026-08-26", "07:15:54", 1, 1.0, 1.0, "ASK", 1.0, "RISE", 1.0, sequential_id, stream_type)


@contextmanager
def listening_socket(path: Path) -> Iterator[socket.socket]:
    """A Unix socket that accepts into its backlog, as the supervisor makes it."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(64)
        listener.setblocking(False)
        yield listener


class Served:
    """A publisher on a socket, and what its clients count."""

    def __init__(self, path: Path, listener: socket.socket) -> None:
        self.path = path
        self.listener = listener
        self.counters = Counters()
        self.client_counters = Counters()
        self.log, self.logged = capturing_log()
        self.publisher = self.new_publisher(1)

    def new_publisher(self, incarnation: int) -> Publisher:
        """A publisher as a new life of the actor would have it."""
        self.publisher = Publisher("public", incarnation, self.counters, epoch=incarnation * 1_000_000)
        self.publisher.refuse = lambda topic: "" if "/" in topic else "not a topic"
        return self.publisher

    def dial(self, client: str = "client") -> Dial:
        """A new client."""
        return Dial(self.path, client, self.client_counters, self.log)

    async def serve(self, task_status: trio.TaskStatus[trio.CancelScope] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until the returned scope is cancelled."""
        with trio.CancelScope() as scope:
            task_status.started(scope)
            await serve_channel(self.listener.dup(), self.publisher, self.log)

    def publish(self, topic: str, *sequential_ids: int, stream_type: str = "REALTIME") -> None:
        """Publish trades as one batch."""
        for sequential_id in sequential_ids:
            self.publisher.publish(self.publisher.streams[topic], trade(sequential_id, stream_type=stream_type), 5, 6)
        self.publisher.flush()


@asynccontextmanager
async def served_channel(folder: Path) -> AsyncIterator[Served]:
    """A publisher being served in `folder`."""
    path = folder / "public.sock"
    with listening_socket(path) as listener, trio.fail_after(LIMIT_S):
        served = Served(path, listener)
        async with trio.open_nursery() as nursery:
            await nursery.start(served.serve)
            yield served
            nursery.cancel_scope.cancel()


async def next_items(feed: Dial, count: int) -> list[Item]:
    """The next `count` items of a link."""
    items: list[Item] = []
    async for item in feed:
        items.append(item)
        if len(items) == count:
            break
    return items
