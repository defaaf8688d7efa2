"""What cannot be is refused at once, with what to do about it, and nothing of it reaches the exchange."""

import threading
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from actors.client import SubscriptionError, WebSocketClient, WebSocketConnectionError, krw_markets
from tests.actors.client.both_loops import LIBRARIES, on_both, run_in, together, until
from tests.actors.client.house import House

BTC: Final = ["KRW-BTC"]

Call = Callable[[WebSocketClient], Awaitable[Any]]


def no_place() -> None:
    """A callback that takes no event."""


async def later(_event: object) -> None:
    """An async callback."""


BAD: Final[dict[str, tuple[Call, str]]] = {
    "a bare string": (lambda client: client.subscribe_ticker("KRW-BTC", print), r"write a list, such as \['KRW-BTC'\]"),
    "an empty list of nothing": (lambda client: client.subscribe_ticker([], print), "name at least one"),
    "no list": (lambda client: client.subscribe_trade(5, print), "write a list"),  # type: ignore[arg-type]
    "lower case": (lambda client: client.subscribe_ticker(["krw-btc"], print), "did you mean 'KRW-BTC'"),
    "an unknown market": (lambda client: client.subscribe_ticker(["KRW-BTCC"], print), "did you mean 'KRW-BTC'"),
    "halves in the wrong order": (lambda client: client.subscribe_trade(["BTC-KRW"], print), "did you mean 'KRW-BTC'"),
    "a market like no other": (lambda client: client.subscribe_trade(["KRW-QQQQQQQQQQ"], print), "krw_markets"),
    "an unknown unit": (lambda client: client.subscribe_candle(BTC, "2m", print), "the exchange has 1s, 1m, 3m"),
    "an unknown depth": (
        lambda client: client.subscribe_orderbook(BTC, print, units=7),
        "the exchange has 1, 5, 15, 30",
    ),
    "a level below 0": (lambda client: client.subscribe_orderbook(BTC, print, level=-1), "write a price step"),
    "an unknown preference": (lambda client: client.subscribe_ticker(BTC, print, "snapshot"), "'snapshot_only'"),
    "an unknown delivery": (lambda client: client.subscribe_ticker(BTC, print, delivery="fast"), "'every', 'latest'"),
    "sampled without interval": (lambda client: client.subscribe_ticker(BTC, print, delivery="sampled"), "go together"),
    "half a millisecond": (
        lambda client: client.subscribe_ticker(BTC, print, delivery="sampled", sample_ms=0.5),  # type: ignore[arg-type]
        "write whole milliseconds",
    ),
    "no callback": (lambda client: client.subscribe_ticker(BTC, "print"), "give something that can be called"),  # type: ignore[arg-type]
    "a callback without a place": (lambda client: client.subscribe_ticker(BTC, no_place), "give it one parameter"),
    "an async one in a thread": (lambda client: client.subscribe_ticker(BTC, later, in_thread=True), "needs no thread"),
    "nothing in a thread": (lambda client: client.subscribe_ticker(BTC, in_thread=True), "needs a plain callback"),
    "a snapshot of the account": (lambda client: client.subscribe_my_order(print, "snapshot_only"), "no snapshot"),
    "nothing to unsubscribe": (lambda client: client.unsubscribe_symbols([]), "name at least one"),
    "a bare string to unsubscribe": (lambda client: client.unsubscribe_symbols("KRW-BTC"), "write a list"),
}


@pytest.mark.parametrize("bad", BAD)
@on_both
async def test_bad_input_is_refused_at_once_and_nothing_is_sent(served: House, bad: str) -> None:
    call, said = BAD[bad]
    before = (served.requests(), served.wanted())
    async with served.client() as client:
        with pytest.raises(SubscriptionError, match=said) as refusal:
            await call(client)
        assert "\n" not in str(refusal.value)
        assert isinstance(refusal.value, ValueError)
        assert client.get_subscription_count() == 0
    assert (served.requests(), served.wanted()) == before


OF_TICKERS: Final = [name for name in BAD if "ticker" in str(BAD[name][0].__code__.co_names)]


@pytest.mark.parametrize("bad", [name for name in OF_TICKERS if name != "an empty list of nothing"])
@on_both
async def test_bad_input_leaves_what_was_subscribed_before_as_it_was(served: House, bad: str) -> None:
    seen: list[Any] = []
    async with served.client() as client:
        sub = await client.subscribe_ticker(["KRW-ETH"], seen.append)
        await sub.first_event(30)
        with pytest.raises(SubscriptionError):
            await BAD[bad][0](client)
        count = len(seen)
        await until(lambda: len(seen) > count)
        assert (sub.is_active, client.get_active_symbols()) == (True, {"KRW-ETH"})


