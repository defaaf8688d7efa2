"""A client and its handles at work, on a real tree."""

from functools import partial
from typing import Any

import pytest

from actors.client import (
    RateLimitExceededError,
    Subscription,
    SubscriptionError,
    WebSocketClient,
    krw_markets,
    list_markets,
)
from actors.client.hosts import current_host
from tests.actors.client.both_loops import on_both, together, until
from tests.actors.client.house import House

BTC, ETH, XRP = "KRW-BTC", "KRW-ETH", "KRW-XRP"


def drop(_event: object) -> None:
    """Want an event and nothing from it."""


@on_both
async def test_every_type_of_market_data_arrives_typed_and_of_its_market(served: House) -> None:
    async with served.client() as client:
        ticker = await client.subscribe_ticker([BTC], drop)
        trade = await client.subscribe_trade([BTC], drop)
        book = await client.subscribe_orderbook([BTC], drop, units=5)
        candle = await client.subscribe_candle([BTC], "1h", drop)
        events = [await sub.first_event(30) for sub in (ticker, trade, book, candle)]
        assert [type(event).__name__ for event in events] == ["Ticker", "Trade", "Orderbook", "Candle"]
        assert {event.symbol for event in events} == {BTC}
        assert len(events[2].orderbook_units) == 5
        assert [sub.type for sub in (ticker, trade, book, candle)] == ["ticker", "trade", "orderbook", "candle.60m"]
        assert client.is_connected()
        assert client.get_subscription_count() == 4
        assert repr(client) == "<WebSocketClient 'test', live, 4 subscriptions>"


@on_both
async def test_unit_and_callback_of_candles_come_in_either_order_or_not_at_all(served: House) -> None:
    seen: list[Any] = []
    async with served.client() as client:
        subs = [
            await client.subscribe_candle([BTC], "1s", seen.append),
            await client.subscribe_candle([BTC], drop, "3m"),
            await client.subscribe_candle([BTC], seen.append),
            await client.subscribe_candle([BTC], unit="4h", callback=drop),
            await client.subscribe_candle([BTC], "5m"),
        ]
        assert [sub.unit for sub in subs] == ["1s", "3m", "1m", "240m", "5m"]
        assert all(sub.is_active for sub in subs)
        await until(lambda: {event.type for event in seen} == {"candle.1s", "candle.1m"})


@on_both
async def test_a_second_subscription_of_a_type_replaces_the_first_and_others_stay(served: House) -> None:
    first, second, trades = list[Any](), list[Any](), list[Any]()
    async with served.client() as client:
        await client.subscribe_trade([BTC], trades.append)
        old = await client.subscribe_ticker([BTC, ETH], first.append)
        await old.first_event(30)
        new = await client.subscribe_ticker([XRP], second.append)
        count = len(first)
        assert (old.is_active, new.is_active) == (False, True)
        await until(lambda: len(second) >= 3)
        assert len(first) == count
        assert {event.symbol for event in second} == {XRP}
        assert trades
        await served.wait_wanted("ticker/KRW-XRP", "trade/KRW-BTC")


@on_both
async def test_symbols_come_and_go_by_the_handle(served: House) -> None:
    seen: list[Any] = []
    async with served.client() as client:
        sub = await client.subscribe_ticker([BTC], seen.append)
        await sub.add_symbols([ETH, XRP])
        assert sub.symbols == client.get_active_symbols("ticker") == {BTC, ETH, XRP}
        await until(lambda: {event.symbol for event in seen} == {BTC, ETH, XRP})
        await sub.remove_symbols([BTC, XRP])
        await served.wait_wanted("ticker/KRW-ETH")
        count = len(seen)
        await until(lambda: len(seen) >= count + 3)
        assert {event.symbol for event in seen[count:]} == {ETH}
        with pytest.raises(SubscriptionError, match="did you mean 'KRW-BTC'"):
            await sub.add_symbols(["KRW-BTCC"])
        assert sub.symbols == {ETH}
        await sub.remove_symbols([ETH])
        assert (sub.is_active, client.get_subscription_count()) == (False, 0)


@on_both
async def test_symbols_that_are_added_at_the_same_time_all_count(served: House) -> None:
    async with served.client() as client:
        sub = await client.subscribe_ticker([BTC], drop)
        await together(partial(sub.add_symbols, [ETH]), partial(sub.add_symbols, [XRP]))
        assert sub.symbols == {BTC, ETH, XRP}
        await together(partial(sub.remove_symbols, [ETH]), partial(sub.remove_symbols, [BTC]))
        assert sub.symbols == {XRP}


@on_both
async def test_unsubscribing_one_leaves_the_others_alone(served: House) -> None:
    trades: list[Any] = []
    async with served.client() as client:
        sub = await client.subscribe_ticker([BTC], drop)
        await client.subscribe_trade([BTC], trades.append)
        await sub.unsubscribe()
        await sub.unsubscribe()
        await served.wait_wanted("trade/KRW-BTC")
        count = len(trades)
        await until(lambda: len(trades) > count)


