"""Calling the user's function with a batch: what it raises is counted, logged and told, and ends nothing."""

import inspect
import logging
from collections.abc import Callable
from typing import Final, Generic

from actors.client.hosts import Host
from actors.client.pieces.arguments import check_function
from actors.client.pieces.batches import ItemT
from actors.client.pieces.cancellation import cancelled_error, is_own_cancellation
from protocols.errors import UpbitdError

LOG: Final = logging.getLogger("upbitd.client")

OnError = Callable[[Exception, list[ItemT]], object]


class FlushInterrupted(UpbitdError):
    """What a flush was waiting for has been cancelled by somebody else; the batch counts as failed."""

    def __init__(self) -> None:
        super().__init__("what the flush was waiting for has been cancelled")


class Flushing(Generic[ItemT]):
    """The end of the way of each batch.

    Args:
        flush: plain or async function that takes a list.
        on_error: plain or async function that gets the error and the batch of each flush that failed.

    Attributes:
        flushed: items whose flush returned.
        failed: items whose flush raised, or that never came to it.
        batches: batches whose flush returned.
        failed_batches: batches whose flush raised.

    Raises:
        ValueError: one of the functions cannot be called.
    """

    def __init__(self, flush: Callable[[list[ItemT]], object], on_error: OnError[ItemT] | None) -> None:
        check_function("flush", flush)
        check_function("on_error", on_error, optional=True)
        self._flush = flush
        self._on_error = on_error
        self._failed_before = False
        self.flushed = self.failed = self.batches = self.failed_batches = 0

    async def flush(self, batch: list[ItemT], host: Host) -> None:
        """Flush one batch; only the current task's own cancellation, and the end of the program, are raised."""
        size = len(batch)  # The list is the user's from here on.
        try:
            await self._flush_counted(batch, size, host)
        except Exception as error:  # noqa: BLE001 - the user's function may raise anything
            await self._tell(error, batch, size, host)

    def abandon(self, count: int) -> None:
        """Count items that can no longer be flushed."""
        if count:
            self.failed += count
            LOG.error("%d items were not flushed: the program's loop ended first; await stop() before that", count)

    async def _flush_counted(self, batch: list[ItemT], size: int, host: Host) -> None:
        try:
            await _call(host, self._flush, batch)
        except BaseException:
            self.failed += size
            self.failed_batches += 1
            raise
        self.flushed += size
        self.batches += 1
        self._failed_before = False

    async def _tell(self, error: Exception, batch: list[ItemT], size: int, host: Host) -> None:
        # Of failures in a row the first has its traceback; a broken database must not fill the disk.
        LOG.error("flush of %d items failed: %r", size, error, exc_info=None if self._failed_before else error)
        self._failed_before = True
        if self._on_error is None:
            return
        try:
            await _call(host, self._on_error, error, batch)
        except Exception:
            LOG.exception("on_error failed, too")


async def _call(host: Host, function: Callable[..., object], *arguments: object) -> None:
    """Call a plain or an async function. When others cancel what it waits for, that is its failure and not our end."""
    try:
        result = function(*arguments)
        if inspect.isawaitable(result):
            await result
    except cancelled_error(host) as error:
        if is_own_cancellation(host):
            raise
        raise FlushInterrupted from error