@pytest.mark.parametrize("name", ["", "  ", None, 5, b"bot"])
def test_a_client_without_a_name_is_refused(name: Any) -> None:
    with pytest.raises(ValueError, match="a client needs a name"):
        WebSocketClient(name)


@on_both
async def test_a_client_that_was_cleaned_up_says_so(served: House) -> None:
    client = served.client("old one")
    sub = await client.subscribe_ticker(BTC, lambda _event: None)
    await client.cleanup()
    calls: list[Callable[[], Awaitable[Any]]] = [
        partial(client.subscribe_ticker, BTC, print),
        partial(client.subscribe_my_asset, print),
        partial(client.unsubscribe_symbols, BTC),
        client.list_subscriptions,
        client.__aenter__,
    ]
    for call in calls:
        with pytest.raises(SubscriptionError, match="client 'old one' was cleaned up; make a new WebSocketClient"):
            await call()
    with pytest.raises(SubscriptionError, match="has ended"):
        await sub.add_symbols(BTC)
    await sub.unsubscribe()
    assert (client.get_subscription_count(), client.get_active_symbols()) == (0, frozenset())
    assert (client.is_connected(), client.health().state) == (False, "closed")


@on_both
async def test_without_a_tree_and_without_leave_to_start_one_it_is_said_what_to_do(tmp_path: Path) -> None:
    client = WebSocketClient("alone", run_dir=tmp_path / "run")
    for call in (partial(client.subscribe_ticker, BTC, print), partial(client.subscribe_my_order, print)):
        with pytest.raises(WebSocketConnectionError, match=r"no tree runs in .*UPBITD_AUTOSTART=0.*`upbitd run`"):
            await call()
    with pytest.raises(WebSocketConnectionError, match="UPBITD_AUTOSTART=0"):
        await client.list_subscriptions()
    with pytest.raises(WebSocketConnectionError, match="UPBITD_AUTOSTART=0"):
        await krw_markets(run_dir=tmp_path / "run")
    await client.cleanup()
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("word", ["0", "no", "FALSE", " off "])
def test_starting_a_tree_may_be_forbidden_in_several_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.setenv("UPBITD_AUTOSTART", word)

    async def main() -> None:
        with pytest.raises(WebSocketConnectionError, match="forbids to start one"):
            await krw_markets(run_dir=tmp_path / "run")

    run_in("asyncio", main)


@on_both
async def test_a_client_in_two_loops_at_once_is_refused_in_the_second(served: House) -> None:
    errors: list[Exception] = []

    def elsewhere() -> None:
        async def main() -> None:
            await client.subscribe_trade(BTC, print)

        for library in LIBRARIES:
            try:
                run_in(library, main)
            except SubscriptionError as error:
                errors.append(error)

    async with served.client("of one loop") as client:
        sub = await client.subscribe_ticker(BTC, lambda _event: None)
        thread = threading.Thread(target=elsewhere)
        thread.start()
        await until(lambda: not thread.is_alive())
        assert [str(error) for error in errors] == [
            "client 'of one loop' is used in two loops; make one client for each"
        ] * 2
        assert sub.is_active
        assert served.wanted() >= {"ticker/KRW-BTC"}


def test_a_client_outside_of_a_loop_says_where_to_use_it(served: House) -> None:
    client = served.client()
    work = client.subscribe_ticker(BTC, print)
    with pytest.raises(RuntimeError, match=r"no loop runs here; .* asyncio\.run or trio\.run"):
        work.send(None)  # type: ignore[attr-defined]  # a coroutine


@on_both
async def test_a_refusal_takes_no_time(served: House) -> None:
    async with served.client() as client:
        await client.subscribe_ticker(BTC, lambda _event: None)
        began_s = time.monotonic()
        for _ in range(100):
            with pytest.raises(SubscriptionError):
                await client.subscribe_ticker("KRW-BTC", print)
        assert time.monotonic() - began_s < 5


@on_both
async def test_a_call_that_is_refused_does_not_undo_the_one_made_at_the_same_time(served: House) -> None:
    async with served.client() as client:
        good, bad = await together(
            lambda: client.subscribe_ticker(BTC, lambda _event: None),
            lambda: client.subscribe_ticker(["KRW-NOPE"], print),
        )
        assert isinstance(bad, SubscriptionError)
        assert good.is_active
        assert client.get_active_symbols() == {"KRW-BTC"}
