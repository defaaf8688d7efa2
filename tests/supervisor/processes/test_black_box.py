import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from protocols.control.black_box import BoxWriter
from supervisor.processes.black_box import MAX_DUMP_BYTES, BlackBox
from supervisor.processes.spawning import Spawner
from tests.supervisor.processes.stage import open_descriptors, stage, until


@pytest.fixture
def box() -> Iterator[BlackBox]:
    before = open_descriptors()
    made = BlackBox("a")
    yield made
    made.close()
    assert open_descriptors() == before


def test_what_is_written_at_one_end_is_read_at_the_other(box: BlackBox) -> None:
    assert box.contents().pid == 0
    writer = BoxWriter(memoryview(box._memory))
    writer.begin(77)
    writer.phase("running")
    assert (box.contents().pid, box.contents().phase) == (77, "running")
    writer._buffer.release()  # type: ignore[union-attr]  # it is a view here


def test_a_dump_is_read_from_where_it_began(box: BlackBox) -> None:
    os.write(box.dump_fd, b"first\n")
    begin = box.dump_size()
    os.write(box.dump_fd, b"second\n")
    assert box.dump_text(begin) == "second\n"
    assert box.dump_text() == "first\nsecond\n"


def test_of_very_many_dumps_the_end_is_shown(box: BlackBox) -> None:
    os.write(box.dump_fd, b"x" * MAX_DUMP_BYTES + b"end")
    assert len(box.dump_text()) == MAX_DUMP_BYTES
    assert box.dump_text().endswith("end")


def test_after_a_clear_the_next_dump_is_written_at_the_beginning(box: BlackBox) -> None:
    child = os.dup(box.dump_fd)  # What a child has: the same open file.
    os.write(child, b"old")
    box.clear_dump()
    os.write(child, b"new")
    assert box.dump_text() == "new"
    os.close(child)


def test_a_closed_box_is_an_empty_one(box: BlackBox) -> None:
    os.write(box.dump_fd, b"stacks")
    box.close()
    assert (box.dump_size(), box.dump_text(), box.contents().pid) == (0, "", 0)


def test_a_box_that_cannot_be_made_leaves_no_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    before = open_descriptors()
    make = os.memfd_create

    def second_fails(name: str, flags: int) -> int:
        if "dump" in name:
            raise OSError(24, "Too many open files")
        return make(name, flags)

    monkeypatch.setattr(os, "memfd_create", second_fails)
    with pytest.raises(OSError, match="Too many open files"):
        BlackBox("a")
    assert open_descriptors() == before


async def test_a_dump_that_is_asked_for_in_the_moment_of_death_is_harmless(spawner: Spawner, tmp_path: Path) -> None:
    async with stage(spawner, tmp_path) as lives:
        a = await lives.start("shows_no_stacks").ready()  # So that the dump is waited for.

        async def die() -> None:
            a.kill(signal.SIGKILL)
            await a.ended()
            a.life.close()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(die)
            assert await a.life.dump() == ""


async def test_a_process_that_is_stopped_is_not_waited_for(spawner: Spawner, tmp_path: Path) -> None:
    async with stage(spawner, tmp_path) as lives:
        a = await lives.start("idle").ready()
        a.kill(signal.SIGSTOP)
        await until(a.life._process.is_stopped)
        assert await a.life.dump() == ""
        a.kill(signal.SIGCONT)
        await until(lambda: not a.life._process.is_stopped())
        assert "Current thread" in await a.life.dump()


async def test_dumps_do_not_grow_without_end(spawner: Spawner, tmp_path: Path) -> None:
    async with stage(spawner, tmp_path) as lives:
        a = await lives.start("idle").ready()
        os.write(a.life.box.dump_fd, b"x" * (MAX_DUMP_BYTES + 1))
        assert "most recent call first" in await a.life.dump()
        assert a.life.box.dump_size() < MAX_DUMP_BYTES
