"""A trio loop in a thread of its own, that others hand work to.

Whoever hands something over gets a future that is resolved in any case: by the work, or by the end of the thread.
"""

import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import TypeVar

import trio

from actors.client.errors import WebSocketConnectionError

ResultT = TypeVar("ResultT")


class LoopThread:
    """The thread.

    Args:
        begin: called in it once its nursery is there.
        close: called at the end, while tasks still run; what is left is cancelled after it.

    Attributes:
        pid: of the process that has the thread; a forked copy of it has none.
        is_over: no more work is taken from new clients.
        nursery: for tasks that live as long as the thread; to be used in it only.

    Raises:
        WebSocketConnectionError: the loop cannot be started, as when no descriptor is left.
    """

    def __init__(
        self, begin: Callable[[trio.Nursery], None], close: Callable[[], Awaitable[None]], ended: Callable[[], None]
    ) -> None:
        self.pid = os.getpid()
        self.is_over = False
        self.nursery: trio.Nursery
        self._begin, self._close, self._ended = begin, close, ended
        self._token: trio.lowlevel.TrioToken
        self._stop: trio.Event
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._lock = threading.RLock()  # The collector may come in between, and call as well.
        self._open: set[Future[object]] = set()
        self._thread = threading.Thread(target=self._run, name="upbitd-client", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise WebSocketConnectionError(f"the client library cannot start: {self._failure}") from self._failure

    def call(self, work: Callable[[], Awaitable[ResultT]]) -> "Future[ResultT]":
        """Run a coroutine function in the thread; its outcome comes by the future. From any thread."""
        future: Future[ResultT] = Future()
        if self.pid != os.getpid():
            _fail(future, "this client is of the process that was forked; make a new WebSocketClient here")
            return future
        with self._lock:
            self._open.add(future)  # type: ignore[arg-type]  # futures of anything
        try:
            self._token.run_sync_soon(self._start, work, future)
        except trio.RunFinishedError:
            self._fail_open()
        return future

    def stop_soon(self) -> None:
        """Begin to end; from any thread."""
        self.is_over = True
        try:
            self._token.run_sync_soon(self._set_stop)
        except trio.RunFinishedError:
            return

    def join(self, timeout_s: float) -> None:
        """Wait for the end."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            trio.run(self._main)
        except BaseException as error:  # noqa: ASYNC103 - the constructor raises what comes before it has begun
            self._failure = error
            if self._ready.is_set():
                raise
        finally:
            self.is_over = True
            self._ready.set()
            self._fail_open()
            self._ended()

    async def _main(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._stop = trio.Event()
        async with trio.open_nursery() as nursery:
            self.nursery = nursery
            self._begin(nursery)
            self._ready.set()
            try:
                await self._stop.wait()
            finally:
                # Inside the nursery: what is handed over meanwhile still finds it open.
                self.is_over = True
                with trio.CancelScope(shield=True):
                    await self._close()
            nursery.cancel_scope.cancel()

    def _set_stop(self) -> None:
        self._stop.set()

    def _start(self, work: Callable[[], Awaitable[ResultT]], future: "Future[ResultT]") -> None:
        try:
            self.nursery.start_soon(self._work, work, future)
        except RuntimeError:  # The nursery has closed.
            self._settle(future)

    async def _work(self, work: Callable[[], Awaitable[ResultT]], future: "Future[ResultT]") -> None:
        try:
            result = await work()
        except Exception as error:  # noqa: BLE001 - handed to who asked, whatever it is
            future.set_exception(error)
        else:
            future.set_result(result)
        finally:
            self._settle(future)

    def _settle(self, future: "Future[ResultT]") -> None:
        with self._lock:
            self._open.discard(future)
        if not future.done():
            _fail(future, ENDED)

    def _fail_open(self) -> None:
        with self._lock:
            left, self._open = self._open, set()
        for future in left:
            if not future.done():
                _fail(future, ENDED)


ENDED = "the client library's thread has ended; make a new WebSocketClient"


def _fail(future: "Future[ResultT]", why: str) -> None:
    future.set_exception(WebSocketConnectionError(why))
