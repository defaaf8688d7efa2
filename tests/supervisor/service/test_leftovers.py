"""What dead children left behind and the supervisor may not end, as a real one of another user."""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.supervisor.service.service_process import service, wait_reaped

ANOTHER_USER = 65534
WITHOUT_KILL = ("setpriv", "--bounding-set=-kill")
"""Root that may not kill everybody: it has to do with other users what all others have to."""


def refusal() -> str:
    """Why no process of another user can be made here; "" when one can."""
    if os.getuid() != 0 or shutil.which(WITHOUT_KILL[0]) is None:
        return "needs root and setpriv"
    done = subprocess.run([*WITHOUT_KILL, "true"], capture_output=True, text=True, timeout=60, check=False)
    return f"root cannot be without CAP_KILL here: {done.stderr.strip()}" if done.returncode else ""


REFUSAL = refusal()


def end_what_is_left(file: Path) -> None:
    """End the process, should the supervisor have died of it."""
    with contextlib.suppress(FileNotFoundError, psutil.NoSuchProcess):
        process = psutil.Process(int(file.read_text()))
        if process.uids().real == ANOTHER_USER and process.name() == "sleep":
            process.kill()


@pytest.mark.skipif(bool(REFUSAL), reason=REFUSAL or "it can be made")
def test_a_process_of_another_user_that_is_left_behind_does_not_end_the_tree(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    settings = (
        "[supervisor]\nheartbeat_s = 0.05\n"
        '[[child]]\nname = "a"\nstart = "tests.supervisor.service.leaving_actor:run"\n'
        f'settings.user = {ANOTHER_USER}\nsettings.file = "{file}"\n'
    )
    try:
        with service(tmp_path, settings, wrapper=WITHOUT_KILL) as running:
            running.wait_for("STATUS=1 of 1 ready")
            left = psutil.Process(int(file.read_text()))
            assert left.ppid() == running.supervisor.pid
            left.kill()
            wait_reaped(left)
            assert running.end() == 0
            told = [line for line in running.log.splitlines() if '"stranger.left"' in line]
            assert len(told) == 1
            assert f"as root: kill -KILL {left.pid}" in told[0]
    finally:
        end_what_is_left(file)
