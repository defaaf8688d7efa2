"""Asking the check process: it imports the children's modules, so that the supervisor never does."""

import os
import subprocess
import sys
from typing import Final

import msgspec

from actors.runtime.settings.check import CheckAnswer, CheckRequest
from protocols.unreadable import UNREADABLE
from supervisor.startup.early_signals import ending_by_exit

LIMIT_S: Final = 60.0
"""An import that takes longer hangs: the whole default tree is imported in less than 2 s."""


def ask_check(request: CheckRequest) -> CheckAnswer:
    """Check all children in a process of its own and return what it found."""
    command = [sys.executable, "-P", "-m", "actors.runtime.settings.check", str(os.getpid())]
    # The children get the supervisor's import path, so the check must look there too, and nowhere else (-P).
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    try:
        with ending_by_exit():
            done = subprocess.run(  # noqa: S603 - our own module
                command,
                input=msgspec.json.encode(request),
                capture_output=True,
                timeout=LIMIT_S,
                check=False,
                env=environment,
            )
    except OSError as error:
        return CheckAnswer(problems=[f"start: cannot start {sys.executable}: {error.strerror}"], takes={})
    except subprocess.TimeoutExpired:
        return CheckAnswer(
            problems=[f"start: the modules of children and preload were not imported within {LIMIT_S:g} s"], takes={}
        )
    try:
        return msgspec.json.decode(done.stdout, type=CheckAnswer)
    except UNREADABLE:
        words = done.stderr.decode("utf-8", "replace").strip().splitlines()
        why = words[-1] if words else f"exit code {done.returncode}"
        return CheckAnswer(problems=[f"start: checking the children failed: {why}"], takes={})
