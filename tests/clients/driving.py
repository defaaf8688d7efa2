"""Running a program that drives another people's client, and reading what it saw."""

import json
import os
import signal
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

from tests.clients import loopback
from tests.clients.exchange import ACCESS_KEY, SECRET_KEY
from tests.tree.exchange_process import ExchangeProcess

FOLDER: Final = Path(__file__).resolve().parent
DRIVER_LIMIT_S: Final = 60.0


class Seen:
    """What a client saw, by name, in its order."""

    def __init__(self, lines: str) -> None:
        self._values: defaultdict[str, list[Any]] = defaultdict(list)
        for line in lines.splitlines():
            found = json.loads(line)
            self._values[found["seen"]].append(found["value"])

    def all(self, name: str) -> list[Any]:
        """Everything of one name, oldest first."""
        return self._values[name]

    def one(self, name: str) -> Any:
        """The one value of a name."""
        (value,) = self._values[name]
        return value


def run_driver(python: Path, program: str, exchange: ExchangeProcess, home: Path, *arguments: str) -> Seen:
    """Run a driver against an exchange, in an environment that knows nothing but it."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),  # No .netrc, no configuration of the one who runs the tests.
        "PYTHONUNBUFFERED": "1",
        loopback.HTTP: exchange.http,
        loopback.WS: exchange.ws,
        loopback.ACCESS_KEY: ACCESS_KEY,
        loopback.SECRET_KEY: SECRET_KEY,
        loopback.SEEN: str(home / "seen.jsonl"),
    }
    with subprocess.Popen(
        [str(python), str(FOLDER / program), *arguments],
        env=environment,
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            lines, errors = process.communicate(timeout=DRIVER_LIMIT_S)
        except BaseException as error:
            # With the processes of the client's own, which would keep the pipes open and be left behind.
            os.killpg(process.pid, signal.SIGKILL)
            lines, errors = process.communicate()
            error.add_note(f"{program} had said\n{lines[-2000:]}\n{errors[-6000:]}")
            raise
    assert process.returncode == 0, f"{program} ended with {process.returncode}\n{lines[-2000:]}\n{errors[-6000:]}"
    return Seen((home / "seen.jsonl").read_text("utf-8"))
