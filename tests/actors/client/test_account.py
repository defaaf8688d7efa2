"""The account's types: with keys, without them, and with wrong ones."""

import time
from decimal import Decimal
from typing import Any, Final

import pytest

from actors.client import AuthenticationError
from tests.actors.client.both_loops import on_both, until
from tests.actors.client.house import KEYS, House, house

BTC: Final = ["KRW-BTC"]


def drop(_event: object) -> None:
    """Want an event and nothing from it."""


@on_both
async def test_orders_and_balances_arrive_in_exact_numbers(served: House) -> None:
    orders, assets = list[Any](), list[Any]()
    async with served.client() as client:
        sub = await client.subscribe_my_order(orders.append)
        await client.subscribe_my_asset(assets.append)
        assert (sub.type, sub.unit, sub.symbols) == ("myOrder", "", frozenset())
        await until(lambda: orders and assets)
        assert isinstance(orders[0].price, Decimal)
        assert all(isinstance(asset.balance, Decimal) for asset in assets[0].assets)
        assert orders[0].side in {"bid", "ask"}
        assert client.get_subscription_count() == 2
        assert client.is_connected()
        assert {entry.type for entry in await client.list_subscriptions("private")} == {"myOrder", "myAsset"}


@on_both
async def test_without_keys_the_account_is_refused_and_public_data_go_on(keyless: House) -> None:
    seen: list[Any] = []
    async with keyless.client() as client:
        await client.subscribe_ticker(BTC, seen.append)
        for subscribe in (client.subscribe_my_order, client.subscribe_my_asset):
            with pytest.raises(AuthenticationError, match="UPBITD_ACCESS_KEY"):
                await subscribe(drop)
        assert client.get_subscription_count() == 1
        count = len(seen)
        await until(lambda: len(seen) > count)


@on_both
async def test_a_client_that_was_refused_the_account_is_still_connected_for_what_it_has(keyless: House) -> None:
    async with keyless.client() as client:
        sub = await client.subscribe_ticker(BTC, drop)
        await sub.first_event(30)
        with pytest.raises(AuthenticationError):
            await client.subscribe_my_order(drop)
        assert (client.is_connected(), client.health().state) == (True, "live")


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A tree whose keys the exchange does not know."""
    keys = {**KEYS, "UPBITD_SECRET_KEY": "another secret, as long as the one of the account is"}
    with house(tmp_path_factory.mktemp("wrong"), keys=keys) as running:
        yield running


@on_both
async def test_wrong_keys_are_an_error_that_repeats_no_key(wrong: House) -> None:
    async with wrong.client() as client:
        with pytest.raises(AuthenticationError) as refusal:
            await client.subscribe_my_order(drop)
        assert not any(key in str(refusal.value) for key in (*KEYS.values(), "another secret"))
        await (await client.subscribe_ticker(BTC, drop)).first_event(30)


@on_both
async def test_an_actor_that_is_just_starting_is_waited_for_and_no_longer_than_it_needs(served: House) -> None:
    for _ in range(3):
        restarted = served.tree.ask("restart", "private")
        assert restarted.returncode == 0, restarted.stderr
        async with served.client() as client:
            began_s = time.monotonic()
            sub = await client.subscribe_my_order(drop)
            assert time.monotonic() - began_s < 8
            await sub.first_event(30)


@pytest.fixture(scope="module")
def lone(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A tree that has no actor for the account."""
    with house(tmp_path_factory.mktemp("lone"), actors=("public",)) as running:
        yield running


@on_both
async def test_a_tree_without_the_actor_for_the_account_says_which_one_it_needs(lone: House) -> None:
    async with lone.client() as client:
        with pytest.raises(
            AuthenticationError,
            match=r"has no socket of an actor 'private'; add one to its settings, or .*`upbitd restart private`",
        ):
            await client.subscribe_my_order(drop)
        await (await client.subscribe_ticker(BTC, drop)).first_event(30)
        assert client.is_connected()