@on_both
async def test_an_empty_list_ends_the_subscription_of_its_type_and_unit(served: House) -> None:
    async with served.client() as client:
        await client.subscribe_ticker([BTC], drop)
        minutes = await client.subscribe_candle([BTC], "1m", drop)
        threes = await client.subscribe_candle([BTC], "3m", drop)
        ended = await client.subscribe_candle([], "1m", drop)
        assert isinstance(ended, Subscription)
        assert (minutes.is_active, threes.is_active, ended.is_active) == (False, True, False)
        await client.subscribe_ticker([])
        await served.wait_wanted("candle.3m/KRW-BTC")
        with pytest.raises(SubscriptionError, match="name at least one"):
            await client.subscribe_ticker([])


@on_both
async def test_symbols_are_taken_out_of_all_subscriptions_or_of_those_of_one_type(served: House) -> None:
    async with served.client() as client:
        await client.subscribe_ticker([BTC, ETH, XRP], drop)
        await client.subscribe_trade([BTC, ETH], drop)
        await client.subscribe_candle([BTC, ETH], "1m", drop)
        await client.subscribe_candle([BTC], "3m", drop)
        await client.unsubscribe_symbols([ETH], "ticker")
        assert client.get_active_symbols("ticker") == {BTC, XRP}
        await client.unsubscribe_symbols([BTC], "candle.1m")
        assert (client.get_active_symbols("candle.1m"), client.get_active_symbols("candle")) == ({ETH}, {ETH, BTC})
        await client.unsubscribe_symbols([BTC])
        assert client.get_active_symbols() == {XRP, ETH}
        assert client.get_subscription_count() == 3
        await served.wait_wanted("ticker/KRW-XRP", "trade/KRW-ETH", "candle.1m/KRW-ETH")


@on_both
async def test_the_exchanges_own_list_is_what_is_wanted(served: House) -> None:
    async with served.client() as client, served.client("other") as other:
        book = await client.subscribe_orderbook([BTC, ETH], drop, units=5)
        await client.subscribe_ticker([BTC], drop)
        await other.subscribe_ticker([BTC, XRP], drop)
        await book.first_event(30)
        listed = await _listed(client)
        assert listed == {
            ("orderbook", "KRW-BTC.5"),
            ("orderbook", "KRW-ETH.5"),
            ("ticker", BTC),
            ("ticker", XRP),
        }


async def _listed(client: WebSocketClient) -> set[tuple[str, str]]:
    while True:
        try:
            entries = await client.list_subscriptions()
        except RateLimitExceededError as error:
            await current_host().sleep(error.retry_after_s)
        else:
            return {(entry.type, code) for entry in entries for code in entry.codes}


@on_both
async def test_without_a_callback_a_subscription_is_iterated_over(served: House) -> None:
    async with served.client() as client:
        numbers = set[int]()
        async for trade in await client.subscribe_trade([BTC]):
            assert trade.sequential_id not in numbers
            numbers.add(trade.sequential_id)
            if len(numbers) == 5:
                break


@on_both
async def test_a_snapshot_is_one_event_of_each_market_and_the_loop_over_it_ends(served: House) -> None:
    async with served.client() as client:
        sub = await client.subscribe_ticker([BTC, ETH, XRP], stream_preference="snapshot_only")
        assert sorted([event.symbol async for event in sub]) == [BTC, ETH, XRP]
        await served.wait_wanted()
        again = await client.subscribe_ticker([BTC], stream_preference="snapshot_only")
        assert [event.symbol async for event in again] == [BTC]


@on_both
async def test_a_late_comer_gets_the_last_known_state_at_once_unless_it_wants_changes_alone(served: House) -> None:
    async with served.client() as client, served.client("late") as late:
        await (await client.subscribe_ticker([BTC], drop)).first_event(30)
        sub = await late.subscribe_ticker([BTC], drop)
        await sub.first_event(30)
        await until(lambda: sub.envelope is not None)
        changes = await late.subscribe_ticker([BTC], drop, "realtime_only")
        assert (await changes.first_event(30)).stream_type == "REALTIME"


