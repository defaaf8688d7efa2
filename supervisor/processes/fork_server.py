"""Starting children by a fork server: it has imported what every actor needs, and a child is a copy of it.

Each trap of this way and the way around it:

- The actors' parent is the fork server, so a parent-death signal would follow that one alone. A module that the fork
  server imports ties it to the supervisor (`fork_server_guard`), so the chain holds, and it works in the kernel.
- A fork server that dies takes the actors with it by the same chain. `multiprocess` would report exit code 255 for
  them at once, dead or not; here their pidfds tell when they are gone. They become the supervisor's own children
  then, which it collects by pid.
- It ends by some errors of what it is to import and ignores others, and it does not look where the supervisor looks.
  It is given the supervisor's path, the guard imports, and a first process checks that everything was inherited.
- `multiprocess` waits for it without a limit. So one that is stopped is replaced before it is asked; and since it
  answers after its imports only, it ends itself when they take too long, and the next one imports less.
- Its socket would be left behind by a supervisor that is killed, so it has no name once the fork server listens.
- `multiprocess` starts another one by itself when it finds ours dead, without all of this; it is kept from that.
- Its environment stays as it was at its start.
"""

import contextlib
import os
import select
import signal
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import msgspec
import multiprocess
import psutil
from multiprocess import connection, forkserver

from actors.runtime.process import fork_server_guard
from actors.runtime.process.child import InheritedFile
from actors.runtime.process.logs import get_logger
from supervisor.processes.fork_server_socket import folder_of_socket, no_sockets
from supervisor.processes.process import ChildProcess, ExitStatus
from supervisor.processes.spawning import (
    blocked_signals,
    check_main_thread,
    hidden_main_module,
    start_process,
    take_over,
)
from supervisor.processes.tracker import collect_tracker, end_tracker, ensure_tracker, has_ended, tracker_pid

FIRST_IMPORTS_S: Final = 60.0
"""How long it may import when the tree begins; a cold disk is slow."""

IMPORTS_S: Final = 10.0
"""How long another one may: the supervisor's loop stands still meanwhile, and its watchdog (docs/operations.md) waits
longer than that."""

ANSWER_S: Final = 10.0
"""How long the first process that it makes may take to tell what it inherited."""

_NOT_SERVING: Final = {psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP, psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}

_NAMELESS: Final = "\0"
"""An address without a file, for which `multiprocess` deletes none."""

_server: Any = forkserver._forkserver  # noqa: SLF001 - `multiprocess` has one, and no public way to end it


