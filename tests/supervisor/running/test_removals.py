"""A removal, and orders about the same member at the same time."""

import gc
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.supervisor.running.bodiless import NORMAL, BodilessTree, bodiless_tree, child, settings_of


async def test_a_removal_waits_for_no_start_and_those_that_wait_hear_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: list[str] = []

    async def restart(made: BodilessTree) -> None:
        reached.append((await made.operator.restart("a")).state)

    async with (
        bodiless_tree(settings_of(child("a"), child("b")), tmp_path, monkeypatch) as made,
        trio.open_nursery() as nursery,
    ):
        for _ in range(2):  # One is under way, and one waits for it.
            nursery.start_soon(restart, made)
        await wait_all_tasks_blocked()
        made.apply("exited", "a", NORMAL)
        assert made.states()["a"] == "starting"
        for _ in range(2):
            nursery.start_soon(made.operator.remove, "a")
        await wait_all_tasks_blocked()
        assert made.states()["a"] == "stopping"
        nursery.start_soon(restart, made)  # It is not refused, for its member is on its way out by an order as well.
        await wait_all_tasks_blocked()
        assert reached == []
        made.apply("exited", "a", NORMAL)
        await wait_all_tasks_blocked()
        assert reached == ["removed"] * 3
        assert [spec.name for spec in made.tree.settings.children] == ["b"]


async def test_a_removal_stops_its_member_also_while_the_settings_are_being_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bodiless_tree(settings_of(child("a"), child("b")), tmp_path, monkeypatch) as made:
        async with trio.open_nursery() as nursery, made.operator._changing_settings:
            for order in (made.operator.restart, made.operator.restart, made.operator.remove):
                nursery.start_soon(order, "a")
                await wait_all_tasks_blocked()
            made.apply("exited", "a", NORMAL)
            await wait_all_tasks_blocked()
            assert made.states() == {"a": "stopped", "b": "ready"}
            assert [spec.name for spec in made.tree.settings.children] == ["a", "b"]
        assert made.states() == {"b": "ready"}
        assert [spec.name for spec in made.tree.settings.children] == ["b"]


async def test_nothing_is_kept_of_orders_on_members_that_are_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bodiless_tree(settings_of(child("a"), child("b")), tmp_path, monkeypatch) as made:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(made.operator.stop_member, "a")
            await wait_all_tasks_blocked()
            made.apply("exited", "a", NORMAL)
        await made.operator.remove("a")
        gc.collect()
        assert (len(made.operator._turns), len(made.operator._stops)) == (0, 0)
