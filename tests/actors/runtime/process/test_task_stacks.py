"""Where tasks wait, as the owner of a hanging actor reads it."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
import trio
import trio.testing

from actors.runtime.process.task_stacks import MAX_CHARS, MAX_FRAMES, write_tasks


@pytest.fixture
def dump() -> Iterator[int]:
    fd = os.memfd_create("dump")
    yield fd
    os.close(fd)


async def written(dump: int, actor: Callable[[], Awaitable[object]]) -> list[list[str]]:
    """What is written of an actor that waits, one list of lines for each task."""
    async with trio.open_nursery() as runtime:

        async def show() -> None:
            await trio.testing.wait_all_tasks_blocked()
            write_tasks(dump, runtime)
            runtime.cancel_scope.cancel()

        runtime.start_soon(show)
        runtime.start_soon(trio.sleep_forever)
        await actor()
    text = os.pread(dump, 1 << 20, 0).decode()
    assert text.startswith("\n")  # A blank line from the threads before it.
    assert text.endswith("\n")
    return [part.splitlines() for part in text.strip("\n").split("\n\n")]


async def waits() -> None:
    await trio.sleep_forever()


async def test_the_main_task_is_shown_with_its_newest_call_first(dump: int) -> None:
    (main,) = await written(dump, waits)
    assert main[0] == "Main task (most recent call first):"
    names = [line.rpartition(" in ")[2] for line in main[1:]]
    assert names[:3] == ["sleep_forever", "waits", "written"]
    line = waits.__code__.co_firstlineno + 1
    assert f'  File "{__file__}", line {line} in waits' in main


async def test_tasks_that_the_actor_began_follow_each_behind_the_one_that_began_it(dump: int) -> None:
    async def begins_one() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(waits, name="grandchild")
            await trio.sleep_forever()

    async def actor() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(waits, name="second")
            nursery.start_soon(begins_one, name="first")
            await trio.sleep_forever()

    main, *others = await written(dump, actor)
    assert any(line.endswith("<locals>.actor") for line in main)
    assert [lines[0] for lines in others] == [
        f"Task {name} (most recent call first):" for name in ("first", "grandchild", "second")
    ]
    assert all(len(lines) > 1 for lines in others)


async def test_the_runtimes_own_tasks_are_left_out(dump: int) -> None:
    assert len(await written(dump, waits)) == 1


async def test_a_task_that_waits_in_an_iterator_is_shown_through_it(dump: int) -> None:
    async def events() -> AsyncIterator[int]:
        await trio.sleep_forever()
        yield 1

    async def actor() -> None:
        async for _event in events():
            pass

    (main,) = await written(dump, actor)
    assert any(line.endswith("<locals>.events") for line in main)


async def test_very_many_tasks_and_calls_are_cut(dump: int) -> None:
    async def deep(levels: int) -> None:
        if levels:
            await deep(levels - 1)
        await trio.sleep_forever()

    async def actor() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(1000):
                nursery.start_soon(waits)
            await deep(MAX_FRAMES)

    main, *others = await written(dump, actor)
    assert len(main) == MAX_FRAMES + 2
    assert main[-1] == "  ..."
    assert others[-1] == [f"... and {1000 - len(others) + 1} tasks more"]
    assert MAX_CHARS * 0.9 < os.fstat(dump).st_size < MAX_CHARS * 1.1


async def test_memory_that_cannot_be_written_ends_nothing() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    async with trio.open_nursery() as runtime:
        write_tasks(full, runtime)
    os.close(full)


async def test_a_process_without_memory_shows_nothing_and_goes_on(dump: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_memory(_task: object) -> Iterator[object]:
        raise MemoryError

    monkeypatch.setattr(trio.lowlevel.Task, "iter_await_frames", without_memory)
    async with trio.open_nursery() as runtime:
        write_tasks(dump, runtime)
    assert os.fstat(dump).st_size == 0
