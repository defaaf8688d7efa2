"""A real process that has entered as an actor's does, held by what a supervisor would hold of it."""

import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from protocols.channel.framing import FrameSplitter, pack_frame
from protocols.control.black_box import BOX_BYTES, BoxContents, read_box
from protocols.control.messages import Failed, FromChild, Start, Stop
from tests.tree.running_tree import REPOSITORY, child_environment

LIMIT_S = 30.0
"""For one event; a machine under load needs about a second."""

PROGRAM = """
import os, socket, sys
from actors.runtime.process.child import InheritedFile, InheritedSocket, enter
control, box, dump, stdout, stderr, parent = map(int, sys.argv[1:7])
enter(
    control=InheritedSocket(socket.socket(fileno=control)), name=sys.argv[7], parent_pid=parent or os.getppid(),
    box=InheritedFile(box), dump=InheritedFile(dump), stdout=InheritedFile(stdout), stderr=InheritedFile(stderr),
    preload=tuple(sys.argv[8:]),
)
"""

ACTORS = "tests.actors.runtime.process.sample_actors"


class Entered:
    """The process, our end of its control link, its memory and its output."""

    def __init__(self, folder: Path, name: str, preload: tuple[str, ...], parent: int, before: str) -> None:
        self.folder = folder
        self.control, theirs = socket.socketpair()
        self.control.settimeout(LIMIT_S)
        self.box_fd, self.dump_fd = os.memfd_create("box"), os.memfd_create("dump")
        os.ftruncate(self.box_fd, BOX_BYTES)
        self.stdout_fd, stdout = os.pipe()
        self.stderr_fd, stderr = os.pipe()
        passed = (theirs.fileno(), self.box_fd, self.dump_fd, stdout, stderr)
        arguments = [*map(str, passed), str(parent), name, *preload]
        self.process = subprocess.Popen(
            [sys.executable, "-c", before + PROGRAM, *arguments],
            cwd=REPOSITORY,
            env=child_environment(),
            pass_fds=passed,
        )
        self.pid = self.process.pid
        theirs.close()
        os.close(stdout)
        os.close(stderr)

    def start(self, actor: str, **changes: Any) -> None:
        """Send it what it is to do; `actor` is one of the sample actors."""
        settings = changes.pop("settings", {})
        start = Start(
            name="a",
            entry=f"{ACTORS}:{actor}",
            settings=msgspec.Raw(msgspec.msgpack.encode(settings)),
            secrets={"KEY": "hush-hush"},
            run_dir=os.fspath(self.folder),
            incarnation=1,
            heartbeat_s=0.02,
        )
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("")  # An address without a file.
            listener.listen()
            frame = pack_frame(msgspec.msgpack.encode(msgspec.structs.replace(start, **changes)))
            socket.send_fds(self.control, [frame], [listener.fileno()])

    def stop(self) -> None:
        self.control.sendall(pack_frame(msgspec.msgpack.encode(Stop(LIMIT_S))))

    def told(self) -> list[FromChild]:
        """What it tells up to its end."""
        data = b""
        while chunk := self.control.recv(65536):
            data += chunk
        return [msgspec.msgpack.decode(payload, type=FromChild) for payload, _merged in FrameSplitter().feed(data)]

    def failed(self) -> Failed:
        """Its last words."""
        (failed,) = (message for message in self.told() if isinstance(message, Failed))
        return failed

    def box(self) -> BoxContents:
        return read_box(bytearray(os.pread(self.box_fd, BOX_BYTES, 0)))

    def dump(self) -> str:
        return os.pread(self.dump_fd, 1 << 20, 0).decode()

    def ended(self) -> int:
        return self.process.wait(LIMIT_S)

    def until(self, holds: Callable[[], Any]) -> None:
        """Look often for what it does without telling."""
        deadline_s = time.monotonic() + LIMIT_S
        while not holds():
            assert time.monotonic() < deadline_s
            assert self.process.poll() is None, f"it ended with {self.process.returncode}: {self.errors()}"
            time.sleep(0.002)  # Memory of another process tells nobody.

    def phase(self, phase: str) -> None:
        self.until(lambda: self.box().phase == phase)

    def output(self) -> str:
        """What it wrote to its stdout, up to its end."""
        return read_all(self.stdout_fd)

    def errors(self) -> str:
        """What it wrote to its stderr, up to its end."""
        return read_all(self.stderr_fd)

    def lines(self) -> list[dict[str, Any]]:
        """Its log."""
        return [msgspec.json.decode(line) for line in self.errors().splitlines()]

    def link(self, number: int) -> str:
        return os.fspath(Path(f"/proc/{self.pid}/fd/{number}").readlink())

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.control.close()
        for fd in (self.box_fd, self.dump_fd, self.stdout_fd, self.stderr_fd):
            os.close(fd)


def read_all(fd: int) -> str:
    data = b""
    while select.select([fd], [], [], LIMIT_S)[0] and (chunk := os.read(fd, 65536)):
        data += chunk
    return data.decode()


@contextmanager
def entered(
    folder: Path, *, name: str = "a", preload: tuple[str, ...] = (), parent: int = 0, before: str = ""
) -> Iterator[Entered]:
    """Run a process; `parent` 0 is its real one, `before` runs before it enters."""
    process = Entered(folder, name, preload, parent, before)
    try:
        yield process
    finally:
        process.close()
