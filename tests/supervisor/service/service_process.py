"""`upbitd run` as a service manager or a container runs it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.supervisor.service.manager import Manager, manager_at
from tests.tree.running_tree import REPOSITORY, child_environment

LIMIT_S = 20.0


class Service:
    """A supervisor, and the service manager that hears it."""

    def __init__(
        self, folder: Path, manager: Manager, settings: str, *, wrapper: tuple[str, ...], watchdog: str
    ) -> None:
        self.manager = manager
        self.config = folder / "upbitd.toml"
        self.config.write_text(settings)
        self.log_file = folder / "log"
        variables = {**manager.variables, "XDG_STATE_HOME": str(folder / "state")}
        if watchdog:
            variables["WATCHDOG_USEC"] = watchdog
        command = ["run", "-c", str(self.config), "--run-dir", str(folder / "run")]
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [*wrapper, sys.executable, "-m", "supervisor.main", *command],
                cwd=REPOSITORY,
                env=child_environment(variables),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.is_wrapped = wrapper[:1] == ("unshare",)

    @property
    def supervisor(self) -> psutil.Process:
        started = psutil.Process(self.process.pid)
        return started.children()[0] if self.is_wrapped else started

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def wait_for(self, beginning: str) -> str:
        try:
            return self.manager.wait_for(beginning)
        except TimeoutError:
            raise AssertionError(f"not said: {beginning}; said: {self.manager.said}; log:\n{self.log}") from None

    def end(self, number: int = signal.SIGTERM) -> int:
        self.supervisor.send_signal(number)
        return self.process.wait(LIMIT_S)


@contextmanager
def service(folder: Path, settings: str, *, wrapper: tuple[str, ...] = (), watchdog: str = "") -> Iterator[Service]:
    with manager_at(folder) as manager:
        running = Service(folder, manager, settings, wrapper=wrapper, watchdog=watchdog)
        try:
            yield running
        finally:
            if running.process.poll() is None:
                os.killpg(running.process.pid, signal.SIGKILL)
                running.process.wait()


def environment_of(pid: int) -> dict[str, str]:
    pairs = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)  # type: ignore[misc]


def wait_reaped(process: psutil.Process) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while process.is_running():  # Also a zombie is.
        assert time.monotonic() < deadline_s, f"{process} was not collected"
        time.sleep(0.01)
