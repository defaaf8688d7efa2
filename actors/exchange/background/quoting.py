"""Background traders: they keep books full around a fair price, trade, and change their minds.

The fair price of a market is its anchor times exp(bias + swing * sin(phase + 2 pi t / period) + noise + regimes), where
noise is a mean-reverting random walk and regimes are those of the market and of all markets (`regimes`). So prices move
all the time and never run away. At 00:00 UTC the anchor becomes the previous close, and the bias changes its sign, so
that a new day has its own surges, and leans back towards the anchor of the start.

Now and then a crowd of small orders joins the best prices, and one taker sweeps thirty of them within a millisecond; in
a crash or a pump that happens often.
"""

import math
import random
from collections.abc import Container
from functools import lru_cache
from typing import Final

from actors.exchange.background.regimes import ONE_MARKET, Phase, Regimes
from actors.exchange.market.book import Side
from actors.exchange.market.market import Market
from actors.exchange.market.units import DAY_MS, E8, floor_price, price_above, price_below, tick_e8

_SPARE_SHARE: Final = 0.4
"""How many levels more than the makers keep may stand in a book before the furthest are pulled, as a share."""

_NOISE_RECALL_S: Final = 45.0
_DAILY_PULL: Final = 0.5
_LONGEST_PULL: Final = 0.1
_FURTHEST_CLOSE: Final = 3
"""A close is believed up to so many times the anchor of the start, or so small a part of it."""

_LEVEL_SPACING: Final = 0.00006
"""Distance between levels as a share of the price, where the price unit is finer than that."""

_TRADE_SHARE: Final = 0.4
_ADD_SHARE: Final = 0.35
_SWEEP_SHARE: Final = 0.02
_TOUCHED_LEVELS: Final = 10

_BURST_SHARE: Final = 0.0006
_VIOLENT_BURST_SHARE: Final = 0.03
_BURST_TRADES: Final = 30
_BURST_LEVELS: Final = 3


