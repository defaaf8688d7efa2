"""Which price steps a market's book can be grouped by: asked before one is subscribed that would stay silent."""

import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import msgspec

from actors.client import WebSocketConnectionError, list_markets
from actors.runtime.channel.asking import ask
from actors.runtime.run_dir import find_run_dir, socket_of
from protocols.errors import UpbitdError


async def supported_levels(symbol: str, *, run_dir: Path | None) -> tuple[float, ...] | None:
    """Return a market's levels in its quote currency, 0 (the book itself) first; None when they cannot be had.

    Without them the exchange itself has the last word: a book that does not come is reported. A tree is started where
    none runs.
    """
    with suppress(WebSocketConnectionError):
        markets = await list_markets(run_dir=run_dir)
        if all(info.market != symbol for info in markets):
            return None  # Who subscribes it is told so, with what was probably meant.
    path = socket_of(find_run_dir(None if run_dir is None else os.fspath(run_dir), os.environ), "public")
    try:
        answer = await ask(path, f"book {os.getpid()}", "orderbook_levels", {"market": symbol})
        return msgspec.convert(answer, tuple[float, ...]) or None
    except (UpbitdError, OSError, msgspec.ValidationError):
        return None


def level_problem(symbol: str, level: float, levels: Collection[float]) -> str:
    """Say that a market does not have a level, and which it has."""
    steps = ", ".join(f"{step:.12g}" for step in levels if step)
    what = f"choose a level of {steps}" if steps else "it has no levels"
    return f"orderbook: {symbol} cannot be grouped by {level:.12g}; {what}"
