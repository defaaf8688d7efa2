"""The window at work, on a clock of the test's, with a client that is the test's own."""

import os
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing

from actors.book import window as window_module
from actors.book.lines import Frame
from actors.book.prompt import Go, Prompt, Step
from actors.book.shown import Shown
from actors.book.window import Window
from actors.client import ErrorReport, StateReport, SubscriptionError
from protocols.channel.messages import Event
from protocols.upbit.messages import Orderbook
from tests.actors.book.books import book

MARKETS = ("KRW-BTC", "KRW-ETH", "KRW-XRP")


class FakeSubscription:
    """A handle whose envelope the test sets."""

    def __init__(self) -> None:
        self.envelope: Event[Any] | None = None


class FakeClient:
    """Subscribes anything but one market, after a moment; the test plays the exchange."""

    def __init__(self) -> None:
        self.books: Callable[[Orderbook], None]
        self.symbols: list[str] = []
        self.states: list[Callable[[StateReport], None]] = []
        self.errors: list[Callable[[ErrorReport], None]] = []
        self.takes_s = 0.0
        self.held = {"orderbook": "", "ticker": ""}
        self.no_tickers_of: set[str] = set()
        self.levels: list[float] = []
        self.handle = FakeSubscription()

    def on_state(self, callback: Callable[[StateReport], None]) -> None:
        self.states.append(callback)

    def on_error(self, callback: Callable[[ErrorReport], None]) -> None:
        self.errors.append(callback)

    def get_active_symbols(self, kind: str) -> frozenset[str]:
        return frozenset({self.held[kind]} - {""})

    async def subscribe_orderbook(
        self, symbols: list[str], callback: Callable[[Orderbook], None], *, level: float, **_options: object
    ) -> FakeSubscription:
        await trio.sleep(self.takes_s)
        if symbols == ["KRW-NOPE"]:
            raise SubscriptionError("orderbook: the exchange has no market 'KRW-NOPE'")
        self.books = callback
        self.symbols += symbols
        self.levels.append(level)
        self.held["orderbook"] = symbols[0]
        return self.handle

    async def subscribe_ticker(self, symbols: list[str], _callback: object, **_options: object) -> None:
        await trio.sleep(self.takes_s)
        if not self.no_tickers_of.isdisjoint(symbols):
            raise SubscriptionError("ticker: no room")
        self.held["ticker"] = symbols[0]


class CountingView:
    """Notes what each frame shows."""

    def __init__(self) -> None:
        self.frames: list[tuple[str, str | None]] = []

    def compose(self, shown: Shown, _prompt: Prompt, *, now_s: float) -> Frame:
        market = shown.market
        self.frames.append((market.symbol, None if market.book is None else market.book.symbol))
        return Frame([], (0, 0))

    async def show(self, frame: Frame) -> None:
        await trio.lowlevel.checkpoint()


@asynccontextmanager
async def shown_window() -> AsyncIterator[tuple[Window, FakeClient, CountingView]]:
    client: Any = FakeClient()
    window, view = Window(client, "KRW-BTC", units=30, level=0.0), CountingView()
    await window.subscribe("KRW-BTC")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(window.draw, view, 60.0)
        nursery.start_soon(window.follow)
        yield window, client, view
        nursery.cancel_scope.cancel()


@pytest.fixture(autouse=True)
def markets(monkeypatch: pytest.MonkeyPatch) -> None:
    async def krw_markets(**_options: object) -> tuple[str, ...]:
        await trio.lowlevel.checkpoint()
        return MARKETS

    monkeypatch.setattr(window_module, "krw_markets", krw_markets)


