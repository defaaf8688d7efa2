"""Background traders: they keep books full around a fair price, trade, and change their minds.

The fair price of a market is its anchor times exp(bias + swing * sin(phase + 2 pi t / period) + noise), where noise is
a mean-reverting random walk. So prices move all the time and never run away. At 00:00 UTC the anchor becomes the
previous close and the bias changes its sign, so that a new day has its own surges.
"""

import math
import random
from collections.abc import Container, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from actors.exchange.market.book import Side
from actors.exchange.market.market import Market
from actors.exchange.market.units import DAY_MS, E8, floor_price, price_above, price_below, tick_e8

LEVELS: Final = 34
"""Levels a side that the makers keep: a little more than the 30 that are shown."""

MOST_LEVELS: Final = 48
HISTORY_MS: Final = 25 * 3_600_000
HISTORY_TRADES: Final = 100
WARM_UP_MS: Final = 60_000
"""Books and one live trade per market exist for up to this long before the start."""

_NOISE_RECALL_S: Final = 45.0
_LEVEL_SPACING: Final = 0.00006
"""Distance between levels as a share of the price, where the price unit is finer than that."""

_SWEEP_SHARE: Final = 0.02
_TOUCHED_LEVELS: Final = 10


@lru_cache(maxsize=1 << 17)
def _next_level(quote: str, price_e8: int, is_ask: bool) -> int:
    """The price of the maker's next level away from the best; 0 below the lowest bid."""
    step = max(1, int(price_e8 * _LEVEL_SPACING) // tick_e8(quote, price_e8)) * tick_e8(quote, price_e8)
    if is_ask:
        return floor_price(quote, (price_e8 // step + 1) * step)
    below = (price_e8 - 1) // step * step
    return floor_price(quote, below) if below > 0 else 0


class PastTrade(NamedTuple):
    """A trade of the time before the start."""

    t_ms: int
    code: str
    is_buy: bool
    price_e8: int
    size_e8: int


class Quoter:
    """The background traders of one market; every decision comes from `rng` and the time given.

    Args:
        market: the market they trade in.
        rng: their own source of chance.
        start_ms: when the simulation starts.
        account_orders: ids of orders that belong to accounts: only those are never cancelled here.
    """

    def __init__(
        self, market: Market, rng: random.Random, *, start_ms: int, account_orders: Container[int] = frozenset()
    ) -> None:
        self._market = market
        self._account_orders = account_orders
        self._rng = rng
        self._start_ms = start_ms
        self._noise = rng.gauss(0.0, market.spec.noise)
        self._noise_ms = start_ms
        self._anchor_e8 = market.spec.anchor_e8
        self._bias = market.spec.bias
        self._day = start_ms // DAY_MS
        funds = market.spec.turnover_e8 * E8 // 20_000
        self._typical_e8 = max(1, funds // market.spec.anchor_e8)

    def fair_price(self, now_ms: int) -> float:
        """The price that the background traders believe in, in 1e-8."""
        self._roll_day(now_ms)
        spec = self._market.spec
        elapsed_s = (now_ms - self._noise_ms) / 1000.0
        if elapsed_s > 0:
            kept = math.exp(-elapsed_s / _NOISE_RECALL_S)
            self._noise = self._noise * kept + spec.noise * math.sqrt(1 - kept * kept) * self._rng.gauss(0.0, 1.0)
            self._noise_ms = now_ms
        angle = spec.phase + 2 * math.pi * (now_ms - self._start_ms) / 1000.0 / spec.period_s
        return self._anchor_e8 * math.exp(self._bias + spec.swing * math.sin(angle) + self._noise)

    def past_trades(self) -> Iterator[PastTrade]:
        """The trades of the 25 hours before the start, in order: from yesterday's close to the price of now."""
        rng, market = self._rng, self._market
        end_price = self.fair_price(self._start_ms)
        midnight_ms = self._start_ms - self._start_ms % DAY_MS
        volumes = [rng.lognormvariate(0.0, 0.7) for _ in range(HISTORY_TRADES)]
        # The window of 24 hours holds 24/25 of these trades.
        scale = market.spec.turnover_e8 * 25 / 24 / sum(volumes)
        begin_ms, end_ms = self._start_ms - HISTORY_MS, self._start_ms - WARM_UP_MS
        for i, volume in enumerate(volumes):
            t_ms = begin_ms + (end_ms - begin_ms) * (i + 1) // HISTORY_TRADES - rng.randrange(1000, 60_000)
            today = max(0.0, (t_ms - midnight_ms) / (end_ms - midnight_ms)) if t_ms >= midnight_ms else 0.0
            path = market.spec.anchor_e8 + (end_price - market.spec.anchor_e8) * today
            price_e8 = floor_price(market.quote, round(path * (1 + rng.gauss(0.0, 0.0015) * (today > 0.0))))
            size_e8 = max(1, round(volume * scale * E8 / price_e8))
            yield PastTrade(t_ms, market.code, rng.random() < 0.5, price_e8, size_e8)

    def open_book(self, t_ms: int) -> None:
        """Fill the book and make the first live trade."""
        self._requote(t_ms, self.fair_price(t_ms))
        self._trade(t_ms, is_buy=self._rng.random() < 0.5)

    def act(self, t_ms: int) -> None:
        """One event of this market: quotes follow the fair price, then somebody trades, adds or cancels."""
        fair = self.fair_price(t_ms)
        self._requote(t_ms, fair)
        draw = self._rng.random()
        if draw < 0.4:
            self._trade(t_ms, is_buy=self._rng.random() < self._buyers_share(fair))
        elif draw < 0.75:
            self._add(t_ms)
        else:
            self._drop(t_ms)

    def _roll_day(self, now_ms: int) -> None:
        if now_ms // DAY_MS > self._day:
            self._day = now_ms // DAY_MS
            self._bias = -self._bias
            self._anchor_e8 = self._market.day.last_e8 or self._anchor_e8

    def _buyers_share(self, fair: float) -> float:
        """Share of buyers among takers: more of them when the last price is below the fair one."""
        last = self._market.day.last_e8 or fair
        return min(0.9, max(0.1, 0.5 + (fair - last) / fair * 200.0))

    def _requote(self, t_ms: int, fair: float) -> None:
        """Let the book follow the fair price: stale quotes are pulled or hit, missing levels are filled."""
        market = self._market
        bid_top = floor_price(market.quote, round(fair))
        ask_top = price_above(market.quote, bid_top)
        self._clear_beyond(t_ms, market.book.asks, bid_top)
        self._clear_beyond(t_ms, market.book.bids, ask_top)
        best_ask, _ = market.book.asks.best()
        if best_ask:
            bid_top = min(bid_top, price_below(market.quote, best_ask))
        self._fill_side(t_ms, market.book.bids, bid_top)
        best_bid, _ = market.book.bids.best()
        self._fill_side(t_ms, market.book.asks, max(ask_top, price_above(market.quote, best_bid)))

    def _clear_beyond(self, t_ms: int, side: Side, limit_e8: int) -> None:
        """Makers pull quotes that the fair price has passed; an account's order there is hit by a taker."""
        while side.prices:
            price_e8, size_e8 = side.best()
            if (price_e8 > limit_e8) if side.is_ask else (price_e8 < limit_e8):
                return
            for order_id in self._background_orders(side, price_e8):
                self._market.cancel(t_ms, order_id)
            if price_e8 in side.levels:
                share = self._rng.uniform(0.2, 1.2)
                wanted = min(self._size(3.0), max(1, int(size_e8 * share)))
                self._market.take(t_ms, is_buy=side.is_ask, size_e8=wanted, limit_e8=price_e8)
                if price_e8 in side.levels:
                    return  # Hit in part; the rest stays best in the book until the next event.

    def _fill_side(self, t_ms: int, side: Side, top_e8: int) -> None:
        quote, levels = self._market.quote, side.levels
        price_e8 = top_e8
        for depth in range(LEVELS):
            if price_e8 <= 0:
                break
            if price_e8 not in levels:
                self._place(t_ms, side, price_e8, self._size(6.0 + depth))
            price_e8 = _next_level(quote, price_e8, side.is_ask)
        while len(side.prices) > MOST_LEVELS:
            far = side.prices[-1 if side.is_ask else 0]
            for order_id in self._background_orders(side, far):
                self._market.cancel(t_ms, order_id)
            if far in levels:
                break  # An account's order rests there; only its owner may cancel it.

    def _trade(self, t_ms: int, *, is_buy: bool) -> None:
        scale = 30.0 if self._rng.random() < _SWEEP_SHARE else 1.0
        self._market.take(t_ms, is_buy=is_buy, size_e8=self._size(scale))

    def _add(self, t_ms: int) -> None:
        side = self._market.book.side(is_ask=self._rng.random() < 0.5)
        price_e8 = self._touched_price(side)
        if price_e8:
            self._place(t_ms, side, price_e8, self._size(2.0))

    def _drop(self, t_ms: int) -> None:
        side = self._market.book.side(is_ask=self._rng.random() < 0.5)
        price_e8 = self._touched_price(side)
        if price_e8:
            orders = self._background_orders(side, price_e8)
            if len(orders) > 1 or (orders and len(side.prices) > LEVELS):
                self._market.cancel(t_ms, orders[-1])

    def _touched_price(self, side: Side) -> int:
        if not side.prices:
            return 0
        index = self._rng.randrange(min(_TOUCHED_LEVELS, len(side.prices)))
        return side.prices[index if side.is_ask else -1 - index]

    def _size(self, scale: float) -> int:
        return max(1, round(self._typical_e8 * scale * self._rng.lognormvariate(-0.3, 0.8)))

    def _place(self, t_ms: int, side: Side, price_e8: int, size_e8: int) -> None:
        self._market.place(t_ms, is_ask=side.is_ask, price_e8=price_e8, size_e8=size_e8)

    def _background_orders(self, side: Side, price_e8: int) -> list[int]:
        return [order_id for order_id in side.levels[price_e8].orders if order_id not in self._account_orders]
