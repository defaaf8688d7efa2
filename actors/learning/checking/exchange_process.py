"""A simulated exchange in a process of its own, for one check."""

import contextlib
import http.client
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Final

import trio
from msgspec import Struct

from actors.learning.checking.place import HOME, Place
from protocols.errors import UpbitdError

START_S: Final = 30.0
STOP_S: Final = 10.0
ANSWER_S: Final = 2.0
_MAX_LINE: Final = 4096


class Keys(Struct, frozen=True):
    """Made up for one check."""

    access_key: str
    secret_key: str


class ExchangeAddress(Struct, frozen=True):
    """Where it listens."""

    host: str
    port: int

    @property
    def websocket_url(self) -> str:
        """What a tree is told."""
        return f"ws://{self.host}:{self.port}"


@contextlib.asynccontextmanager
async def simulated_exchange(place: Place, keys: Keys) -> AsyncIterator[ExchangeAddress]:
    """Run one, with an account whose orders are never quiet; its journal is whole once this has ended.

    Raises:
        UpbitdError: it did not start; the message has its last line.
    """
    options = ["--until-eof", "--port", "0", "--journal", str(place.journal)]
    options += ["--access-key", keys.access_key, "--secret-key", keys.secret_key]
    log = place.folder / "exchange.log"
    with log.open("wb") as errors:
        process = await trio.lowlevel.open_process(
            [sys.executable, str(HOME / "upbitd.py"), "simulate", *options],
            stdin=subprocess.PIPE,  # Held by this process: when it is killed, the exchange ends too.
            stdout=subprocess.PIPE,
            stderr=errors,
            process_group=0,  # Ctrl-C at the terminal ends the check, which ends the exchange after the program.
        )
    try:
        line = b""
        with trio.move_on_after(START_S):
            line = await _read_line(process)
        if not line:
            said = log.read_text(errors="replace").strip().splitlines()
            raise UpbitdError(f"learn: the simulated exchange did not start: {said[-1] if said else 'it said nothing'}")
        host, _, port = json.loads(line)["ws"].removeprefix("ws://").rpartition(":")
        yield ExchangeAddress(host, int(port))
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + STOP_S):
            process.terminate()
            await process.wait()
        if process.returncode is None:
            process.kill()
        if process.stdout is not None:
            await trio.aclose_forcefully(process.stdout)


async def open_connections(address: ExchangeAddress) -> int:
    """How many WebSockets are open now; 0 where the exchange does not answer any more."""
    return await trio.to_thread.run_sync(_open_connections, address)


def _open_connections(address: ExchangeAddress) -> int:
    link = http.client.HTTPConnection(address.host, address.port, timeout=ANSWER_S)
    try:
        link.request("GET", "/_simulator/state")
        return len(json.loads(link.getresponse().read())["connections"])
    except OSError:
        return 0
    finally:
        link.close()


async def _read_line(process: trio.Process) -> bytes:
    """The first line on stdout; what there is of it when the output ends."""
    assert process.stdout is not None  # noqa: S101 - asked for above
    line = b""
    while b"\n" not in line and len(line) < _MAX_LINE:
        chunk = await process.stdout.receive_some()
        if not chunk:
            return b""
        line += chunk
    return line
