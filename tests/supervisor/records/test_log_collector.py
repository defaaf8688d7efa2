import fcntl
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.runtime.process.logs import Redaction
from supervisor.records import log_collector
from supervisor.records.lines import MAX_LINE_BYTES, TRIMMED
from supervisor.records.log_collector import DRAIN_S, LINES_A_TURN, READ_BYTES, LogCollector
from supervisor.records.tail import FOLLOWER_BYTES, FOLLOWER_LINES, KEPT_BYTES, KEPT_LINES

PIPE_BYTES = 1024 * 1024


class Life:
    """The writing ends of one life's pipes."""

    def __init__(self, collector: LogCollector, child: str, pid: int) -> None:
        self._collector = collector
        self.pid = pid
        (out, self.stdout), (err, self.stderr) = os.pipe(), os.pipe()
        for fd in (out, err):  # As large as real ones, so that no write of a test has to wait for the reader.
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        collector.attach(child, pid, (out, err))

    async def end(self, printed: bytes = b"", *, stream: str = "stderr", count: int = 0) -> list[str]:
        """Print and end, as a process does; return its last lines."""
        os.write(getattr(self, stream), printed)
        self.close()
        return await self._collector.drain(self.pid, count)

    def close(self) -> None:
        os.close(self.stdout)
        os.close(self.stderr)


class Written:
    """What came out of a collector."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def __call__(self, line: bytes) -> None:
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        self.lines.append(line[:-1])


@asynccontextmanager
async def collecting(written: Written, *secrets: str) -> AsyncIterator[LogCollector]:
    async with trio.open_nursery() as nursery:
        yield LogCollector(nursery, redaction=Redaction(secrets), write=written)


def events(lines: list[str]) -> list[str]:
    return [json.loads(line)["event"] for line in lines]


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    before = open_descriptors()
    yield
    assert open_descriptors() == before


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@contextmanager
def running(program: str, collector: LogCollector, child: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Python program as the life of a child."""
    (out, stdout), (err, stderr) = os.pipe(), os.pipe()
    with subprocess.Popen([sys.executable, "-c", program], stdout=stdout, stderr=stderr) as process:
        os.close(stdout)
        os.close(stderr)
        collector.attach(child, process.pid, (out, err))
        yield process


async def test_both_streams_of_a_life_become_lines_that_say_whose_they_are() -> None:
    written = Written()
    async with collecting(written) as collector:
        life = Life(collector, "public", 7)
        os.write(life.stdout, b"hel")
        os.write(life.stdout, b"lo\n")
        await life.end(b'{"event":"feed.up"}\nlast words')
    seen = [json.loads(line) for line in written.lines]
    assert sorted((line.get("stream", ""), line["event"]) for line in seen) == [
        ("", "feed.up"),
        ("stderr", "last words"),
        ("stdout", "hello"),
    ]
    assert {line["pid"] for line in seen if "stream" in line} == {7}
    assert b'{"event":"feed.up"}' in written.lines


async def test_the_tail_goes_on_over_lives_and_the_end_of_one_tells_its_own_last_lines() -> None:
    async with collecting(Written()) as collector:
        await Life(collector, "public", 7).end(b"one\ntwo\n")
        third = await Life(collector, "public", 8).end(b"three\nfour\nfive\n", count=2)
        await Life(collector, "private", 9).end(b"other\n")
        next_one = await Life(collector, "public", 10).end(b"six\n", count=2)
    assert events(collector.tail("public", 10)) == ["one", "two", "three", "four", "five", "six"]
    assert events(collector.tail("public", 2)) == ["five", "six"]
    assert (events(third), events(next_one)) == (["four", "five"], ["six"])
    assert collector.tail("public", 0) == []
    assert collector.tail("nobody", 10) == []


async def test_the_tail_is_bounded_in_lines() -> None:
    async with collecting(Written()) as collector:
        await Life(collector, "public", 7).end(b"".join(b"%d\n" % number for number in range(2 * KEPT_LINES)))
    tail = events(collector.tail("public", 10 * KEPT_LINES))
    assert tail == [str(number) for number in range(KEPT_LINES, 2 * KEPT_LINES)]


async def test_the_tail_is_bounded_in_size_and_keeps_the_newest_line_whatever_its_size() -> None:
    async with collecting(Written()) as collector:
        life = Life(collector, "public", 7)
        os.write(life.stderr, (b"x" * 30_000 + b"\n") * 20)
        await life.end(b"\x01" * (MAX_LINE_BYTES - 1))
    (newest,) = collector.tail("public", 100)
    assert len(newest) > KEPT_BYTES  # Each of these bytes is six in JSON.
    async with collecting(Written()) as collector:
        await Life(collector, "public", 7).end((b"x" * 30_000 + b"\n") * 2)
        assert len(collector.tail("public", 100)) == 2