async def test_ten_seconds_of_200_books_a_second_are_590_to_600_frames(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with shown_window() as (window, client, _view):
        began_s = trio.current_time()
        for number in range(2000):
            await trio.sleep_until(began_s + number / 200)
            client.books(book(timestamp=number))
        assert 590 <= window.draws <= 600


async def test_without_a_new_book_there_is_at_most_one_frame(autojump_clock: trio.testing.MockClock) -> None:
    async with shown_window() as (window, client, _view):
        client.books(book())
        await trio.sleep(10.0)
        assert window.draws <= 1


async def test_200_random_switches_show_no_book_under_another_name(autojump_clock: trio.testing.MockClock) -> None:
    rng = random.Random(1)
    async with shown_window() as (window, client, view):

        async def publish() -> None:
            while True:
                # Books of all markets come all the time, also of those that were just left.
                client.books(book(rng.choice(MARKETS)))
                await trio.sleep(0.001)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(publish)
            for _ in range(200):
                client.takes_s = rng.uniform(0, 0.02)
                window.obey(Go(rng.choice(MARKETS)))
                await trio.sleep(rng.uniform(0, 0.06))
            last = rng.choice(MARKETS)
            window.obey(Go(last))
            await trio.sleep(1.0)
            nursery.cancel_scope.cancel()
    assert window.shown.market.symbol == last
    assert len(view.frames) > 200
    assert {symbol for symbol, _ in view.frames} == set(MARKETS)
    assert [frame for frame in view.frames if frame[1] not in {None, frame[0]}] == []


async def test_steps_go_round_all_won_markets_and_add_up(autojump_clock: trio.testing.MockClock) -> None:
    async with shown_window() as (window, client, _view):
        window.obey(Step(-1))
        await trio.sleep(1.0)
        assert window.shown.market.symbol == "KRW-XRP"
        for _ in range(4):
            window.obey(Step(1))
        await trio.sleep(1.0)
        assert window.shown.market.symbol == "KRW-BTC"
        assert client.symbols == ["KRW-BTC", "KRW-XRP", "KRW-BTC"]


async def test_wishes_during_a_switch_are_done_in_one(autojump_clock: trio.testing.MockClock) -> None:
    async with shown_window() as (window, client, _view):
        client.takes_s = 1.0
        for symbol in ("KRW-ETH", "KRW-XRP", "KRW-BTC", "KRW-XRP"):
            window.obey(Go(symbol))
            await trio.sleep(0.1)
        await trio.sleep(10.0)
        assert window.shown.market.symbol == "KRW-XRP"
        assert client.symbols == ["KRW-BTC", "KRW-ETH", "KRW-XRP"]


async def test_an_unknown_market_is_told_and_the_old_one_goes_on(autojump_clock: trio.testing.MockClock) -> None:
    async with shown_window() as (window, client, view):
        window.obey(Go("KRW-NOPE"))
        await trio.sleep(1.0)
        assert window.shown.notice == (
            "orderbook: the exchange has no market 'KRW-NOPE'; KRW-BTC goes on: type a market to try again"
        )
        assert client.symbols == ["KRW-BTC"]
        client.books(book())
        await trio.sleep(1.0)
        assert view.frames[-1] == ("KRW-BTC", "KRW-BTC")


async def test_where_the_second_subscription_fails_the_old_market_is_had_back_and_the_next_one_works(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with shown_window() as (window, client, view):
        client.no_tickers_of = {"KRW-ETH"}
        window.obey(Go("KRW-ETH"))
        await trio.sleep(1.0)
        assert window.shown.notice == "ticker: no room; KRW-BTC goes on: type a market to try again"
        assert client.held == {"orderbook": "KRW-BTC", "ticker": "KRW-BTC"}
        client.books(book("KRW-BTC"))
        await trio.sleep(1.0)
        assert view.frames[-1] == ("KRW-BTC", "KRW-BTC")
        window.obey(Go("KRW-XRP"))
        await trio.sleep(1.0)
        assert (window.shown.market.symbol, window.shown.notice) == ("KRW-XRP", "")


async def test_a_market_that_could_not_be_had_back_can_be_typed_again(autojump_clock: trio.testing.MockClock) -> None:
    async with shown_window() as (window, client, _view):
        client.no_tickers_of = set(MARKETS)
        window.obey(Go("KRW-ETH"))
        await trio.sleep(1.0)
        assert window.shown.notice == (
            "ticker: no room; KRW-BTC could not be had back either (ticker: no room): type a market to try again"
        )
        window.obey(Go("KRW-BTC"))
        await trio.sleep(1.0)
        assert window.shown.notice == "ticker: no room; KRW-BTC is not whole: type a market to try again"
        client.no_tickers_of = set()
        window.obey(Go("KRW-BTC"))
        await trio.sleep(1.0)
        assert (window.shown.market.symbol, window.shown.notice) == ("KRW-BTC", "")
        assert client.held == {"orderbook": "KRW-BTC", "ticker": "KRW-BTC"}


LEVELS = {"KRW-BTC": (0.0, 10_000.0, 100_000.0), "KRW-ETH": (0.0,), "KRW-XRP": None}


@pytest.fixture
def levels(monkeypatch: pytest.MonkeyPatch) -> None:
    async def supported_levels(symbol: str, **_options: object) -> tuple[float, ...] | None:
        await trio.lowlevel.checkpoint()
        return LEVELS[symbol]

    monkeypatch.setattr(window_module, "supported_levels", supported_levels)


@pytest.mark.usefixtures("levels")
async def test_a_first_market_without_the_level_is_refused_before_anything_is_subscribed() -> None:
    client: Any = FakeClient()
    window = Window(client, "KRW-BTC", units=30, level=7.0)
    with pytest.raises(SubscriptionError) as caught:
        await window.subscribe("KRW-BTC")
    assert str(caught.value) == (
        "orderbook: KRW-BTC cannot be grouped by 7; choose a level of 10000, 100000, or leave it out"
    )
    assert client.symbols == []


@pytest.mark.usefixtures("levels")
async def test_a_later_market_without_the_level_is_shown_without_and_told() -> None:
    client: Any = FakeClient()
    window = Window(client, "KRW-BTC", units=30, level=10_000.0)
    await window.subscribe("KRW-BTC")
    await window.switch("KRW-ETH")
    assert window.shown.notice == "orderbook: KRW-ETH cannot be grouped by 10000; it has no levels; shown without"
    # Of this one the levels cannot be had: the exchange decides.
    await window.switch("KRW-XRP")
    assert window.shown.notice == ""
    assert list(zip(client.symbols, client.levels, strict=True)) == [
        ("KRW-BTC", 10_000.0),
        ("KRW-ETH", 0.0),
        ("KRW-XRP", 10_000.0),
    ]


async def test_the_first_book_may_come_before_there_is_a_handle_to_ask_about_it() -> None:
    client: Any = FakeClient()
    client.handle.envelope = Event("orderbook/KRW-BTC", 7, 1, 2_000_000_000, 0, 1, book())
    window = Window(client, "KRW-BTC", units=30, level=0.0)
    await window.subscribe("KRW-BTC")
    arrival = window.shown.market.arrival
    assert arrival is not None
    assert (arrival.epoch, arrival.at_s, arrival.lag_ms) == (7, 2.0, None)


async def test_states_and_errors_of_the_client_are_shown() -> None:
    client: Any = FakeClient()
    window = Window(client, "KRW-BTC", units=30, level=0.0)
    for tell in client.states:
        tell(StateReport("public", "down", "1006"))
    for report in client.errors:
        report(ErrorReport("book", "orderbook", "KRW-BTC", "not served"))
    assert (window.shown.link.state, window.shown.notice) == ("down", "not served")


async def test_keys_are_read_until_one_says_to_leave() -> None:
    reading, writing = os.pipe()
    client: Any = FakeClient()
    window = Window(client, "KRW-BTC", units=30, level=0.0)
    window.shown.notice = "something"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(window.follow)
        await window.subscribe("KRW-BTC")
        os.write(writing, b"eth\rq")
        with trio.fail_after(10):
            await window.read_keys(reading)
            while window.shown.market.symbol != "KRW-ETH":
                await trio.lowlevel.checkpoint()
        assert window.shown.notice == ""
        nursery.cancel_scope.cancel()
    os.close(writing)
    with trio.fail_after(10):
        await window.read_keys(reading)  # The terminal is gone.
    os.close(reading)
