"""What the service manager hears, and when."""

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import SettingsError
from supervisor.service.notify import MAX_LINE, RETRY_S, STATUS_EVERY_S, Notifier, one_line, take_notifier
from tests.supervisor.service.manager import Manager, manager_at

NOW_NS = 7_000_123_456


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    with manager_at(tmp_path) as manager:
        yield manager


@pytest.fixture
def notify(manager: Manager) -> Iterator[Notifier]:
    notify = Notifier(os.fsencode(manager.address), monotonic_ns=lambda: NOW_NS)
    yield notify
    notify.close()


def tick(notify: Notifier, now_s: float, *, started: bool = True, stopping: bool = False, line: str = "") -> None:
    notify.tick(is_started=started, is_stopping=stopping, line=line, now_s=now_s)


def test_ready_is_said_once_and_only_when_the_tree_has_started(manager: Manager, notify: Notifier) -> None:
    tick(notify, 0.0, started=False)
    assert manager.hear() == []
    tick(notify, 1.0)
    tick(notify, 2.0)
    assert manager.hear() == ["READY=1"]


def test_stopping_is_said_once_and_is_the_last_word(manager: Manager, notify: Notifier) -> None:
    tick(notify, 0.0)
    tick(notify, 1.0, stopping=True)
    tick(notify, 2.0, stopping=True)
    notify.stopping()
    with notify.reloading():
        tick(notify, 3.0)
    assert manager.hear() == ["READY=1", "STOPPING=1"]


def test_a_tree_that_is_stopped_while_it_starts_is_never_ready(manager: Manager, notify: Notifier) -> None:
    tick(notify, 0.0, started=False)
    tick(notify, 1.0, started=True, stopping=True)
    assert manager.hear() == ["STOPPING=1"]


def test_a_reload_says_when_it_began_and_ends_with_ready(manager: Manager, notify: Notifier) -> None:
    tick(notify, 0.0)
    with notify.reloading(), notify.reloading():
        tick(notify, 1.0)
        assert manager.hear() == ["READY=1", f"RELOADING=1\nMONOTONIC_USEC={NOW_NS // 1000}"]
    assert manager.hear() == ["READY=1"]


def test_a_reload_that_fails_ends_with_ready_too(manager: Manager, notify: Notifier) -> None:
    tick(notify, 0.0)
    with pytest.raises(SettingsError), notify.reloading():
        raise SettingsError("no")
    assert [message.split("\n")[0] for message in manager.hear()] == ["READY=1", "RELOADING=1", "READY=1"]


def test_a_reload_before_ready_says_nothing_of_its_own(manager: Manager, notify: Notifier) -> None:
    with notify.reloading():
        pass
    assert manager.hear() == []


def test_the_line_is_told_on_change_and_at_most_once_a_second(manager: Manager, notify: Notifier) -> None:
    for now_s, line in [(0.0, "a"), (0.1, "a"), (0.2, "b"), (0.4, "c")]:
        tick(notify, now_s, started=False, line=line)
    assert manager.hear() == ["STATUS=a"]
    assert notify.next_tick_s(now_s=0.4) == STATUS_EVERY_S
    tick(notify, STATUS_EVERY_S, started=False, line="c")
    assert manager.hear() == ["STATUS=c"]
    assert notify.next_tick_s(now_s=2.0) == float("inf")


def test_a_line_that_changed_back_in_time_is_not_told(manager: Manager, notify: Notifier) -> None:
    for now_s, line in [(0.0, "a"), (0.2, "b"), (0.4, "a"), (5.0, "a")]:
        tick(notify, now_s, line=line)
    assert manager.hear() == ["READY=1", "STATUS=a"]


@given(st.text(max_size=2 * MAX_LINE))
def test_a_line_is_one_field_of_the_message(text: str) -> None:
    line = one_line(text)
    assert len(line) <= MAX_LINE
    assert line.isprintable()
    assert one_line(line) == line


def test_a_reason_cannot_say_something_else_to_the_manager(manager: Manager, notify: Notifier) -> None:
    tick(notify, 0.0, started=False, line="parked: no\nREADY=1")
    assert manager.hear() == ["STATUS=parked: no READY=1"]


def test_the_watchdog_is_fed_at_half_of_its_interval(manager: Manager) -> None:
    notify = Notifier(os.fsencode(manager.address), watchdog_s=10.0)
    fed = []
    for now_s in range(20):
        tick(notify, float(now_s), started=False)
        fed += [now_s for message in manager.hear() if message == "WATCHDOG=1"]
    assert fed == [0, 5, 10, 15]
    assert notify.next_tick_s(now_s=17.0) == 20.0
    notify.close()


