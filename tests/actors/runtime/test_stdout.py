"""Stdout whose reader goes away, in processes of their own: the interpreter's end is part of it."""

import subprocess
import sys

import pytest

from tests.tree.running_tree import REPOSITORY, child_environment

LIMIT_S = 60.0

PROGRAM = """
import os, sys
from actors.runtime.stdout import OwnStdout
file = OwnStdout()
file.write("first\\n"); file.flush()
sys.stdin.readline()
try:
    file.write({text}); file.flush()
except BrokenPipeError:
    print("gone", file=sys.stderr)
"""


@pytest.mark.parametrize("text", ["'second'", "'x' * 100_000"], ids=["in the buffer", "more than the buffer takes"])
def test_what_a_reader_that_went_away_did_not_take_is_forgotten_without_a_word(text: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(text=text)],
        cwd=REPOSITORY,
        env=child_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"first\n"
        process.stdout.close()
        process.stdin.write(b"go on\n")
        process.stdin.close()
        assert process.stderr is not None
        assert process.stderr.read() == b"gone\n"
        assert process.wait(LIMIT_S) == 0