async def test_five_megabytes_without_a_newline_are_one_cut_line() -> None:
    written = Written()
    program = "import sys; sys.stdout.write('x' * 5_000_000)"
    async with collecting(written) as collector:
        with running(program, collector, "public") as process:
            assert await trio.to_thread.run_sync(process.wait) == 0
            await collector.drain(process.pid)
    (line,) = written.lines
    assert json.loads(line)["event"] == "x" * (MAX_LINE_BYTES - TRIMMED) + " [cut]"
    assert collector.lines_cut == 1


async def test_a_secret_is_in_no_line_and_no_tail() -> None:
    written = Written()
    async with collecting(written, "k3y-of-the-owner") as collector:
        await Life(collector, "private", 7).end(b'k3y-of-the-owner\n{"a":"k3y-of-the-owner"}\n')
    assert len(written.lines) == 2
    assert not any(
        "k3y-of-the-owner" in line for line in [*map(bytes.decode, written.lines), *collector.tail("private", 9)]
    )


async def test_a_pipe_that_a_grandchild_holds_is_given_up(autojump_clock: MockClock) -> None:
    written = Written()
    with no_descriptor_left():
        async with collecting(written) as collector:
            life = Life(collector, "public", 7)
            os.write(life.stdout, b"last words\nand a bit")
            started_s = trio.current_time()
            await collector.drain(7)
            assert trio.current_time() - started_s == pytest.approx(DRAIN_S)
            assert events(collector.tail("public", 9)) == ["last words", "and a bit"]
            with pytest.raises(BrokenPipeError):
                os.write(life.stdout, b"too late\n")
            life.close()


async def test_a_pipe_that_ends_costs_no_wait(autojump_clock: MockClock) -> None:
    async with collecting(Written()) as collector:
        started_s = trio.current_time()
        await Life(collector, "public", 7).end(b"x\n" * 5000)
        assert trio.current_time() == started_s
        await collector.drain(7)  # Nothing is left to wait for.


async def test_a_cancelled_tree_leaves_no_descriptor() -> None:
    with no_descriptor_left():
        async with trio.open_nursery() as nursery:
            collector = LogCollector(nursery, redaction=Redaction(), write=Written())
            life = Life(collector, "public", 7)
            nursery.cancel_scope.cancel()
        life.close()


async def test_a_follower_gets_what_comes_and_nothing_from_before() -> None:
    async with collecting(Written()) as collector:
        await Life(collector, "public", 7).end(b"before\n")
        follower = collector.follow("public")
        await Life(collector, "public", 8).end(b"one\ntwo\n")
        assert events(await follower.receive()) == ["one", "two"]
        follower.close()
        await Life(collector, "public", 9).end(b"after\n")
        with trio.move_on_after(0):
            raise AssertionError(await follower.receive())


async def test_a_slow_follower_loses_the_oldest_lines_and_is_told_how_many() -> None:
    async with collecting(Written()) as collector:
        slow, quick = collector.follow("public"), collector.follow("public")
        await Life(collector, "public", 7).end(b"x\n" * FOLLOWER_LINES)
        assert len(await quick.receive()) == FOLLOWER_LINES
        await Life(collector, "public", 8).end(b"y\n" * 10)
        lines = await slow.receive()
        notice = json.loads(lines[0])
        assert (notice["event"], notice["lines"]) == ("follow.lost", 10)
        assert events(lines[1:]) == ["x"] * (FOLLOWER_LINES - 10) + ["y"] * 10
        assert events(await quick.receive()) == ["y"] * 10


async def test_a_slow_follower_costs_bounded_memory() -> None:
    async with collecting(Written()) as collector:
        follower = collector.follow("public")
        for pid in range(40):
            await Life(collector, "public", pid).end(b"x" * 60_000)
        lines = await follower.receive()
    assert 1 < len(lines) < 40
    assert sum(map(len, lines[1:])) <= FOLLOWER_BYTES


async def test_a_removed_child_is_forgotten_and_its_followers_are_told() -> None:
    async with collecting(Written()) as collector:
        await Life(collector, "public", 7).end(b"before\n")
        follower = collector.follow("public")
        collector.forget("public")
        collector.forget("nobody")
        assert collector.tail("public", 9) == []
        assert events(await follower.receive()) == ["child.removed"]
        await Life(collector, "public", 8).end(b"added again\n")
        assert events(await follower.receive()) == ["added again"]