class ForkServer:
    """The `forkserver` way: quick, and processes share the memory of what they have in common.

    A process has one at a time: `multiprocess` keeps it in a variable of a module. A second one would end the first.

    Args:
        preload: modules that the fork server imports; their import must start no thread and open nothing.
        essential: what one imports alone after one that did not come to the end of its imports.
    """

    def __init__(self, preload: tuple[str, ...], *, essential: tuple[str, ...] = ()) -> None:
        self._context = multiprocess.get_context("forkserver")
        self._preload = preload
        self._essential = essential
        self._is_untried = False
        self._pid: int | None = None
        self._address: int | None = None
        ensure_tracker()

    def warm(self) -> list[str]:
        """Start the fork server and wait until it is ready; return the modules that it could not import."""
        check_main_thread()
        self._ensure_running(FIRST_IMPORTS_S)
        read, write = os.pipe2(os.O_CLOEXEC)
        arguments = (InheritedFile(write), self._preload)
        process = self._context.Process(target=tell_missing, args=arguments, name="probe", daemon=False)
        answer = b""
        try:
            with contextlib.suppress(OSError, EOFError):  # It ended.
                try:
                    with blocked_signals(), hidden_main_module(), no_sockets():
                        process.start()
                        take_over(process)
                finally:
                    os.close(write)
                self._is_untried = False
                if select.select([read], [], [], ANSWER_S)[0]:
                    answer = os.read(read, 65536)
                    process.join()
                    process.close()
        finally:
            os.close(read)
        if not answer:
            self._end_server()  # On its way out, or of no use: the first child gets another one.
            return ["no answer from the fork server"]
        return msgspec.json.decode(answer, type=list[str])

    def spawn(self, name: str) -> ChildProcess:
        """Start a process; see `Spawner`."""
        check_main_thread()
        parent_pid = self._ensure_running(IMPORTS_S)
        try:
            process = start_process(
                self._context,
                name,
                parent_pid=parent_pid,
                preload=(),
                status=_status,
                status_fd=partial(self._status_fd, parent_pid),
                starting=no_sockets,
            )
        except (EOFError, OSError) as error:
            if isinstance(error, OSError) and parent_pid == _server._forkserver_pid:  # noqa: SLF001 - as above
                raise
            self._end_server()
            raise OSError(f"the fork server ended while it made a process for {name}") from None
        self._is_untried = False
        return process

    def refill(self, *, now_s: float) -> None:
        """Keep nothing ready; see `Spawner`."""

    def collect(self) -> None:
        """Collect a dead fork server, or resource tracker; see `Spawner`."""
        collect_tracker()
        if self._pid is not None and self._pid == _server._forkserver_pid and has_ended(self._pid):  # noqa: SLF001 - as above
            self._tell_lost()
            self._end_server()

    def known_pids(self) -> set[int]:
        """Return the fork server and the resource tracker; see `Spawner`."""
        return tracker_pid() | (set() if self._pid is None else {self._pid})

    def close(self) -> None:
        """End the fork server and the resource tracker, by a kill for the reason in `end_tracker`."""
        self._end_server()
        end_tracker()

    def _ensure_running(self, imports_s: float) -> int:
        """Start a fork server unless one serves; return its pid. A new one may import for so long."""
        ensure_tracker()
        if self._pid is not None and self._is_serving(self._pid):
            return self._pid
        self._tell_lost()
        self._end_server()
        if self._is_untried:
            self._import_less()
        forkserver.set_forkserver_preload([fork_server_guard.__name__])
        environment = _environment_of_server(self._preload, imports_s)
        with blocked_signals(), hidden_main_module(), environment, folder_of_socket():
            forkserver.ensure_running()
            self._is_untried = True
            self._pid = pid = int(_server._forkserver_pid)  # noqa: SLF001 - as above
            self._address = os.open(_server._forkserver_address, os.O_PATH | os.O_CLOEXEC)  # noqa: SLF001 - as above
            _server._forkserver_address = f"/proc/self/fd/{self._address}"  # noqa: SLF001 - as above
        return pid

    def _status_fd(self, server: int, process: Any) -> int | None:  # noqa: ANN401 - multiprocess has no types
        """Return where the fork server tells how a process ended; None when it never will."""
        is_there = self._is_serving(server)
        return process._popen.sentinel if is_there else None  # noqa: SLF001 - `exitcode` would wait for it

    def _is_serving(self, pid: int) -> bool:
        """Whether our fork server can be asked."""
        if pid != _server._forkserver_pid:  # noqa: SLF001 - as above
            return False
        try:
            return psutil.Process(pid).status() not in _NOT_SERVING
        except psutil.Error:
            return False

    def _tell_lost(self) -> None:
        """Log that the fork server is gone, which its children's ends do not tell: the kernel kills them."""
        if self._pid is not None:
            log: Any = get_logger(actor="supervisor")
            log.warning("fork_server.lost", fork_server_pid=self._pid)

    def _end_server(self) -> None:
        pid = _server._forkserver_pid  # noqa: SLF001 - as above
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            _server._forkserver_address = _NAMELESS  # noqa: SLF001 - as above
            with contextlib.suppress(ChildProcessError):
                _server._stop()  # noqa: SLF001 - as above
            _server._forkserver_pid = None  # noqa: SLF001 - as above
        if self._address is not None:
            os.close(self._address)
        self._pid = self._address = None

    def _import_less(self) -> None:
        """Do without what may have kept a fork server from getting through its imports."""
        left_out = [module for module in self._preload if module not in self._essential]
        if left_out:
            self._preload = self._essential
            log: Any = get_logger(actor="supervisor")
            log.warning("fork_server.not_preloaded", modules=left_out, effect="children start slower")


def tell_missing(answer: InheritedFile, preload: tuple[str, ...]) -> None:
    """Tell which modules this process did not inherit; the target of the first process."""
    os.write(answer.take(), msgspec.json.encode([module for module in preload if module not in sys.modules]))


@contextlib.contextmanager
def _environment_of_server(preload: tuple[str, ...], imports_s: float) -> Iterator[None]:
    """Give the fork server our import path, and tell it whose it is; the guard takes all of it out again there."""
    before = os.environ.get("PYTHONPATH")
    told = {
        fork_server_guard.VARIABLE: str(os.getpid()),
        fork_server_guard.IMPORTS: " ".join(preload),
        fork_server_guard.LIMIT_S: str(imports_s),
        fork_server_guard.PATH_BEFORE: before or "",
    }
    os.environ.update(told, PYTHONPATH=os.pathsep.join(sys.path))
    try:
        yield
    finally:
        for name in told:
            del os.environ[name]
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


def _status(process: Any) -> ExitStatus:  # noqa: ANN401 - multiprocess has no types
    """Return how a process ended that is gone: as the fork server tells it, or as the kernel does after its end."""
    popen = process._popen  # noqa: SLF001 - `exitcode` says 255 both for that code and for a dead fork server
    status = ExitStatus(None)
    if connection.wait([popen.sentinel], 0):
        try:
            status = ExitStatus(forkserver.read_signed(popen.sentinel))
        except (OSError, EOFError):
            status = ExitStatus(_status_of_orphan(process.pid), is_server_lost=True)
    popen.returncode = 0 if status.number is None else status.number
    return status


def _status_of_orphan(pid: int) -> int | None:
    """Collect a process that became ours when its fork server died; None when it did not."""
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status) if found else None
