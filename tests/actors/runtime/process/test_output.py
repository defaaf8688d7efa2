import itertools
import os
import select
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.runtime.process.counters import Counters
from actors.runtime.process.output import ATOMIC_BYTES, DROPPED, PipeWriter, redirect_output, report_uncaught


class Pipe:
    """A pipe, a writer into it, and what it drops."""

    def __init__(self) -> None:
        self.read_fd, self.write_fd = os.pipe()
        self.counters = Counters()
        self.writer = PipeWriter(self.write_fd, self.counters)
        self.pieces: list[bytes] = []

    def take(self) -> bytes:
        """Read all that is there."""
        taken = b""
        while select.select([self.read_fd], [], [], 0)[0] and (chunk := os.read(self.read_fd, 1 << 20)):
            taken += chunk
        return taken

    def fill(self) -> None:
        """Write lines until none fits."""
        for size in (ATOMIC_BYTES // 2, 1):
            before = self.dropped()
            while self.dropped() == before:
                self.writer.write_line(b"x" * (size - 1) + b"\n")

    def dropped(self) -> float:
        return self.counters.snapshot().get(DROPPED, 0)

    def close(self) -> None:
        os.close(self.writer._fd)
        os.close(self.read_fd)
        os.close(self.write_fd)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def recorded_writes(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Write down each write to the pipe; they all go through."""
    writes: list[bytes] = []

    def write(_fd: int, piece: bytes) -> int:
        writes.append(bytes(piece))
        return len(piece)

    monkeypatch.setattr(os, "write", write)
    return writes


@given(lines=st.lists(st.integers(0, 2 * ATOMIC_BYTES), max_size=12), last=st.integers(0, 20))
def test_a_line_that_fits_in_one_write_is_never_split(lines: list[int], last: int) -> None:
    pipe = Pipe()
    with pytest.MonkeyPatch.context() as patch:
        writes = recorded_writes(pipe, patch)
        text = b"".join(b"x" * size + b"\n" for size in lines) + b"y" * last
        assert pipe.writer.write(text) == len(text)
    pipe.close()
    assert b"".join(writes) == text
    assert all(len(piece) <= ATOMIC_BYTES for piece in writes)
    for before, after in itertools.pairwise(writes):
        line = before.rpartition(b"\n")[2] + after.partition(b"\n")[0]
        assert before.endswith(b"\n") or len(line) >= ATOMIC_BYTES - 1


def test_a_full_pipe_blocks_nobody_and_what_is_dropped_is_counted(pipe: Pipe) -> None:
    pipe.fill()
    before = pipe.dropped()
    pipe.writer.write(b"a\nb\nc\n")
    pipe.writer.write(b"d")
    assert pipe.dropped() - before == 4
    assert set(pipe.take()) == set(b"x\n")
    pipe.writer.write_line(b"after\n")
    assert pipe.take() == b"after\n"


def test_a_line_of_which_the_end_was_dropped_swallows_no_other(pipe: Pipe) -> None:
    pipe.writer.write_line(b"a" * (1 << 20) + b"\n")
    pipe.writer.write_line(b"too late\n")  # Nobody has read.
    cut = pipe.take()
    assert set(cut) == set(b"a")
    assert pipe.dropped() == 2
    pipe.writer.write_line(b"one\n")
    pipe.writer.write_line(b"two\n")
    assert pipe.take() == b"\none\ntwo\n"


def test_a_line_that_was_begun_and_not_dropped_goes_on(pipe: Pipe) -> None:
    pipe.writer.write(b"half ")
    pipe.writer.write(b"and half\n")
    assert pipe.take() == b"half and half\n"


def test_a_reader_that_is_gone_is_no_error(pipe: Pipe) -> None:
    reader = os.dup(pipe.read_fd)
    os.close(pipe.read_fd)
    os.close(reader)
    pipe.writer.write_line(b"x\n")
    assert pipe.dropped() == 1
    pipe.read_fd = os.open(os.devnull, os.O_RDONLY)  # To be closed in its place.


def test_the_pipe_itself_still_blocks_for_programs_that_are_started_with_it(pipe: Pipe) -> None:
    assert pipe.writer.fileno() == pipe.write_fd
    assert os.get_blocking(pipe.write_fd)
    assert not os.get_blocking(pipe.writer._fd)


def test_lines_of_threads_do_not_mix(pipe: Pipe) -> None:
    lines = {bytes([letter]) * (3 * ATOMIC_BYTES) for letter in b"abcd"}
    threads = [threading.Thread(target=pipe.writer.write_line, args=(line + b"\n",)) for line in lines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(pipe.take().splitlines()) == lines


@pytest.fixture
def _own_streams() -> Iterator[None]:
    streams = sys.stdout, sys.stderr
    hooks = sys.excepthook, sys.unraisablehook, threading.excepthook
    yield
    sys.stdout, sys.stderr = streams
    sys.excepthook, sys.unraisablehook, threading.excepthook = hooks


@pytest.mark.usefixtures("_own_streams")
def test_a_print_is_one_write_and_odd_characters_are_spelt_out(capfd: pytest.CaptureFixture[str]) -> None:
    counters = Counters()
    stderr = redirect_output(counters)
    made = sys.stdout
    print("one", "two\nthree", "\udc80")
    print("to stderr", file=sys.stderr)
    stderr.write_line(b"logged\n")
    made.buffer.write(b"bytes\n")
    output = capfd.readouterr()
    assert output.out == "one two\nthree \\udc80\nbytes\n"
    assert output.err == "to stderr\nlogged\n"
    assert counters.snapshot() == {}


@pytest.mark.usefixtures("_own_streams")
def test_what_nobody_caught_is_reported_wherever_it_happens() -> None:
    reported: list[tuple[str, str]] = []
    report_uncaught(lambda where, error: reported.append((where, repr(error))))
    sys.excepthook(ValueError, ValueError("main"), None)
    threading.excepthook(threading.ExceptHookArgs((ValueError, ValueError("thread"), None, None)))
    threading.excepthook(threading.ExceptHookArgs((SystemExit, None, None, None)))
    sys.unraisablehook(unraisable(ValueError("in __del__"), None))
    sys.unraisablehook(unraisable(ValueError("callback"), "error in a callback"))
    sys.unraisablehook(unraisable(None, "nothing"))
    assert reported == [
        ("uncaught", "ValueError('main')"),
        ("thread ?", "ValueError('thread')"),
        ("ignored", "ValueError('in __del__')"),
        ("error in a callback", "ValueError('callback')"),
    ]


def unraisable(value: BaseException | None, message: str | None) -> Any:
    """What `sys.unraisablehook` is given."""
    return SimpleNamespace(exc_type=type(value), exc_value=value, exc_traceback=None, err_msg=message, object=None)