@lru_cache(maxsize=1 << 14)
def _ladder(quote: str, is_ask: bool, top_e8: int, count: int) -> tuple[int, ...]:
    """The prices of the makers' levels, best first, away from the best; fewer where the price would reach 0."""
    prices: list[int] = []
    price_e8 = top_e8
    while price_e8 > 0 and len(prices) < count:
        prices.append(price_e8)
        tick = tick_e8(quote, price_e8)
        step = max(1, int(price_e8 * _LEVEL_SPACING) // tick) * tick
        if is_ask:
            price_e8 = floor_price(quote, (price_e8 // step + 1) * step)
        else:
            below = (price_e8 - 1) // step * step
            price_e8 = floor_price(quote, below) if below > 0 else 0
    return tuple(prices)


class Quoter:
    """The background traders of one market; every decision comes from `rng` and the time given.

    Args:
        market: the market they trade in.
        rng: their own source of chance.
        start_ms: when the simulation starts.
        everywhere: regimes that all markets share.
        account_orders: ids of orders that belong to accounts: only those are never cancelled here.
    """

    def __init__(
        self,
        market: Market,
        rng: random.Random,
        *,
        start_ms: int,
        everywhere: Regimes,
        account_orders: Container[int] = frozenset(),
    ) -> None:
        self.market = market
        self._account_orders = account_orders
        self._rng = rng
        self._start_ms = start_ms
        self._regimes = Regimes(random.Random(rng.getrandbits(64)), start_ms=start_ms, scope=ONE_MARKET)  # noqa: S311
        self._everywhere = everywhere
        self._noise = rng.gauss(0.0, market.spec.noise)
        self._noise_ms = start_ms
        self._anchor_e8 = market.spec.anchor_e8
        self._bias = market.spec.bias
        self._regimes_before = 0.0
        self._day = start_ms // DAY_MS
        funds = market.spec.turnover_e8 * E8 // 20_000
        self._typical_e8 = max(1, funds // market.spec.anchor_e8)

    def fair_price(self, now_ms: int) -> float:
        """The price that the background traders believe in, in 1e-8."""
        spec = self.market.spec
        moved = self._regimes.at(now_ms).offset(now_ms) + self._everywhere.at(now_ms).offset(now_ms)
        if now_ms // DAY_MS > self._day:
            self._roll_day(now_ms // DAY_MS, moved)
        elapsed_s = (now_ms - self._noise_ms) / 1000.0
        if elapsed_s > 0:
            kept = math.exp(-elapsed_s / _NOISE_RECALL_S)
            self._noise = self._noise * kept + spec.noise * math.sqrt(1 - kept * kept) * self._rng.gauss(0.0, 1.0)
            self._noise_ms = now_ms
        angle = spec.phase + 2 * math.pi * (now_ms - self._start_ms) / 1000.0 / spec.period_s
        leaning = self._bias + spec.swing * math.sin(angle) + self._noise
        return self._anchor_e8 * math.exp(leaning + moved - self._regimes_before)

    def open_book(self, t_ms: int) -> None:
        """Fill the book and make the first live trade."""
        self._requote(t_ms, self.fair_price(t_ms))
        self._trade(t_ms, is_buy=self._rng.random() < 0.5)

    def act(self, t_ms: int) -> None:
        """One event of this market: quotes follow the fair price, then somebody trades, adds or cancels."""
        fair = self.fair_price(t_ms)
        self._requote(t_ms, fair)
        phase = self._violent_phase(t_ms)
        draw = self._rng.random()
        if draw < (_BURST_SHARE if phase is None else _VIOLENT_BURST_SHARE):
            self._burst(t_ms, None if phase is None else phase.regime.buyers)
        elif draw < _TRADE_SHARE:
            self._trade(t_ms, is_buy=self._rng.random() < self._buyers_share(fair))
        elif draw < _TRADE_SHARE + _ADD_SHARE:
            self._add(t_ms)
        else:
            self._drop(t_ms)

    def _violent_phase(self, t_ms: int) -> Phase | None:
        phases = (self._regimes.at(t_ms), self._everywhere.at(t_ms))
        return next((phase for phase in phases if phase.regime.is_violent), None)

    def _roll_day(self, day: int, moved: float) -> None:
        spec = self.market.spec
        self._day = day
        close_e8 = self.market.day.last_e8 or self._anchor_e8
        # Two accounts may have closed the day at any price: a market that they moved further than this comes back.
        self._anchor_e8 = min(spec.anchor_e8 * _FURTHEST_CLOSE, max(spec.anchor_e8 // _FURTHEST_CLOSE, close_e8))
        self._regimes_before = moved
        away = math.log(self._anchor_e8 / spec.anchor_e8)
        # From the bias of the specification, not from that of yesterday: a pull upon a pull would swing ever wider.
        own_bias = -spec.bias if (day - self._start_ms // DAY_MS) % 2 else spec.bias
        self._bias = own_bias - min(_LONGEST_PULL, max(-_LONGEST_PULL, away)) * _DAILY_PULL

    def _buyers_share(self, fair: float) -> float:
        """Share of buyers among takers: more of them when the last price is below the fair one."""
        last = self.market.day.last_e8 or fair
        return min(0.9, max(0.1, 0.5 + (fair - last) / fair * 200.0))

    def _requote(self, t_ms: int, fair: float) -> None:
        """Let the book follow the fair price: stale quotes are pulled or hit, missing levels are filled."""
        quote, book, spec = self.market.quote, self.market.book, self.market.spec
        bid_top = floor_price(quote, round(fair))
        ask_top = price_above(quote, bid_top)
        self._clear_beyond(t_ms, book.asks, bid_top)
        self._clear_beyond(t_ms, book.bids, ask_top)
        if book.asks.prices:
            bid_top = min(bid_top, price_below(quote, book.asks.prices[0]))
        self._fill_side(t_ms, book.bids, bid_top, spec.bid_levels)
        if book.bids.prices:
            ask_top = max(ask_top, price_above(quote, book.bids.prices[-1]))
        self._fill_side(t_ms, book.asks, ask_top, spec.ask_levels)

    def _clear_beyond(self, t_ms: int, side: Side, limit_e8: int) -> None:
        """Makers pull quotes that the fair price has passed; an account's order there is hit by a taker."""
        while side.prices:
            price_e8 = side.prices[0 if side.is_ask else -1]
            if (price_e8 > limit_e8) if side.is_ask else (price_e8 < limit_e8):
                return
            size_e8 = side.levels[price_e8].size_e8
            for order_id in self._background_orders(side, price_e8):
                self.market.cancel(t_ms, order_id)
            if price_e8 in side.levels:
                share = self._rng.uniform(0.2, 1.2)
                wanted = min(self._size(3.0), max(1, int(size_e8 * share)))
                self.market.take(t_ms, is_buy=side.is_ask, size_e8=wanted, limit_e8=price_e8)
                if price_e8 in side.levels:
                    return  # Hit in part; the rest stays best in the book until the next event.

    def _fill_side(self, t_ms: int, side: Side, top_e8: int, count: int) -> None:
        levels = side.levels
        ladder = _ladder(self.market.quote, side.is_ask, top_e8, count)
        if not all(map(levels.__contains__, ladder)):  # Mostly nothing is missing: this is the quick way to know.
            for depth, price_e8 in enumerate(ladder):
                if price_e8 not in levels:
                    self._place(t_ms, side, price_e8, self._size(6.0 + depth))
        self._pull_furthest(t_ms, side, int(count * (1.0 + _SPARE_SHARE)))

    def _pull_furthest(self, t_ms: int, side: Side, most: int) -> None:
        """Pull the makers' quotes beyond the first `most` levels, the furthest first; orders of accounts stay there."""
        prices = side.prices
        if len(prices) <= most:
            return
        # As many levels again are looked at, not all: beyond them are orders of accounts, maybe thousands.
        beyond = prices[most : 2 * most] if side.is_ask else prices[-most - 1 : -2 * most - 1 : -1]
        for price_e8 in reversed(beyond):
            for order_id in self._background_orders(side, price_e8):
                self.market.cancel(t_ms, order_id)

    def _trade(self, t_ms: int, *, is_buy: bool) -> None:
        """Take from the other side as far as makers quote, not on to an order that an account left far away."""
        spec, side = self.market.spec, self.market.book.side(is_ask=is_buy)
        best_e8, _ = side.best()
        levels = _ladder(self.market.quote, side.is_ask, best_e8, spec.ask_levels if is_buy else spec.bid_levels)
        scale = 30.0 if self._rng.random() < _SWEEP_SHARE else 1.0
        size_e8 = self._size(scale)
        if levels:
            self.market.take(t_ms, is_buy=is_buy, size_e8=size_e8, limit_e8=levels[-1])

    def _burst(self, t_ms: int, buyers: bool | None) -> None:
        """A crowd of small orders joins the best prices, and one taker sweeps through them: thirty trades at once."""
        is_buy = self._rng.random() < 0.5 if buyers is None else buyers
        side = self.market.book.side(is_ask=is_buy)
        best = side.prices[:_BURST_LEVELS] if side.is_ask else side.prices[: -_BURST_LEVELS - 1 : -1]
        if not best:
            return
        for i in range(_BURST_TRADES):
            self._place(t_ms, side, best[i * len(best) // _BURST_TRADES], self._size(0.1))
        for _ in range(_BURST_TRADES):
            if not self.market.take_once(t_ms, is_buy=is_buy, size_e8=self._size(10.0), limit_e8=best[-1]):
                break

    def _add(self, t_ms: int) -> None:
        side = self.market.book.side(is_ask=self._rng.random() < 0.5)
        price_e8 = self._touched_price(side)
        if price_e8:
            self._place(t_ms, side, price_e8, self._size(2.0))

    def _drop(self, t_ms: int) -> None:
        spec, book = self.market.spec, self.market.book
        side = book.side(is_ask=self._rng.random() < 0.5)
        price_e8 = self._touched_price(side)
        if price_e8:
            orders = self._background_orders(side, price_e8)
            kept = spec.ask_levels if side.is_ask else spec.bid_levels
            if len(orders) > 1 or (orders and len(side.prices) > kept):
                self.market.cancel(t_ms, orders[-1])

    def _touched_price(self, side: Side) -> int:
        if not side.prices:
            return 0
        index = self._rng.randrange(min(_TOUCHED_LEVELS, len(side.prices)))
        return side.prices[index if side.is_ask else -1 - index]

    def _size(self, scale: float) -> int:
        return max(1, round(self._typical_e8 * scale * math.exp(self._rng.gauss(-0.3, 0.8))))

    def _place(self, t_ms: int, side: Side, price_e8: int, size_e8: int) -> None:
        self.market.place(t_ms, is_ask=side.is_ask, price_e8=price_e8, size_e8=size_e8)

    def _background_orders(self, side: Side, price_e8: int) -> list[int]:
        return [order_id for order_id in side.levels[price_e8].orders if order_id not in self._account_orders]
