"""A run directory as the engine uses it, without a tree: the test answers for the actor."""

from pathlib import Path
from typing import Any

import pytest
import trio

from actors.client.engine.place import Place
from actors.client.errors import WebSocketConnectionError
from actors.client.wishes import Server
from actors.runtime.channel.asking import Arguments


class AnsweredPlace(Place):
    """A place whose actor answers with the next of these lists."""

    answers: list[list[dict[str, Any]]]

    async def ask(self, server: Server, method: str, arguments: Arguments | None = None) -> object:
        assert (server, method) == ("public", "markets")
        return self.answers.pop(0)


BTC = {"market": "KRW-BTC", "korean_name": "비트코인", "english_name": "Bitcoin"}


def test_an_empty_list_of_markets_is_told_and_not_believed(tmp_path: Path) -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            place = AnsweredPlace(tmp_path, nursery)
            place.answers = [[], [BTC], []]
            with pytest.raises(WebSocketConnectionError, match="list of markets came empty"):
                await place.refresh_markets(60.0)
            await place.refresh_markets(60.0)
            with pytest.raises(WebSocketConnectionError, match="list of markets came empty"):
                await place.refresh_markets(0.0)
            assert place.directory.codes() == ("KRW-BTC",)
            await place.check_markets("ticker", ("KRW-BTC",))

    trio.run(main)