def test_without_ticks_the_watchdog_is_not_fed(manager: Manager) -> None:
    notify = Notifier(os.fsencode(manager.address), watchdog_s=0.001)
    notify.stopping()
    with notify.reloading():
        pass
    assert "WATCHDOG=1" not in manager.hear()
    notify.close()


def fill(notify: Notifier, manager: Manager) -> None:
    """Send until the manager's queue takes no more."""
    other = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    with other, suppress(BlockingIOError):
        while True:
            other.sendto(b"X", manager.address)


def test_a_manager_that_does_not_read_never_blocks_and_hears_it_later(manager: Manager) -> None:
    notify = Notifier(os.fsencode(manager.address), watchdog_s=10.0)
    fill(notify, manager)
    tick(notify, 0.0, line="fine")
    assert notify.lost == 3
    assert notify.next_tick_s(now_s=0.0) == RETRY_S
    manager.hear()
    tick(notify, 1.0, line="fine")
    assert manager.hear() == ["READY=1", "WATCHDOG=1", "STATUS=fine"]
    notify.close()


def test_a_manager_that_is_not_there_is_counted(tmp_path: Path) -> None:
    notify = Notifier(os.fsencode(tmp_path / "nobody"))
    tick(notify, 0.0)
    assert notify.lost == 1
    with manager_at(tmp_path) as manager:
        (tmp_path / "notify").rename(tmp_path / "nobody")
        tick(notify, 1.0)
        assert manager.hear() == ["READY=1"]
    notify.close()


def test_the_state_that_is_said_late_is_the_newest_one(tmp_path: Path) -> None:
    notify = Notifier(os.fsencode(tmp_path / "notify"))
    tick(notify, 0.0)
    with notify.reloading():
        pass
    tick(notify, 1.0, stopping=True)
    with manager_at(tmp_path) as manager:
        tick(notify, 2.0, stopping=True)
        assert manager.hear() == ["STOPPING=1"]
    notify.close()


def test_the_variables_are_taken_so_that_no_child_has_them(manager: Manager) -> None:
    environment = {**manager.variables, "WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "77", "HOME": "/h"}
    notify = take_notifier(environment, pid=77)
    assert environment == {"HOME": "/h"}
    assert notify is not None
    tick(notify, 0.0, started=False)
    assert manager.hear() == ["WATCHDOG=1"]
    assert notify.next_tick_s(now_s=0.0) == 5.0
    notify.close()


def test_a_watchdog_of_another_process_is_not_fed(manager: Manager) -> None:
    environment = {**manager.variables, "WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "78"}
    notify = take_notifier(environment, pid=77)
    assert notify is not None
    tick(notify, 0.0, started=False)
    assert (manager.hear(), environment) == ([], {})
    notify.close()


@pytest.mark.parametrize("variables", [{}, {"NOTIFY_SOCKET": ""}, {"WATCHDOG_USEC": "1000000"}])
def test_without_a_manager_there_is_nobody_to_tell(variables: dict[str, str]) -> None:
    environment = dict(variables)
    assert take_notifier(environment, pid=1) is None
    assert environment == {}


def test_an_abstract_socket_is_reached() -> None:
    manager = Manager(f"@upbitd-test-{os.getpid()}")
    notify = take_notifier(manager.variables, pid=1)
    assert notify is not None
    tick(notify, 0.0)
    assert manager.hear() == ["READY=1"]
    notify.close()
    manager.close()


@pytest.mark.parametrize(
    "variables",
    [
        {"NOTIFY_SOCKET": "relative"},
        {"NOTIFY_SOCKET": "/"},
        {"NOTIFY_SOCKET": "@"},
        {"NOTIFY_SOCKET": "vsock:2:9999"},
        {"NOTIFY_SOCKET": "/" + "x" * 107},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "-1"},
        {"WATCHDOG_USEC": "1.5"},
        {"WATCHDOG_USEC": "9" * 21},
        {"WATCHDOG_USEC": "1", "WATCHDOG_PID": "x"},
    ],
)
def test_variables_that_cannot_be_used_are_one_line(variables: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as caught:
        take_notifier({"NOTIFY_SOCKET": "/run/x", **variables}, pid=1)
    assert len(str(caught.value).splitlines()) == 1
    assert any(name in str(caught.value) for name in variables)
