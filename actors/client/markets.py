"""The exchange's list of markets, as the tree knows it."""

import os
from functools import partial
from pathlib import Path
from typing import Final

from actors.client.delivery.switchboard import Switchboard
from actors.client.errors import SubscriptionError
from actors.client.hosts import current_host
from actors.runtime.run_dir import find_run_dir
from protocols.upbit.markets import MarketInfo

FRESH_S: Final = 60.0

QUOTES: Final = ("KRW", "BTC", "USDT")
"""What the exchange trades in (2026-09)."""


async def list_markets(
    quote: str | None = None, *, run_dir: str | Path | None = None, max_age_s: float = FRESH_S
) -> tuple[MarketInfo, ...]:
    """Return the markets of the exchange, in its own order, with their names and warnings.

    Args:
        quote: only those priced in this currency, such as `KRW`.
        run_dir: of the tree; `UPBITD_RUN_DIR` or the user's own when it is not given.
        max_age_s: how old the list may be; 0 asks the exchange now.

    Raises:
        SubscriptionError: an argument cannot be.
        WebSocketConnectionError: no tree can be reached, or the list cannot be had.
    """
    from actors.client.engine.engine import join  # noqa: PLC0415 - what it imports takes a while

    if quote is not None and (not isinstance(quote, str) or quote not in QUOTES):
        raise SubscriptionError(f"list_markets: no quote currency {quote!r}; the exchange has {', '.join(QUOTES)}")
    if isinstance(max_age_s, bool) or not isinstance(max_age_s, int | float) or not max_age_s >= 0:
        raise SubscriptionError(f"list_markets: max_age_s is {max_age_s!r}; write seconds, 0 or more")
    host = current_host()
    path = find_run_dir(None if run_dir is None else os.fspath(run_dir), os.environ)
    board = Switchboard("markets")
    engine, member = join("markets", path, board)
    member.host = host
    try:
        markets = await host.result_of(engine.call(partial(engine.markets, member, max_age_s)))
        return tuple(info for info in markets if quote is None or info.quote == quote)
    finally:
        engine.call(partial(engine.leave, member))


async def krw_markets(*, run_dir: str | Path | None = None) -> tuple[str, ...]:
    """Return the codes of all markets priced in KRW, at most a minute old; errors as `list_markets`."""
    return tuple(info.market for info in await list_markets("KRW", run_dir=run_dir))
