"""Every way to end of a process, over every way to make one."""

import select
import signal
from functools import partial
from pathlib import Path

import psutil
import pytest
import trio

from protocols.control.messages import Failed, Ready
from supervisor.machine.causes import Cause, Exit
from supervisor.processes.limits import apply_limits
from supervisor.processes.spawning import Spawner
from supervisor.specs.spec import ChildSpec
from tests.supervisor.processes.stage import LIMIT_S, stage, title_of, until


async def test_a_child_starts_says_that_it_is_ready_and_ends_when_it_is_asked(spawner: Spawner, tmp_path: Path) -> None:
    async with stage(spawner, tmp_path) as lives:
        a = await lives.start("idle").ready()
        assert a.told == [Ready(a.life.pid)]
        assert title_of(a.life.pid) == "upbitd: a"
        await a.life.stop(LIMIT_S)
        assert await a.ended() == Exit(code=0, signal=None)
        assert a.life.rung == "asked"


@pytest.mark.parametrize("code", [0, 1, 2, 75, 255])
async def test_an_exit_code_is_told_as_it_is(spawner: Spawner, tmp_path: Path, code: int) -> None:
    async with stage(spawner, tmp_path) as lives:
        assert await lives.start("ends", code=code).ended() == Exit(code=code, signal=None)


async def test_an_error_is_told_by_its_last_words(spawner: Spawner, tmp_path: Path) -> None:
    async with stage(spawner, tmp_path) as lives:
        a = lives.start("fails")
        assert await a.ended() == Exit(code=1, signal=None, summary="ValueError: deliberate")
        (failed,) = a.told
        assert isinstance(failed, Failed)
        assert 'raise ValueError("deliberate")' in failed.traceback


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT])
async def test_a_signal_is_told_by_its_number(spawner: Spawner, tmp_path: Path, number: signal.Signals) -> None:
    async with stage(spawner, tmp_path) as lives:
        a = await lives.start("idle").ready()
        a.kill(number)
        ended = await a.ended()
        assert (ended.code, ended.signal) == (None, number)
        assert ended.cause is (Cause.KILLED if number == signal.SIGKILL else Cause.SIGNAL)


async def test_children_that_end_together_while_another_starts_keep_their_own_ends(
    spawner: Spawner, tmp_path: Path
) -> None:
    numbers = [signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV, signal.SIGKILL, signal.SIGILL]
    async with stage(spawner, tmp_path) as lives:
        children = [await lives.start("idle", name).ready() for name in "abcde"]
        for child, number in zip(children, numbers, strict=True):
            child.kill(number)
        for child in children:
            select.select([child.life._process.pidfd], [], [], LIMIT_S)
        # `multiprocess` collects at each start whoever has ended; the first start is time for a fork server to tell.
        late = [lives.start("idle", name) for name in "fg"]
        assert [(await child.ended()).signal for child in children] == numbers
        for child in late:
            await child.ready()


async def test_a_stopped_process_is_killed_at_the_end_of_the_ladder(spawner: Spawner, tmp_path: Path) -> None:
    async with stage(spawner, tmp_path) as lives:
        a = await lives.start("idle").ready()
        a.kill(signal.SIGSTOP)
        with trio.fail_after(LIMIT_S):
            await a.life.stop(0.2)
        assert (await a.ended()).signal == signal.SIGKILL
        assert a.life.rung == "sigkill"


async def test_a_segmentation_fault_leaves_its_stack(spawner: Spawner, tmp_path: Path) -> None:
    async with stage(spawner, tmp_path) as lives:
        a = lives.start("touches_nothing")
        assert (await a.ended()).signal == signal.SIGSEGV
        text = a.life.box.dump_text()
        assert text.startswith("Fatal Python error: Segmentation fault")
        assert "in touches_nothing" in text


async def test_a_child_that_is_blocked_in_c_shows_its_stack_before_it_is_killed(
    spawner: Spawner, tmp_path: Path
) -> None:
    async with stage(spawner, tmp_path) as lives:
        a = await lives.blocked()
        with trio.fail_after(LIMIT_S):
            await a.life.kill(dump=True)
        assert (await a.ended()).signal == signal.SIGKILL
        assert "in blocked_in_c" in a.life.box.dump_text()
        assert a.life.box.contents().phase == "running"


async def test_a_living_child_shows_the_stacks_of_all_threads_and_goes_on(spawner: Spawner, tmp_path: Path) -> None:
    async with stage(spawner, tmp_path) as lives:
        a = await lives.start("busy_thread").ready()
        texts = [await a.life.dump() for _ in range(3)]
        for text in texts:
            assert "in a_thread_that_waits" in text
            assert text.count("Current thread") == 1  # Each dump is shown without those before it.
        beats = a.life.box.contents().beats
        await until(lambda: a.life.box.contents().beats > beats)


