"""The file that a journal writes: its lines, its bounds, and what happens when the disk is full."""

import base64
import inspect
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
import structlog
import trio
from msgspec import Struct
from trio.testing import MockClock

from actors.exchange.journal.disclosure import account_id, public_path
from actors.exchange.journal.journal import FLUSH_S, Journal, NoJournal, open_journal
from actors.exchange.settings import AccountSettings, SimulatorSettings
from protocols.errors import SettingsError
from tests.actors.consumers.harness import until
from tests.actors.exchange.journal.files import KEY, SECRET, lines_of


class SomeFill(Struct):
    """As the desk's: a struct with exact amounts."""

    price: Decimal
    is_maker: bool


@contextmanager
def file_size_limited(limit_bytes: int) -> Iterator[None]:
    """A disk that is full once a file has so many bytes: writes are cut there, then fail."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_every_event_is_one_line_with_a_monotonic_time(tmp_path: Path) -> None:
    began_ns = time.monotonic_ns()
    journal = Journal(tmp_path / "journal")
    journal.started(SimulatorSettings(seed=7))
    journal.opened(1, "/websocket/v1/private", "private", "127.0.0.1:5", KEY)
    journal.request(1, b'[{"ticket":"t"}]')
    journal.frame(1, 1, ("myOrder", "KRW-BTC"), '{"type":"myOrder","x":"원"}'.encode())
    journal.frame(1, 2, ("", ""), b'{"status":"UP"}')
    journal.rest("127.0.0.1", "GET", "/v1/accounts", 200, KEY)
    journal.fill(KEY, "order-1", SomeFill(Decimal("1.10"), is_maker=True))
    journal.fault({"kind": "close"})
    journal.closed(1, "idle")
    journal.close()
    lines = lines_of(tmp_path / "journal")
    assert [line["event"] for line in lines] == [
        "started", "connection_opened", "request", "frame", "frame", "rest", "order_fill", "fault",
        "connection_closed", "stopped",
    ]  # fmt: skip
    times_ns = [line.pop("t_ns") for line in lines]
    assert times_ns == sorted(times_ns, key=int)
    assert began_ns <= int(str(times_ns[0]))
    assert int(str(times_ns[-1])) <= time.monotonic_ns()
    assert lines[1]["account"] == account_id(KEY)
    assert lines[3] == {
        "event": "frame", "connection": 1, "number": 1, "type": "myOrder", "code": "KRW-BTC",
        "text": '{"type":"myOrder","x":"원"}',
    }  # fmt: skip
    assert lines[4] == {"event": "frame", "connection": 1, "number": 2, "text": '{"status":"UP"}'}
    assert lines[6]["fill"] == {"price": "1.10", "is_maker": True}


def test_no_key_and_no_secret_is_in_a_journal(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    further = AccountSettings("another-access-key", "another-secret-key")
    journal.started(SimulatorSettings(access_key=KEY, secret_key=SECRET, accounts=(further,)))
    journal.opened(1, f"/websocket/v1/private?access_key={KEY}", "private", "x", KEY)
    journal.rest("x", "GET", f"/v1/orders?market=KRW-BTC&token={SECRET}", 401, KEY)
    journal.fill(KEY, "order-1", {})
    journal.close()
    text = (tmp_path / "journal").read_text()
    assert account_id(KEY) in text
    assert "market=KRW-BTC&token=***" in text
    for secret in (KEY, SECRET, further.access_key, further.secret_key):
        assert secret not in text


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/v1/orders", "/v1/orders"),
        ("/v1/order?uuid=a=b", "/v1/order?uuid=a=b"),
        ("/v1/x?Secret_Key=a&y=1", "/v1/x?Secret_Key=***&y=1"),
        ("/v1/x?my_token=a&keys=b", "/v1/x?my_token=***&keys=b"),
    ],
)
def test_only_parameters_that_name_a_secret_are_masked(path: str, shown: str) -> None:
    assert public_path(path) == shown


def test_what_is_no_text_is_written_as_base64(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.request(1, b"\xff\x00")
    journal.close()
    (line, _) = lines_of(tmp_path / "journal")
    assert base64.b64decode(str(line["base64"])) == b"\xff\x00"
    assert "text" not in line


async def test_lines_are_in_the_file_a_tenth_of_a_second_later(tmp_path: Path, mock_clock: MockClock) -> None:
    path = tmp_path / "journal"
    journal = Journal(path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run)
        journal.closed(1, "idle")
        await trio.testing.wait_all_tasks_blocked()
        assert path.stat().st_size == 0
        mock_clock.jump(FLUSH_S)
        await until(lambda: path.stat().st_size > 0)
        nursery.cancel_scope.cancel()
    journal.close()
    assert [line["event"] for line in lines_of(path)] == ["connection_closed", "stopped"]


def test_a_journal_goes_on_with_its_file_and_never_on_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_text('{"event":"sto')
    journal = Journal(path)
    journal.close()
    torn, stopped = path.read_text().splitlines()
    assert torn == '{"event":"sto'
    assert '"stopped"' in stopped


def test_nothing_is_appended_to_a_file_that_is_no_journal(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello\n")
    with pytest.raises(SettingsError, match="there is something else in it; choose a new file"):
        Journal(path)
    assert path.read_text() == "hello\n"


def test_a_full_disk_is_told_once_and_the_lost_lines_are_counted() -> None:
    with structlog.testing.capture_logs() as logs:
        journal = Journal(Path("/dev/full"))
        for _ in range(3):
            journal.closed(1, "idle")
        journal._account(batch := journal._take_batch(), journal._write(batch))
        journal.closed(2, "idle")
        journal.close()
    assert [log["event"] for log in logs] == ["journal.unwritable", "journal.incomplete"]
    assert logs[0]["reason"] == "No space left on device"
    assert logs[1]["lost_lines"] == journal.lost_lines == 5


def test_after_a_full_disk_the_file_has_whole_lines_and_says_how_many_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path)
    with structlog.testing.capture_logs() as logs:
        for number in range(1, 6):
            journal.closed(number, "x" * 60)
        with file_size_limited(300):  # Two lines and a part of the third.
            journal._account(batch := journal._take_batch(), journal._write(batch))
            journal.closed(6, "")
            journal._account(batch := journal._take_batch(), journal._write(batch))
        journal.closed(7, "")
        journal.close()
    found = [(line["event"], line.get("connection", line.get("lines"))) for line in lines_of(path)]
    assert found == [
        ("connection_closed", 1), ("connection_closed", 2), ("lost", 4), ("connection_closed", 7), ("stopped", None),
    ]  # fmt: skip
    assert journal.lost_lines == 4
    assert [log["event"] for log in logs] == ["journal.unwritable", "journal.incomplete"]


def test_what_waits_for_the_disk_is_bounded(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", buffer_bytes=200)
    with structlog.testing.capture_logs() as logs:
        for number in range(10):
            journal.closed(number, "")
        assert sum(map(len, journal._waiting)) <= 200
        journal._account(batch := journal._take_batch(), journal._write(batch))
        journal.close()
    lines = lines_of(tmp_path / "journal")
    kept = sum(line["event"] == "connection_closed" for line in lines)
    assert 0 < kept < 10
    assert journal.lost_lines == 10 - kept == lines[0]["lines"]
    assert logs[0]["reason"] == "the disk is too slow"


@pytest.mark.parametrize("path", ["/nowhere/journal", "/"])
def test_a_file_that_cannot_be_opened_is_a_matter_of_settings(path: str) -> None:
    with pytest.raises(SettingsError, match=f"journal {path}: "):
        open_journal(path)


def test_the_journal_that_is_off_takes_the_same_calls() -> None:
    methods = {name: method for name, method in inspect.getmembers(Journal, inspect.isfunction) if name[0] != "_"}
    off = {name: method for name, method in inspect.getmembers(NoJournal, inspect.isfunction) if name[0] != "_"}
    assert {name: inspect.signature(method) for name, method in off.items()} == {
        name: inspect.signature(method) for name, method in methods.items()
    }
    assert open_journal("").is_on is False
