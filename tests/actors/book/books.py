"""Order books to show."""

from protocols.upbit.messages import Orderbook, OrderbookUnit


def book(
    symbol: str = "KRW-BTC",
    *,
    best_bid: float = 100_000_000.0,
    step: float = 1000.0,
    depth: int = 30,
    size: float = 0.5,
    level: float = 0.0,
    timestamp: int = 1,
) -> Orderbook:
    """A book whose best ask is one step above the best bid, and whose sizes grow outwards."""
    units = tuple(
        OrderbookUnit(best_bid + step * (n + 1), best_bid - step * n, size * (n + 1), size * (n + 2))
        for n in range(depth)
    )
    return Orderbook(symbol, timestamp, 1.0, 1.0, units, "REALTIME", level)
