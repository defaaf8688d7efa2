"""What the fork server does first, in an interpreter of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from protocols.control.exit_codes import EXIT_ORPHANED
from tests.tree.running_tree import REPOSITORY, child_environment

LIMIT_S = 60.0
NAMES = tuple(f"UPBITD_FORK_SERVER_{name}" for name in ("OF", "IMPORTS", "PATH_BEFORE", "LIMIT_S"))

PROGRAM = """
import os, sys, gc, ctypes, signal
import actors.runtime.process.fork_server_guard
number = ctypes.c_int(); ctypes.CDLL(None).prctl(2, ctypes.byref(number))  # PR_GET_PDEATHSIG
print(number.value, gc.get_freeze_count() > 0, os.environ.get('PYTHONPATH'),
      [name for name in os.environ if name.startswith('UPBITD_FORK')], [name for name in sys.argv[1:]
      if name in sys.modules], signal.getitimer(signal.ITIMER_REAL)[0])
"""


def imported(*modules: str, environment: dict[str, str] | None = None, expected: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *modules],
        cwd=REPOSITORY,
        env=child_environment() | (environment or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == expected, done.stderr
    return done.stdout.strip()


def of(
    supervisor: int, *, imports: str = "", path_before: str = "", limit_s: float = 60.0, path: str = ""
) -> dict[str, str]:
    return dict(zip(NAMES, (str(supervisor), imports, path_before, str(limit_s)), strict=True)) | {
        "PYTHONPATH": os.pathsep.join([os.fspath(REPOSITORY), path])
    }


def test_imported_anywhere_else_it_does_nothing() -> None:
    assert imported("json.tool").startswith("0 False")


def test_in_the_fork_server_it_ties_its_life_to_the_supervisors_and_leaves_no_trace_for_the_children() -> None:
    told = imported("json.tool", environment=of(os.getpid(), imports="json.tool", path_before="/somewhere"))
    assert told == "9 True /somewhere [] ['json.tool'] 0.0"


def test_a_fork_server_whose_supervisor_is_gone_already_ends_at_once() -> None:
    imported(environment=of(1 << 22), expected=EXIT_ORPHANED)  # Above the highest pid: no such process can live.


@pytest.mark.parametrize("content", ["raise ValueError", "import sys; sys.exit(3)", "import nowhere"])
def test_a_module_that_cannot_be_imported_is_left_out(tmp_path: Path, content: str) -> None:
    (tmp_path / "cannot_be_imported.py").write_text(content)
    environment = of(os.getpid(), imports="cannot_be_imported json.tool", path=os.fspath(tmp_path))
    assert imported("cannot_be_imported", "json.tool", environment=environment) == "9 True None [] ['json.tool'] 0.0"


def test_imports_that_are_never_through_end_it(tmp_path: Path) -> None:
    (tmp_path / "hangs.py").write_text("import threading\nthreading.Event().wait()")
    environment = of(os.getpid(), imports="hangs", limit_s=0.3, path=os.fspath(tmp_path))
    imported(environment=environment, expected=-signal.SIGALRM)


TITLED = """
import actors.runtime.process.fork_server_guard
from setproctitle import setproctitle
setproctitle("upbitd: a")
with open("/proc/self/cmdline") as line:
    print(line.read().partition("\\0")[0])
"""


@pytest.mark.parametrize("path_before", ["", "/somewhere"])
def test_its_children_can_have_titles_wherever_the_path_stood_in_the_environment(path_before: str) -> None:
    environment = of(os.getpid(), path_before=path_before)
    first = {"PYTHONPATH": environment.pop("PYTHONPATH")}
    rest = {name: value for name, value in child_environment().items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", TITLED],
        cwd=REPOSITORY,
        env=first | rest | environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=True,
    )
    assert done.stdout.strip() == "upbitd: a"
