"""The environment of other people's clients: made once from pinned hashes, beside the project's own."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = REPOSITORY / ".venv-clients"
REQUIREMENTS: Final = REPOSITORY / "requirements" / "clients.txt"

INSTALL_LIMIT_S: Final = 170.0
"""For making the environment; above it the tests skip. A test may wait a little longer for another worker's attempt."""


class CannotInstallError(Exception):
    """The environment cannot be made here: no network, no wheels for this machine, no time."""


def make_environment(folder: Path = FOLDER, requirements: Path = REQUIREMENTS) -> Path:
    """Make the environment unless it is there already, and return its Python.

    Its stamp holds what it was made from, so that other pins or another Python make it anew. Of several test processes
    one installs and the others wait; when that fails, the others of the same run do not try again.

    Raises:
        CannotInstallError: the message says why.
    """
    try:
        return _make_once(folder, requirements)
    except OSError as error:
        raise CannotInstallError(str(error)) from error


def _make_once(folder: Path, requirements: Path) -> Path:
    folder.mkdir(exist_ok=True)
    python, stamp, refused = folder / "bin" / "python", folder / ".ready", folder / ".refused"
    wanted = f"{sys.version}\n{hashlib.sha256(requirements.read_bytes()).hexdigest()}\n"
    # Not `.lock`: that file is uv's own lock on an environment, and it would wait for ours until the deadline.
    with (folder / ".installing").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == wanted:
            return python
        run, _, reason = refused.read_text().partition("\n") if refused.exists() else ("", "", "")
        if run == _test_run():
            raise CannotInstallError(reason)
        stamp.unlink(missing_ok=True)
        try:
            _install(folder, python, requirements)
        except CannotInstallError as error:
            refused.write_text(f"{_test_run()}\n{error}")
            raise
        stamp.write_text(wanted)
    return python


def _test_run() -> str:
    """What all processes of one test run have in common."""
    return os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(os.getpid())


def _install(folder: Path, python: Path, requirements: Path) -> None:
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        raise CannotInstallError("uv is not installed; `make setup` brings it")
    deadline_s = time.monotonic() + INSTALL_LIMIT_S
    _run([uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(folder)], deadline_s)
    pins = ["--require-hashes", "--only-binary", ":all:", str(requirements)]
    _run([uv, "pip", "sync", "--quiet", "--python", str(python), *pins], deadline_s)


def _run(command: list[str], deadline_s: float) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=deadline_s - time.monotonic()
        )
    except subprocess.TimeoutExpired:
        raise CannotInstallError(f"not done within {INSTALL_LIMIT_S:.0f} s") from None
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise CannotInstallError(" ".join(lines)[-500:] or f"exit code {done.returncode}")
