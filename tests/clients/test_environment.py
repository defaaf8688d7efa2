"""What holds the clients in: they reach this machine only, and an environment that cannot be made says why."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.clients import environment, loopback
from tests.clients.environment import CannotInstallError, make_environment

CLIENTS = Path(__file__).resolve().parent
BEGIN = "import loopback, socket; loopback.begin(); "


def run_shut_in(program: str) -> subprocess.CompletedProcess[str]:
    variables = dict.fromkeys((loopback.HTTP, loopback.WS, loopback.ACCESS_KEY, loopback.SECRET_KEY), "x")
    command = [sys.executable, "-c", BEGIN + program]
    return subprocess.run(command, cwd=CLIENTS, env=variables, capture_output=True, text=True, timeout=20, check=False)


@pytest.mark.parametrize(
    "attempt",
    [
        "socket.create_connection(('192.0.2.1', 443), timeout=1)",
        "socket.create_connection(('exchange.invalid', 443), timeout=1)",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'', ('192.0.2.1', 53))",
        "import asyncio; asyncio.run(asyncio.open_connection('192.0.2.1', 443))",
        "import asyncio; asyncio.run(asyncio.open_connection('exchange.invalid', 443))",
    ],
)
def test_a_driver_can_reach_no_other_host(attempt: str) -> None:
    done = run_shut_in(attempt)
    assert done.returncode != 0
    assert "nothing else may be reached" in done.stderr


def test_a_driver_and_its_processes_end_when_the_test_is_gone() -> None:
    variables = dict.fromkeys((loopback.HTTP, loopback.WS, loopback.ACCESS_KEY, loopback.SECRET_KEY), "x")
    program = "import os, time; os.fork(); print(os.getpid(), flush=True); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", BEGIN + program], cwd=CLIENTS, env=variables, stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        running = [psutil.Process(int(process.stdout.readline())) for _ in range(2)]
        process.stdout.close()
        assert process.wait(10) == -signal.SIGKILL
        _, alive = psutil.wait_procs(running, timeout=10)
        assert [one for one in alive if one.status() != psutil.STATUS_ZOMBIE] == []


def test_a_driver_can_reach_this_machine() -> None:
    program = "s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(('localhost', s.getsockname()[1]))"
    assert run_shut_in(program).returncode == 0


def test_an_environment_that_cannot_be_made_says_why_and_is_tried_once_in_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requirements = tmp_path / "clients.txt"
    requirements.write_text("pyupbit==0.2.34\n")  # Without a hash.
    with pytest.raises(CannotInstallError, match="hash"):
        make_environment(tmp_path / "made", requirements)

    def fail(*_: object) -> None:
        pytest.fail("tried again")

    monkeypatch.setattr(environment, "_install", fail)
    with pytest.raises(CannotInstallError, match="hash"):
        make_environment(tmp_path / "made", requirements)


def test_a_place_where_nothing_can_be_made_is_a_reason_too(tmp_path: Path) -> None:
    requirements = tmp_path / "clients.txt"
    requirements.write_text("")
    with pytest.raises(CannotInstallError, match="exists"):
        make_environment(requirements, requirements)


def test_an_environment_is_made_anew_when_the_pins_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []
    monkeypatch.setattr(environment, "_install", lambda folder, *_: made.append(folder))
    requirements = tmp_path / "clients.txt"
    for pins in ("a==1", "a==1", "a==2"):
        requirements.write_text(pins)
        assert make_environment(tmp_path / "made", requirements) == tmp_path / "made" / "bin" / "python"
    assert len(made) == 2


def test_a_run_of_tests_is_the_same_for_all_its_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_XDIST_TESTRUNUID", "one run")
    assert environment._test_run() == "one run"
    monkeypatch.delenv("PYTEST_XDIST_TESTRUNUID")
    assert environment._test_run() == str(os.getpid())