@pytest.mark.parametrize("is_followed", [False, True])
async def test_a_child_that_is_removed_at_once_is_read_to_its_end_and_its_lines_are_told(is_followed: bool) -> None:
    written = Written()
    async with collecting(written) as collector:
        life = Life(collector, "public", 7)
        os.write(life.stderr, b"before\n")
        await wait_all_tasks_blocked()
        follower = collector.follow("public") if is_followed else None
        collector.forget("public")
        added_again = Life(collector, "public", 8)
        assert events(await life.end(b"last words\n", count=9)) == ["before", "last words"]
        await added_again.end(b"new\n")
        assert events(collector.tail("public", 9)) == ["new"]
        if follower is not None:
            assert events(await follower.receive()) == ["child.removed", "last words", "new"]
    assert len(written.lines) == 3


@pytest.mark.parametrize("has_lived", [False, True])
async def test_nothing_is_kept_of_a_removed_child_once_nobody_follows_it_any_more(has_lived: bool) -> None:
    async with collecting(Written()) as collector:
        if has_lived:
            await Life(collector, "public", 7).end(b"before\n")
        followers = [collector.follow("public") for _ in range(2)]
        collector.forget("public")
        for follower in followers:
            assert list(collector._tails) == ["public"]
            follower.close()
        assert not collector._tails


async def test_who_follows_no_more_costs_a_child_none_of_its_lines() -> None:
    async with collecting(Written()) as collector:
        follower = collector.follow("public")
        life = Life(collector, "public", 7)
        follower.close()
        await life.end(b"printed later\n")
        assert events(collector.tail("public", 9)) == ["printed later"]


async def test_what_a_dead_life_printed_is_read_however_late_the_reader_has_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_collector, "DRAIN_S", 0.0)
    written = Written()
    async with collecting(written) as collector:
        life = Life(collector, "public", 7)
        held = os.dup(life.stdout)
        os.write(life.stdout, b"more than one read takes\n" * 1000)
        await life.end(b"last words\n")
        os.close(held)
    assert sorted(json.loads(line)["event"] for line in written.lines) == [
        "last words",
        *["more than one read takes"] * 1000,
    ]


async def test_many_short_lines_leave_the_others_their_turns() -> None:
    written = Written()
    async with collecting(written) as collector:
        life = Life(collector, "public", 7)
        os.write(life.stdout, b"\n" * READ_BYTES)
        done = [0]
        while done[-1] < READ_BYTES:
            await trio.lowlevel.checkpoint()
            done.append(len(written.lines))
        await life.end()
    # Trio shuffles who is first in each round: one may have two turns between two of another.
    assert max(after - before for before, after in pairwise(done)) <= 2 * LINES_A_TURN


async def test_lines_that_take_several_turns_come_in_order_and_with_the_time_of_their_read() -> None:
    written = Written()
    numbers = [str(number) for number in range(10 * LINES_A_TURN)]
    async with collecting(written) as collector:
        await Life(collector, "public", 7).end("\n".join(numbers).encode())
    seen = [json.loads(line) for line in written.lines]
    assert [line["event"] for line in seen] == numbers
    assert len({line["time"] for line in seen}) == 2  # One read, and the end behind the last newline.


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_lines_that_were_read_and_wait_for_their_turn_are_not_lost(
    is_cancelled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_collector, "DRAIN_S", 0.0)
    written = Written()
    async with collecting(written) as collector:
        life = Life(collector, "public", 7)
        os.write(life.stdout, b"\n" * READ_BYTES)
        while not written.lines:
            await trio.lowlevel.checkpoint()
        if is_cancelled:
            collector._nursery.cancel_scope.cancel()
        else:
            await collector.drain(7)  # Somebody else holds the pipe.
        life.close()
    assert len(written.lines) == READ_BYTES


async def test_a_flood_of_one_child_holds_up_no_other() -> None:
    written = Written()
    program = "import os\nwhile True: os.write(1, b'flood\\n' * 100)"
    async with collecting(written) as collector:
        with running(program, collector, "flood") as process:
            flood = collector.follow("flood")
            while len(collector.tail("flood", KEPT_LINES)) < KEPT_LINES:
                await flood.receive()
            follower = collector.follow("public")
            await Life(collector, "public", process.pid + 1).end(b"calm\n")
            assert events(await follower.receive()) == ["calm"]
            process.kill()
            await trio.to_thread.run_sync(partial(process.wait, 10))
            await collector.drain(process.pid)
    assert len(collector.tail("flood", 1000)) == KEPT_LINES