@on_both
async def test_the_figures_of_a_client_are_those_of_what_it_did(served: House) -> None:
    seen: list[Any] = []

    def fail(event: Any) -> None:
        seen.append(event)
        if len(seen) % 2:
            raise LookupError("every other one")

    client = served.client("figures")
    assert client.health().state == "idle"
    assert not client.is_connected()
    async with client:
        await client.subscribe_ticker([BTC, ETH], drop)
        await client.subscribe_trade([BTC, ETH, XRP], fail)
        await until(lambda: len(seen) >= 10)
        health = client.health()
        assert (health.name, health.state, health.is_connected) == ("figures", "live", True)
        assert health.uptime_s > 0
        assert health.age_s is not None
        assert health.age_s >= 0
        trades = next(one for one in health.subscriptions if one.type == "trade")
        assert trades.delivered == len(seen)
        assert trades.errors == health.callback_errors == (len(seen) + 1) // 2
        assert trades.symbols == 3
        assert health.messages >= sum(one.delivered for one in health.subscriptions)
        assert set(health.connections) == {"public"}
        assert health.connections["public"].epoch == served.shown()["epoch"]
        assert (health.problems, health.gaps, health.drops) == ({}, 0, 0)
    assert client.health().state == "closed"


@on_both
async def test_markets_come_from_the_tree_in_the_exchanges_order(served: House) -> None:
    krw = await krw_markets(run_dir=served.run_dir)
    everything = await list_markets(run_dir=served.run_dir)
    assert BTC in krw
    assert list(krw) == [info.market for info in everything if info.market.startswith("KRW-")]
    priced_in_btc = await list_markets("BTC", run_dir=str(served.run_dir), max_age_s=0)
    assert [info.market for info in priced_in_btc] == [info.market for info in everything if info.quote == "BTC"]


@on_both
async def test_two_calls_for_one_type_at_the_same_time_leave_the_later_one(served: House) -> None:
    async with served.client() as client:
        first, second = await together(
            lambda: client.subscribe_ticker([BTC], drop), lambda: client.subscribe_ticker([ETH], print)
        )
        assert (first.is_active, second.is_active) == (False, True)
        assert client.get_active_symbols() == {ETH}
        await served.wait_wanted("ticker/KRW-ETH")


@on_both
async def test_a_callback_may_use_the_handle_that_its_subscribe_call_returns(served: House) -> None:
    """Late comers' values are there at once, and are delivered when the handle is."""
    async with served.client() as stays, served.client() as client:
        await (await stays.subscribe_ticker([BTC, ETH], drop)).first_event()
        handle: list[Subscription] = []
        seen: list[str] = []

        def note(event: Any) -> None:
            envelope = handle[0].envelope
            assert envelope is not None
            assert envelope.body is event
            seen.append(event.symbol)

        for _ in range(20):
            handle.clear()
            handle.append(await client.subscribe_ticker([BTC, ETH], note))
            await until(lambda: {BTC, ETH} <= set(seen))
            seen.clear()
            await handle[0].unsubscribe()
        assert client.health().callback_errors == 0


@on_both
@pytest.mark.parametrize("before", ["both", "realtime_only"])
async def test_a_snapshot_that_replaces_a_stream_is_complete_and_ends(served: House, before: str) -> None:
    async with served.client() as client:
        for subscribe in (client.subscribe_ticker, client.subscribe_trade):
            sub = await subscribe([BTC, ETH], drop, before)
            await sub.first_event(30)
            events = [event async for event in await subscribe([BTC, ETH, XRP], None, "snapshot_only")]
            assert sorted(event.symbol for event in events) == [BTC, ETH, XRP]
            assert not sub.is_active


@on_both
async def test_what_cannot_be_named_or_waited_for_is_told(served: House) -> None:
    async with served.client() as client:
        sub = await client.subscribe_ticker([BTC], drop)
        await sub.first_event(30)
        for call in (
            partial(client.unsubscribe_symbols, [BTC], "Ticker"),
            partial(client.unsubscribe_symbols, [BTC], 5),
            partial(client.list_subscriptions, "x"),
            partial(sub.first_event, "5"),
            partial(client.subscribe_orderbook, [BTC], drop, units=5.0),
            partial(list_markets, "krw"),
            partial(list_markets, max_age_s="x"),
            partial(list_markets, max_age_s=float("nan")),
        ):
            with pytest.raises(SubscriptionError, match=r"it is|write|the exchange has"):
                await call()
        with pytest.raises(SubscriptionError, match="unknown type 'bogus'"):
            client.get_active_symbols("bogus")
        assert client.get_active_symbols("candle.1h") == frozenset()
        await sub.unsubscribe()
        with pytest.raises(SubscriptionError, match="has ended"):
            await sub.first_event()
    with pytest.raises(SubscriptionError, match="was cleaned up"):
        client.on_gap(drop)
    with pytest.raises(ValueError, match="run_dir is 5"):
        WebSocketClient("x", run_dir=5)  # type: ignore[arg-type]


@on_both
async def test_a_callback_with_a_yield_is_refused_for_nothing_of_it_would_run(served: House) -> None:
    async def stray(event: Any) -> Any:
        yield event

    async with served.client() as client:
        with pytest.raises(SubscriptionError, match="has a `yield`"):
            await client.subscribe_ticker([BTC], stray)
        with pytest.raises(SubscriptionError, match="has a `yield`"):
            client.on_state(lambda event: (yield event))
