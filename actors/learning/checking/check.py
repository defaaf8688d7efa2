"""One check: exchange, program, journal, verdicts."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import trio
from msgspec import Struct

from actors.learning.chapters import Chapter
from actors.learning.checking.exchange_process import ExchangeAddress, Keys, open_connections, simulated_exchange
from actors.learning.checking.place import HOME, Place, checking_place, keep
from actors.learning.checking.program_process import Program
from actors.learning.checking.program_process import Progress as RunProgress
from actors.learning.grading.evidence import Evidence
from actors.learning.grading.findings import Finding
from actors.learning.grading.record import read_record
from actors.learning.grading.rules import RULES
from actors.learning.grading.run import ProgramRun
from actors.learning.grading.source import facts_of, read_source
from actors.runtime.run_dir import CONTROL_SOCKET

RELEASE_WAIT_S: Final = 5.0
"""After the program's end for its connections to end; a later one is not given up at all."""

POLL_S: Final = 0.1
STOP_TREE_S: Final = 15.0


class Progress(RunProgress, Protocol):
    """Told how a check goes on."""

    def is_starting(self) -> None:
        """The exchange is being started."""

    def is_grading(self) -> None:
        """The program has ended."""


class Checked(Struct, frozen=True):
    """What came out of a check.

    Attributes:
        run: the program's run.
        findings: by item.
        lost_lines: lines that the exchange's journal lacks.
    """

    run: ProgramRun
    findings: Mapping[str, Finding]
    lost_lines: int


def grade(chapter: Chapter, evidence: Evidence) -> dict[str, Finding]:
    """Judge each item that has a rule."""
    return {item: rule(evidence) for item, rule in RULES[chapter.number].items()}


async def check_program(
    chapter: Chapter, program: Path, *, seconds: float, kept: Path | None, progress: Progress
) -> Checked:
    """Run a program against an exchange of its own, and judge what it did.

    Args:
        chapter: which one.
        program: known to be Python.
        seconds: how long it may run from when it has reached the exchange.
        kept: where journal and output are kept; None for nowhere.
        progress: told what happens.

    Raises:
        SettingsError: a file cannot be read or written.
        UpbitdError: the exchange did not start.
    """
    source = facts_of(read_source(program))
    with checking_place() as place:
        progress.is_starting()
        keys = Keys(f"learn-{secrets.token_hex(8)}", secrets.token_hex(32))
        async with simulated_exchange(place, keys) as address:
            running = Program(program, place.folder, progress)
            environment = place.environment(os.environ, address.websocket_url, keys.access_key, keys.secret_key)
            try:
                run = await running.run(environment, seconds, partial(_wait_for_connection, address))
                progress.is_grading()
                await _wait_for_release(address)
                until_ns = time.monotonic_ns()
            finally:
                with trio.CancelScope(shield=True, deadline=trio.current_time() + STOP_TREE_S):
                    await _end_tree(place)
                    await running.end_rest()
        record = read_record(place.journal, until_ns=until_ns)
        if kept is not None:
            keep(place, kept)
    return Checked(run, grade(chapter, Evidence(record, run, source)), record.lost_lines)


async def _wait_for_connection(address: ExchangeAddress) -> None:
    """Wait until the program, or its tree, is connected."""
    while not await open_connections(address):  # noqa: ASYNC110 - the exchange tells nobody
        await trio.sleep(POLL_S)


async def _wait_for_release(address: ExchangeAddress) -> None:
    """Wait until nobody is connected any more, or has had the time for it."""
    with trio.move_on_after(RELEASE_WAIT_S):
        # The exchange tells nobody when a connection ends.
        while await open_connections(address):  # noqa: ASYNC110 - see above
            await trio.sleep(POLL_S)


async def _end_tree(place: Place) -> None:
    """Stop the tree that the program left behind, if there is one."""
    if not (place.run_dir / CONTROL_SOCKET).exists():
        return
    command = [sys.executable, str(HOME / "upbitd.py"), "stop", "--run-dir", str(place.run_dir)]
    await trio.run_process(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    )
