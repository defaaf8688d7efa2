"""upbitd as PID 1, as in a container without an init of its own."""

import os
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.supervisor.service.service_process import LIMIT_S, Service, service, wait_reaped
from tests.tree.running_tree import children

NAMESPACE = ("unshare", *(() if os.getuid() == 0 else ("-U", "-r")), "-p", "-f", "--mount-proc", "--kill-child")


def refusal() -> str:
    """Why no PID 1 can be made here; "" when one can."""
    if shutil.which(NAMESPACE[0]) is None:
        return "unshare is not installed"
    done = subprocess.run([*NAMESPACE, "true"], capture_output=True, text=True, timeout=60, check=False)
    return f"no PID namespace can be made here: {done.stderr.strip()}" if done.returncode else ""


REFUSAL = refusal()
pytestmark = pytest.mark.skipif(bool(REFUSAL), reason=REFUSAL or "it can be made")


@pytest.fixture
def orphaning(tmp_path: Path) -> Iterator[tuple[Service, Path]]:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    settings = (
        f'[[child]]\nname = "a"\nstart = "tests.supervisor.service.orphaning_actor:run"\nsettings.fifo = "{fifo}"\n'
    )
    with service(tmp_path, settings, wrapper=NAMESPACE) as running:
        running.wait_for("READY=1")
        yield running, fifo


def pid_inside(process: psutil.Process) -> int:
    (line,) = [
        line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if line.startswith("NSpid:")
    ]
    return int(line.split()[-1])


def adopted(running: Service) -> psutil.Process:
    """The process that lost its parent and came to the supervisor."""
    (found,) = [process for process in running.supervisor.children() if process.name() == "sh"]
    return found


def test_it_stops_in_order_when_asked(tmp_path: Path) -> None:
    with service(tmp_path, children("idle", "idle"), wrapper=NAMESPACE) as running:
        running.wait_for("READY=1")
        assert pid_inside(running.supervisor) == 1
        tree = running.supervisor.children(recursive=True)
        assert running.end(signal.SIGTERM) == 0
        running.wait_for("STOPPING=1")
        assert not any(process.is_running() for process in tree)


def test_a_stranger_that_lost_its_parent_lives_on_and_is_collected_when_it_ends(
    orphaning: tuple[Service, Path],
) -> None:
    running, fifo = orphaning
    stranger = adopted(running)
    pidfd = os.pidfd_open(stranger.pid)
    fifo.write_text("end\n")
    assert select.select([pidfd], [], [], LIMIT_S)[0]
    os.close(pidfd)
    wait_reaped(stranger)
    assert running.end() == 0


def test_a_stranger_that_is_left_does_not_hold_up_the_stop(orphaning: tuple[Service, Path]) -> None:
    running, _fifo = orphaning
    stranger = adopted(running)
    assert running.end() == 0
    wait_reaped(stranger)  # The kernel ends what is left in a PID namespace.


@pytest.mark.parametrize("start_method", ["forkserver", "spawn"])
def test_a_fork_that_an_actor_left_behind_is_ended_though_its_title_covers_the_environment(
    tmp_path: Path, start_method: str
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    held = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    settings = (
        f'[supervisor]\nstart_method = "{start_method}"\nheartbeat_s = 0.05\n'
        '[[child]]\nname = "a"\nstart = "tests.supervisor.service.forking_actor:run"\n'
        f'settings.fifo = "{fifo}"\n'
    )
    try:
        with service(tmp_path, settings, wrapper=NAMESPACE) as running:
            running.wait_for("STATUS=1 of 1 ready")
            pid = int(os.read(held, 20))
            assert select.select([held], [], [], LIMIT_S)[0], running.log
            assert os.read(held, 20) == b""  # Nobody holds it any more.
            assert running.end() == 0
            (told,) = [line for line in running.log.splitlines() if '"stranger.ended"' in line]
            assert f'"child_pid":{pid},' in told or f'"child_pid":{pid}}}' in told
    finally:
        os.close(held)
