"""The simulated exchange in a process of its own, as an owner starts it."""

import contextlib
import json
import subprocess
import urllib.request
from collections.abc import Iterator
from typing import Any

from tests.tree.running_tree import REPOSITORY, UPBITD, child_environment


class ExchangeProcess:
    """A running `upbitd simulate`."""

    def __init__(self, *options: str) -> None:
        self.process = subprocess.Popen(
            [*UPBITD, "simulate", "--port", "0", *options],
            cwd=REPOSITORY,
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        if not said:
            raise RuntimeError(f"upbitd simulate ended with {self.process.wait(10)} before it served; see stderr")
        listening: dict[str, Any] = json.loads(said)
        self.http: str = listening["http"]
        self.ws: str = listening["ws"]

    def fault(self, kind: str, target: str = "public", **parameters: object) -> None:
        """Inject one fault."""
        body = json.dumps({"kind": kind, "target": target, **parameters}).encode()
        request = urllib.request.Request(f"{self.http}/_simulator/faults", body, {"Content-Type": "application/json"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
            assert answer.status == 200

    def state(self) -> dict[str, Any]:
        """What the exchange says of its connections."""
        with urllib.request.urlopen(f"{self.http}/_simulator/state", timeout=10) as answer:  # noqa: S310 - loopback
            found: dict[str, Any] = json.loads(answer.read())
            return found

    def close(self) -> int:
        """End it as an owner would, and return its exit code."""
        self.process.terminate()
        try:
            code = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@contextlib.contextmanager
def simulated_exchange(*options: str) -> Iterator[ExchangeProcess]:
    """Run a simulated exchange."""
    exchange = ExchangeProcess(*options)
    try:
        yield exchange
    finally:
        exchange.close()
