"""Whose failure a broken pipe, a full disk or a terminal that is gone is: of stdout, or of anything else."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tree.running_tree import REPOSITORY, child_environment

FAILING = """
import os, sys
from actors.runtime.stdout import OwnStdout
from supervisor.commands import {command}
import supervisor.main

def work(*_arguments, **_options):
    {work}

supervisor.commands.{command}.check_names = work
sys.argv[1:] = ["{command}"]
supervisor.main.main()
"""
"""The commands begin with `check_names`, so a failure of it is one of the command itself."""

LOSE = "raise {error}"
BROKEN_SOCKET = "import socket; a, b = socket.socketpair(); b.close(); a.send(b'x')"
IN_A_GROUP = "raise ExceptionGroup('tasks', [BrokenPipeError(32, 'Broken pipe')])"


def run(
    work: str, *, stdout: int, command: str = "run", options: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *options, "-c", FAILING.format(command=command, work=work)],
        cwd=REPOSITORY,
        env=child_environment(),
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )


def broken_pipe() -> int:
    read, write = os.pipe()
    os.close(read)
    return write


@pytest.mark.parametrize(
    ("work", "last_line"),
    [
        (BROKEN_SOCKET, "BrokenPipeError: [Errno 32] Broken pipe"),
        (IN_A_GROUP, "BrokenPipeError: [Errno 32] Broken pipe"),
        *(
            (f"raise OSError({number}, 'of a disk')", f"[Errno {number}] of a disk")
            for number in (errno.ENOSPC, errno.EIO)
        ),
    ],
    ids=["a socket", "a socket in a group", "a full disk", "a broken disk"],
)
@pytest.mark.parametrize("command", ["run", "demo"])
def test_what_fails_and_is_not_stdout_is_told_with_its_place_and_exit_code_1(
    command: str, work: str, last_line: str
) -> None:
    done = run(work, command=command, stdout=subprocess.DEVNULL)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "in work" in done.stderr or "ExceptionGroup" in done.stderr
    assert any(line.endswith(last_line) for line in done.stderr.splitlines()), done.stderr


@pytest.mark.parametrize("code", [0, 1, 3])
def test_a_program_that_is_ended_is_ended_with_its_own_code(code: int) -> None:
    done = run(f"raise SystemExit({code})", stdout=subprocess.DEVNULL)
    assert (done.returncode, done.stderr) == (code, "")


WRITES = {
    "print": "print('x' * 100_000)",
    "print, left in the buffer": "print('x')",
    "click": "import click; click.echo('x')",
    "bytes by click": "import click; click.echo(b'x')",
    "rich": "import rich; rich.print('x')",
    "stdout opened once more": "out = OwnStdout(); out.write('x'); out.flush()",
    "rich on stdout opened once more": "from rich.console import Console; Console(file=OwnStdout()).print('x')",
    "in a group": (
        "\n    try: print('x', flush=True)"
        "\n    except OSError as error: raise ExceptionGroup('tasks', [error]) from error"
    ),
}


@pytest.mark.parametrize("options", [(), ("-u",)], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("work", WRITES.values(), ids=WRITES.keys())
def test_a_reader_that_went_away_is_no_failure_however_it_is_written_to(work: str, options: tuple[str, ...]) -> None:
    write = broken_pipe()
    try:
        done = run(f"{work}\n    raise SystemExit(0)", stdout=write, options=options)
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("work", WRITES.values(), ids=WRITES.keys())
def test_a_full_disk_behind_stdout_is_one_line_however_it_is_written_to(work: str) -> None:
    with Path("/dev/full").open("wb") as full:
        done = run(f"{work}\n    raise SystemExit(0)", stdout=full.fileno())
    assert (done.returncode, done.stderr) == (1, "upbitd: the output cannot be written: No space left on device\n")
