import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog.testing

from actors.runtime.process.logs import Redaction
from protocols.errors import SettingsError
from supervisor.records.lifecycle import Lifecycle

PIPE_BYTES = 4096
"""The least that a pipe may hold."""


def test_events_are_lines_of_json_with_the_monotonic_time(tmp_path: Path) -> None:
    lifecycle = Lifecycle(tmp_path / "l.jsonl", monotonic_ns=lambda: 42)
    lifecycle.write("child_started", child="a", pid=7, incarnation=1)
    lifecycle.write("supervisor_stopped", child=None, pid=1)
    lifecycle.close()
    assert [json.loads(line) for line in (tmp_path / "l.jsonl").read_text().splitlines()] == [
        {"event": "child_started", "child": "a", "pid": 7, "t_ns": 42, "incarnation": 1},
        {"event": "supervisor_stopped", "child": None, "pid": 1, "t_ns": 42},
    ]


def test_a_new_supervisor_appends(tmp_path: Path) -> None:
    for _ in range(2):
        lifecycle = Lifecycle(tmp_path / "l.jsonl")
        lifecycle.write("child_ready", child="a", pid=7)
        lifecycle.close()
    assert len((tmp_path / "l.jsonl").read_text().splitlines()) == 2


def test_history_is_bounded_by_two_files(tmp_path: Path) -> None:
    file = tmp_path / "l.jsonl"
    lifecycle = Lifecycle(file, rotate_bytes=1000)
    for number in range(100):
        lifecycle.write("child_ready", child="a", pid=number)
    lifecycle.close()
    assert file.stat().st_size <= 1000
    assert file.with_name("l.jsonl.1").stat().st_size <= 1000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["l.jsonl", "l.jsonl.1"]
    assert json.loads(file.read_text().splitlines()[-1])["pid"] == 99


def test_a_full_disk_does_not_end_the_tree_and_the_loss_is_logged_and_counted() -> None:
    lifecycle = Lifecycle(Path("/dev/full"), rotate_bytes=10**9)
    with structlog.testing.capture_logs() as logged:
        for _ in range(2):
            lifecycle.write("child_ready", child="a", pid=1)
    lifecycle.close()
    assert [(line["event"], line["lost"], line["log_level"]) for line in logged] == [
        ("lifecycle.lost", 1, "error"),
        ("lifecycle.lost", 2, "error"),
    ]


@pytest.fixture
def fifo(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A pipe with a name, and the end of its reader."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    try:
        yield path, reader
    finally:
        os.close(reader)


def test_a_pipe_that_is_full_holds_up_nothing_and_the_reader_gets_whole_events_again_later(
    fifo: tuple[Path, int],
) -> None:
    path, reader = fifo
    lifecycle = Lifecycle(path)
    numbers = range(200)  # Of 60 bytes each, more than there is room for.
    with structlog.testing.capture_logs() as logged:
        for number in numbers:
            lifecycle.write("child_ready", child="a", pid=number)
    came = pids_in(os.read(reader, PIPE_BYTES))
    assert 0 < len(came) < len(numbers)
    assert came == list(numbers[: len(came)])
    assert [(line["event"], line["lost"]) for line in logged] == [
        ("lifecycle.lost", lost + 1) for lost in range(len(numbers) - len(came))
    ]
    assert {line["error"] for line in logged} == {"[Errno 11] the pipe is full; its reader does not read"}
    lifecycle.write("child_ready", child="a", pid=1000)
    lifecycle.close()
    assert pids_in(os.read(reader, PIPE_BYTES)) == [1000]


def test_an_event_of_which_half_found_room_is_lost_and_the_next_one_is_a_line_of_its_own(
    fifo: tuple[Path, int],
) -> None:
    path, reader = fifo
    lifecycle = Lifecycle(path)
    with structlog.testing.capture_logs() as logged:
        lifecycle.write("child_parked", child="a", pid=1, reason="x" * 2 * PIPE_BYTES)
        half = os.read(reader, 2 * PIPE_BYTES)
        lifecycle.write("child_ready", child="a", pid=2)
        lifecycle.close()
    assert half.startswith(b'{"event":"child_parked"')
    assert b"\n" not in half
    rest = os.read(reader, PIPE_BYTES)
    assert rest.startswith(b"\n")
    assert pids_in(rest[1:]) == [2]
    assert [(line["event"], line["lost"]) for line in logged] == [("lifecycle.lost", 1)]


def test_a_pipe_whose_reader_ended_does_not_end_the_tree(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    lifecycle = Lifecycle(path)
    os.close(reader)
    with structlog.testing.capture_logs() as logged:
        lifecycle.write("child_ready", child="a", pid=1)
    lifecycle.close()
    assert [(line["event"], line["lost"], line["error"]) for line in logged] == [
        ("lifecycle.lost", 1, "[Errno 32] Broken pipe")
    ]


def test_a_file_that_was_removed_is_begun_anew_and_a_pipe_is_kept(tmp_path: Path, fifo: tuple[Path, int]) -> None:
    path, reader = fifo
    for to in (path, tmp_path / "l.jsonl"):
        lifecycle = Lifecycle(to)
        assert not lifecycle.is_gone
        to.unlink()
        assert lifecycle.is_gone == (to != path)
        lifecycle.reopen()
        lifecycle.write("child_ready", child="a", pid=1)
        lifecycle.close()
    assert pids_in(os.read(reader, PIPE_BYTES)) == [1]
    assert pids_in((tmp_path / "l.jsonl").read_bytes()) == [1]
    assert not path.exists()


def pids_in(lines: bytes) -> list[int]:
    return [json.loads(line)["pid"] for line in lines.splitlines()]


def test_a_rotation_that_failed_half_way_is_tried_again(tmp_path: Path) -> None:
    file = tmp_path / "l.jsonl"
    lifecycle = Lifecycle(file, rotate_bytes=200)
    for _ in range(2):
        lifecycle.write("child_ready", child="a", pid=1)
    file.rename(tmp_path / "l.jsonl.1")  # As far as it came; then no new file could be made.
    for number in range(4):
        lifecycle.write("child_ready", child="a", pid=number)
    lifecycle.close()
    assert json.loads(file.read_text().splitlines()[-1])["pid"] == 3


def test_secrets_are_masked_in_every_field(tmp_path: Path) -> None:
    lifecycle = Lifecycle(tmp_path / "l.jsonl", redaction=Redaction(["k3y-of-the-owner"]))
    lifecycle.write("child_parked", child="a", pid=7, reason="refused k3y-of-the-owner")
    lifecycle.close()
    assert json.loads((tmp_path / "l.jsonl").read_text())["reason"] == "refused ***"


def test_a_file_that_cannot_be_opened_is_named_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"lifecycle events cannot be written to .*/none/x: No such file"):
        Lifecycle(tmp_path / "none" / "x")
