"""Orders on a running tree."""

from pathlib import Path

import pytest
import trio

from protocols.errors import UsageError
from supervisor.specs.settings import Settings
from tests.supervisor.running.bodiless import bodiless_tree, child, settings_of


async def test_settings_are_not_read_and_nothing_changes_when_no_thread_can_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run_sync(*_args: object, **_options: object) -> None:
        raise RuntimeError("can't start new thread")

    async with bodiless_tree(settings_of(child("a")), tmp_path, monkeypatch) as made:
        monkeypatch.setattr(trio.to_thread, "run_sync", run_sync)
        made.written = settings_of(child("a"), child("b"))
        for order in (made.operator.reload, made.operator.plan, lambda: made.operator.add("", "")):
            with pytest.raises(UsageError, match="not read: can't start new thread; try again"):
                await order()
        assert made.states() == {"a": "ready"}


async def test_a_bug_in_reading_settings_is_not_taken_for_a_lack_of_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read() -> Settings:
        raise RuntimeError("a bug")

    async with bodiless_tree(settings_of(child("a")), tmp_path, monkeypatch) as made:
        made.operator._reread = read
        with pytest.raises(RuntimeError, match="a bug"):
            await made.operator.reload()