async def test_a_living_child_shows_where_its_tasks_wait_and_one_that_is_blocked_does_not(
    spawner: Spawner, tmp_path: Path
) -> None:
    async with stage(spawner, tmp_path) as lives:
        a = await lives.start("idle").ready()
        await a.beat()
        for _ in range(3):
            threads, main, tasks = (await a.life.dump()).partition("\nMain task (most recent call first):\n")
            assert threads.startswith(("Current thread", "Thread"))
            assert main
            assert " in idle\n" in tasks
        assert a.life.box.dump_size() == 0  # Somebody looked; it is not what it did at its end.
        blocked = await lives.blocked("b")
        text = await blocked.life.dump()
        assert "in blocked_in_c" in text
        assert "Main task" not in text


async def test_who_asks_for_a_dump_while_one_is_made_gets_the_same(spawner: Spawner, tmp_path: Path) -> None:
    async with stage(spawner, tmp_path) as lives:
        a = await lives.start("idle").ready()
        await a.beat()
        texts: list[str] = []

        async def ask() -> None:
            texts.append(await a.life.dump())

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(ask)
        assert texts[0].count("Current thread") == 1
        assert texts == [texts[0]] * 3


async def test_a_dump_goes_on_for_the_others_when_the_one_who_asked_first_goes_away(
    spawner: Spawner, tmp_path: Path
) -> None:
    async with stage(spawner, tmp_path) as lives:
        a = await lives.start("idle").ready()
        await a.beat()
        first = trio.CancelScope()

        async def ask_and_go() -> None:
            with first:
                await a.life.dump()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask_and_go)
            await until(lambda: a.life._dumping)
            nursery.start_soon(trio.lowlevel.checkpoint)
            first.cancel()
            assert "Current thread" in await a.life.dump()


async def test_an_operators_dump_leaves_the_stacks_of_a_kill(spawner: Spawner, tmp_path: Path) -> None:
    async with stage(spawner, tmp_path) as lives:
        a = await lives.start("stubborn").ready()
        await a.beat()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(a.life.dump)
            await trio.lowlevel.checkpoint()
            nursery.start_soon(partial(a.life.kill, dump=True))
        assert (await a.ended()).signal == signal.SIGKILL
        assert " in stubborn\n" in a.life.box.dump_text()


async def test_a_child_that_does_not_end_when_asked_shows_what_it_waits_for(spawner: Spawner, tmp_path: Path) -> None:
    async with stage(spawner, tmp_path) as lives:
        a = await lives.start("stubborn").ready()
        await a.beat()
        with trio.fail_after(LIMIT_S):
            await a.life.stop(0.2)
        assert (await a.ended()).signal == signal.SIGKILL
        _threads, _main, tasks = a.life.box.dump_text().partition("\nMain task")
        assert " in stubborn\n" in tasks


async def test_memory_beyond_the_backstop_is_an_error_in_the_child(spawner: Spawner, tmp_path: Path) -> None:
    async with stage(spawner, tmp_path) as lives:
        a = lives.start("takes_memory", mib=2000)
        apply_limits(a.life.pid, ChildSpec(name="a", start="x:y", memory_limit_mib=200))
        ended = await a.ended()
        assert (ended.code, ended.cause) == (71, Cause.MEMORY)


@pytest.mark.parametrize("target", ["forks", "popens"])
async def test_the_end_is_seen_also_while_a_grandchild_holds_everything_open(
    spawner: Spawner, tmp_path: Path, target: str
) -> None:
    async with stage(spawner, tmp_path) as lives:
        a = await lives.start(target).ready()
        left = psutil.Process(int((tmp_path / "grandchild").read_text()))
        family = [left, *left.children(recursive=True)]
        try:
            a.kill(signal.SIGKILL)
            assert (await a.ended()).signal == signal.SIGKILL
        finally:
            for process in family:
                process.kill()


async def test_a_child_that_hangs_while_it_starts_is_killed(spawner: Spawner, tmp_path: Path) -> None:
    async with stage(spawner, tmp_path) as lives:
        a = lives.start("tests.supervisor.processes.hangs_while_imported:run")
        await until(lambda: a.life.box.contents().phase == "importing")
        with trio.fail_after(LIMIT_S):
            await a.life.kill(dump=True)
        assert (await a.ended()).signal == signal.SIGKILL
        assert not a.is_ready.is_set()


async def test_a_child_can_be_killed_before_it_has_begun(spawner: Spawner, tmp_path: Path) -> None:
    async with stage(spawner, tmp_path) as lives:
        a = lives.start("idle")
        await a.life.kill(dump=True)
        assert (await a.ended()).signal == signal.SIGKILL


async def test_a_tree_that_is_cancelled_leaves_nothing_behind(spawner: Spawner, tmp_path: Path) -> None:
    async with stage(spawner, tmp_path) as lives:
        await lives.start("stubborn").ready()
        lives.start("idle", "b")


async def test_a_child_prints_more_than_its_pipe_takes_and_does_not_wait(spawner: Spawner, tmp_path: Path) -> None:
    async with stage(spawner, tmp_path) as lives:
        a = await lives.start("prints_much", mib=3).ready()
        await until(lambda: a.life.box.contents().counters.get("printed"))
        assert a.life.box.contents().counters["log_lines_dropped"] > 0
