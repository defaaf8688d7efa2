"""What every program that drives another people's client starts with; it runs in their environment, not in ours.

Nothing but loopback can be reached from here on: the clients know the real exchange's address, so a mistake in pointing
them at the simulated one must end the program and not place an order. What they see is told as JSON lines.
"""

import ipaddress
import json
import os
import select
import signal
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from typing import Any, Final, NamedTuple

HTTP: Final = "SIMULATOR_HTTP"
WS: Final = "SIMULATOR_WS"
ACCESS_KEY: Final = "SIMULATOR_ACCESS_KEY"
SECRET_KEY: Final = "SIMULATOR_SECRET_KEY"
SEEN: Final = "SIMULATOR_SEEN"
"""The file into which what was seen is written."""

SUBSCRIBED_LIMIT_S: Final = 20.0


class NotLoopbackError(BaseException):
    """Another host was about to be reached. No client catches it as a failure of the network: it is no Exception."""


class Simulator(NamedTuple):
    """Where the simulated exchange is, and the key for it."""

    http: str
    ws: str
    access_key: str
    secret_key: str

    def wait_subscribed(self, wanted: set[str], path: str, give_up: Callable[[], bool] = lambda: False) -> None:
        """Wait until the open sockets of a path carry all these types; a subscription is not acknowledged.

        It is over early once `give_up` says so.

        Raises:
            TimeoutError: they do not within 20 s.
        """
        self._wait(path, lambda types: wanted <= types or give_up())

    def wait_unsubscribed(self, path: str) -> None:
        """Wait until no open socket of a path carries anything.

        Raises:
            TimeoutError: one still does after 20 s.
        """
        self._wait(path, lambda types: not types)

    def _wait(self, path: str, is_right: Callable[[set[str]], bool]) -> None:
        deadline_s = time.monotonic() + SUBSCRIBED_LIMIT_S
        while not is_right(types := self._subscribed(path)):
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{path}: {sorted(types)} are subscribed after {SUBSCRIBED_LIMIT_S} s")
            time.sleep(0.05)

    def _subscribed(self, path: str) -> set[str]:
        with urllib.request.urlopen(f"{self.http}/_simulator/state", timeout=10) as answer:  # noqa: S310 - loopback
            connections = json.loads(answer.read())["connections"]
        said = [
            part
            for connection in connections
            if connection["path"] == path and connection["received"]
            for part in json.loads(connection["received"][-1]["text"])
        ]
        return {part["type"] for part in said if "type" in part}

    def fault(self, kind: str, target: str) -> None:
        """Let a fault happen."""
        body = json.dumps({"kind": kind, "target": target}).encode()
        with urllib.request.urlopen(f"{self.http}/_simulator/faults", body, timeout=10) as answer:  # noqa: S310 - loopback
            answer.read()


def begin() -> Simulator:
    """Shut the program in on loopback, tie its life to its reader's, and return where the environment says it goes."""
    sys.addaudithook(_refuse_other_hosts)
    threading.Thread(target=_end_with_the_reader, daemon=True).start()
    return Simulator(*(os.environ[name] for name in (HTTP, WS, ACCESS_KEY, SECRET_KEY)))


def say(name: str, value: Any) -> None:
    """Tell what was seen: one JSON line; what JSON does not know is written as text.

    Not by stdout: the clients' own processes print there, also in the middle of a line that is longer than a pipe takes
    in one piece.
    """
    line = json.dumps({"seen": name, "value": value}, default=str) + "\n"
    with open(os.environ[SEEN], "a", encoding="utf-8") as seen:  # noqa: PTH123 - nothing but what is needed
        seen.write(line)


def _end_with_the_reader() -> None:
    """End the program and the processes of its client when nobody is left to read what it says.

    A test that is killed cannot end what it started. The program has to lead its process group.
    """
    watched = select.poll()
    watched.register(sys.stdout.fileno(), 0)  # Errors are always told; of a pipe: its reader is gone.
    watched.poll()
    os.killpg(os.getpid(), signal.SIGKILL)


def _refuse_other_hosts(event: str, arguments: tuple[Any, ...]) -> None:
    # CPython raises these events before the system is asked, whatever library asks.
    if event in {"socket.connect", "socket.sendto"} and isinstance(arguments[1], tuple):
        _check(arguments[1][0])
    elif event in {"socket.getaddrinfo", "socket.gethostbyname"}:
        _check(arguments[0])


def _check(host: object) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name in {None, "", "localhost"}:
        return
    try:
        is_loopback = ipaddress.ip_address(str(name)).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise NotLoopbackError(f"{name} is not this machine: nothing else may be reached")
