"""Trades without a market, for tests of what is folded from them."""

from actors.exchange.market.events import Traded


def traded(
    t_ms: int, price_e8: int = 100, size_e8: int = 1, *, code: str = "KRW-BTC", sequential_id: int = 0
) -> Traded:
    return Traded(t_ms, code, sequential_id or t_ms * 10_000, True, price_e8, size_e8, 0, 0, 0, 0, 0, 0)
