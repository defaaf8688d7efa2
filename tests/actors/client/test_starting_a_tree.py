"""A supervisor that ends at once: what it said decides, however late that is read."""

import fcntl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio

from actors.client import WebSocketConnectionError
from actors.client.engine.own_tree import OwnTree


class ReadLate(OwnTree):
    """A tree whose words are read when it has ended, as on a machine that has much else to do."""

    async def _read_output(self, process: trio.Process) -> None:
        await process.wait()
        await trio.sleep(0.2)
        await super()._read_output(process)


async def in_a_nursery(start: Callable[[trio.Nursery], Awaitable[None]]) -> None:
    async with trio.open_nursery() as nursery:
        with trio.fail_after(30):
            await start(nursery)
        nursery.cancel_scope.cancel()


@pytest.fixture(autouse=True)
def nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is listened to at this address, should a tree come so far."""
    monkeypatch.setenv("UPBITD_EXCHANGE__WEBSOCKET_URL", "ws://127.0.0.1:9")


async def test_a_run_directory_that_another_supervisor_just_took_is_as_good_as_ones_own(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    run_dir.mkdir(0o700)
    with (run_dir / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        tree = ReadLate(run_dir)
        await in_a_nursery(tree.start)
        assert any("used by another supervisor" in line for line in tree._lines)
        await tree.stop()


async def test_the_reason_is_told_though_it_is_read_late(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("no directory")
    tree = ReadLate(tmp_path / "run")
    with pytest.RaisesGroup(
        pytest.RaisesExc(WebSocketConnectionError, match=r"no tree could be started in .*run.*directory")
    ):
        await in_a_nursery(tree.start)
    await tree.stop()
