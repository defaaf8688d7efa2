"""Clients that nobody cleans up: what they wanted is free as soon as they are gone, without a garbage collection."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from actors.client import WebSocketClient
from tests.actors.client.both_loops import on_both, until
from tests.actors.client.house import House

BTC = ["KRW-BTC"]


@pytest.fixture(autouse=True)
def no_collection() -> Iterator[None]:
    """References alone decide."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@on_both
async def test_a_client_that_is_forgotten_frees_what_it_wanted_at_once(served: House) -> None:
    seen: list[Any] = []
    client = served.client()
    await client.subscribe_ticker(BTC, seen.append)
    await until(lambda: seen)
    del client
    await served.wait_wanted()
    count = len(seen)
    async with served.client() as other:
        await (await other.subscribe_ticker(BTC, lambda _event: None)).first_event(30)
    assert len(seen) == count


class App:
    """A program's own object, as the course writes it: it holds its client, and its method is the callback."""

    def __init__(self, client: WebSocketClient) -> None:
        self.client = client
        self.seen: list[Any] = []
        self.sub: Any = None

    async def start(self) -> None:
        self.sub = await self.client.subscribe_ticker(BTC, self.on_ticker)
        await self.client.subscribe_trade(BTC, self.on_trade)

    async def start_with_listeners(self) -> None:
        for listen in (self.client.on_gap, self.client.on_state, self.client.on_error):
            listen(self.on_trade)
        await self.start()

    def on_ticker(self, event: Any) -> None:
        self.seen.append(event)

    async def on_trade(self, event: Any) -> None:
        self.seen.append(event)


@on_both
async def test_an_app_that_holds_its_client_and_is_its_callback_is_forgotten_with_it(
    served: House, caplog: pytest.LogCaptureFixture
) -> None:
    app = App(served.client())
    await app.start()
    seen = app.seen
    await until(lambda: len(seen) > 3)
    del app
    await served.wait_wanted()
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


@on_both
async def test_an_app_whose_methods_listen_to_reports_is_forgotten_with_its_client(served: House) -> None:
    app = App(served.client())
    await app.start_with_listeners()
    seen = app.seen
    await until(lambda: len(seen) > 3)
    del app
    await served.wait_wanted()


@on_both
async def test_a_callback_whose_object_was_forgotten_while_its_client_lives_is_told_once(served: House) -> None:
    reports: list[Any] = []
    async with served.client("kept") as client:
        client.on_error(reports.append)
        await App(client).start()  # Nobody keeps the app: what it subscribed is called no more.
        await until(lambda: len(reports) == 2)
        assert sorted(report.type for report in reports) == ["ticker", "trade"]
        assert all("App.on_t" in report.text and "keep a reference" in report.text for report in reports)
        health = client.health()
        await until(lambda: client.health().messages > health.messages + 20)
        assert len(reports) == 2


@on_both
async def test_a_client_lives_as_long_as_one_of_its_handles(served: House) -> None:
    client = served.client()
    sub = await client.subscribe_ticker(BTC)
    del client
    for _ in range(3):
        assert (await anext(sub)).symbol == "KRW-BTC"
    del sub
    await served.wait_wanted()
