import fcntl
import json
import os
import threading
from collections.abc import Iterator

import pytest
import trio

from actors.runtime.process.logs import Redaction
from supervisor.records.log_collector import LogCollector
from supervisor.records.log_writer import ATOMIC_BYTES, LogWriter

PIPE_BYTES = 4096
LINE = b'{"event":"' + b"x" * 100 + b'"}\n'


class Pipe:
    """A small pipe to stand for stderr."""

    def __init__(self) -> None:
        self.out, self.into = os.pipe()
        fcntl.fcntl(self.into, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def read_until(self, end: bytes) -> bytes:
        seen = b""
        while not seen.endswith(end):
            chunk = os.read(self.out, 65536)
            assert chunk, f"ended after {seen[-200:]!r}"
            seen += chunk
        return seen

    def close(self) -> None:
        os.close(self.out)
        # A writer that is still at it fails now; closed before, its descriptor could be that of the next test.
        for thread in threading.enumerate():
            if thread.name == "log-writer":
                thread.join(20)
                assert not thread.is_alive()
        os.close(self.into)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


def test_lines_are_written_whole_and_in_order(pipe: Pipe) -> None:
    with LogWriter(pipe.into) as log:
        for number in range(1000):
            log.write(b"line %d\n" % number)
        seen = pipe.read_until(b"line 999\n")
    assert seen == b"".join(b"line %d\n" % number for number in range(1000))
    assert log.dropped == 0


def test_a_write_holds_whole_lines_and_goes_into_a_pipe_in_one_piece(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[bytes] = []
    is_first, may_go_on = threading.Event(), threading.Event()

    def write(_fd: int, data: memoryview) -> int:
        writes.append(bytes(data))
        is_first.set()
        may_go_on.wait(10)
        return len(data)

    monkeypatch.setattr("os.write", write)
    with LogWriter(pipe.into) as log:
        log.write(b"first\n")
        assert is_first.wait(10)
        long = b"y" * (2 * ATOMIC_BYTES) + b"\n"
        for line in (LINE, long, *[LINE] * 100):
            log.write(line)
        may_go_on.set()
    assert b"".join(writes) == b"first\n" + LINE + long + LINE * 100
    assert all(data.endswith(b"\n") for data in writes)
    assert all(len(data) <= ATOMIC_BYTES or data.count(b"\n") == 1 for data in writes)


def test_a_reader_that_stands_still_costs_the_oldest_lines_and_is_told_how_many(pipe: Pipe) -> None:
    with LogWriter(pipe.into, max_bytes=10_000) as log:
        for _ in range(1000):
            log.write(LINE)
        assert log.dropped > 0
        log.write(b'{"event":"newest"}\n')
        seen = [json.loads(line) for line in pipe.read_until(b'"newest"}\n').splitlines()]
        told = [line["lines"] for line in seen if line["event"] == "log.dropped"]
        assert sum(told) == log.dropped
        assert len(seen) - len(told) + log.dropped == 1001


async def test_a_reader_that_stands_still_never_holds_up_the_loop_or_a_child(pipe: Pipe) -> None:
    with LogWriter(pipe.into, max_bytes=50_000, flush_s=0.01) as log:
        async with trio.open_nursery() as nursery:
            collector = LogCollector(nursery, redaction=Redaction(), write=log.write)
            (out, stdout), (err, stderr) = os.pipe(), os.pipe()
            collector.attach("public", 7, (out, err))
            os.close(stderr)
            with open(stdout, "wb", buffering=0) as child:  # noqa: ASYNC230, PTH123 - written by a thread
                with trio.fail_after(20):
                    for _ in range(100):
                        await trio.to_thread.run_sync(child.write, LINE * 500)
            await collector.drain(7)
        assert log.dropped > 40_000
        assert len(collector.tail("public", 500)) == 500


def test_a_reader_that_never_reads_again_holds_up_the_end_for_its_limit_only(pipe: Pipe) -> None:
    ended = threading.Event()

    def run() -> None:
        with LogWriter(pipe.into, flush_s=0.05) as log:
            for _ in range(1000):
                log.write(LINE)
        ended.set()

    runner = threading.Thread(target=run)
    runner.start()
    assert ended.wait(20)
    runner.join(20)


def test_what_is_queued_at_the_end_is_written(pipe: Pipe) -> None:
    seen: list[bytes] = []
    reader = threading.Thread(target=lambda: seen.append(pipe.read_until(b"last\n")))
    reader.start()
    with LogWriter(pipe.into, flush_s=20) as log:
        for _ in range(500):
            log.write(LINE)
        log.write(b"last\n")
    reader.join(20)
    assert seen == [LINE * 500 + b"last\n"]


def test_a_reader_that_is_gone_costs_lines_and_nothing_else() -> None:
    pipe = Pipe()
    os.close(pipe.out)
    with LogWriter(pipe.into, flush_s=20) as log:
        for _ in range(10):
            log.write(LINE)
    assert log.dropped == 10
    os.close(pipe.into)


def test_a_full_disk_costs_lines_that_are_counted() -> None:
    fd = os.open("/dev/full", os.O_WRONLY)
    with LogWriter(fd, flush_s=20) as log:
        log.write(LINE)
    assert log.dropped == 1
    os.close(fd)


def test_a_descriptor_that_somebody_made_non_blocking_loses_nothing(pipe: Pipe) -> None:
    os.set_blocking(pipe.into, False)
    with LogWriter(pipe.into, flush_s=20) as log:
        for _ in range(1000):
            log.write(LINE)
        log.write(b"last\n")
        assert pipe.read_until(b"last\n") == LINE * 1000 + b"last\n"
    assert log.dropped == 0
