"""What the machine itself takes for what a restart is made of: it tells machines apart, not versions of upbitd."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Final

from bench.rows import Rounds, Row

MS: Final = 1e6
IMPORTS: Final = "import trio"
"""The largest part of what a new interpreter imports for an actor."""


def measure(rounds: Rounds) -> Iterator[Row]:
    """Measure without anything of this project; compiled modules are taken for granted."""
    count = rounds(15)
    yield Row(f"the machine: a new interpreter, `{IMPORTS}`", "ms", None, [_import_ms() for _ in range(count)])
    yield Row("the machine: SIGKILL to the end of such a process", "ms", None, [_kill_ms() for _ in range(count)])


def _import_ms() -> float:
    began_ns = time.monotonic_ns()
    subprocess.run([sys.executable, "-c", IMPORTS], check=True)
    return (time.monotonic_ns() - began_ns) / MS


def _kill_ms() -> float:
    ready, told = os.pipe()
    program = f"{IMPORTS}, os\nos.write(1, b'.')\ntrio.run(trio.sleep_forever)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=told) as process:
        os.close(told)
        if not os.read(ready, 1):
            raise RuntimeError(f"{sys.executable} ended before it had imported everything")
        pidfd = os.pidfd_open(process.pid)
        killed_ns = time.monotonic_ns()
        process.send_signal(signal.SIGKILL)
        select.select([pidfd], [], [])
        gone_ns = time.monotonic_ns()
        os.close(pidfd)
    os.close(ready)
    return (gone_ns - killed_ns) / MS
