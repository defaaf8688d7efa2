"""What each currency of an account was bought for on average, in KRW: `avg_buy_price` of accounts.

A purchase counts with its price and without its fee, a sale leaves the average as it is, and one that sells everything
ends it. What an account owned at the start counts as bought at the price of that moment, and purchases with BTC or USDT
at what that currency was worth in KRW. All of this is assumed: the documentation has the field and no rule.
"""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import Final

from actors.exchange.market.market import Market
from actors.exchange.market.units import as_decimal
from actors.exchange.trading.account import Account
from actors.exchange.trading.desk import Desk
from actors.exchange.trading.order import Fill, Order

_KRW: Final = "KRW"
_CROSS: Final = "BTC"
_ZERO: Final = Decimal(0)
_PLACES: Final = Decimal("1E-8")
_PRECISION: Final = Context(prec=60)


class AverageBuyPrices:
    """Average prices of all accounts, folded from their fills as they come.

    Bounded by the number of accounts times that of currencies.

    Args:
        desk: whose fills count, from now on.
        markets: by code; they tell what a currency is worth.
    """

    def __init__(self, desk: Desk, markets: Mapping[str, Market]) -> None:
        self._desk = desk
        self._markets = markets
        self._prices: dict[tuple[str, str], Decimal] = {}
        for account in desk.accounts.values():
            for asset in account.assets():
                if asset.total:
                    self._prices[account.access_key, asset.currency] = self._worth_krw(asset.currency) or _ZERO
        desk.on_fill(self._filled)

    def of(self, account: Account, currency: str) -> Decimal:
        """The average in KRW, 0 for KRW itself and for what is not owned or has no price in KRW."""
        return _ZERO if currency == _KRW else self._prices.get((account.access_key, currency), _ZERO)

    def _filled(self, access_key: str, order_uuid: str, fill: Fill) -> None:
        account = self._desk.accounts[access_key]
        order = self._desk.find(account, uuid=order_uuid)
        if order is None:
            return
        base = order.market.spec.base
        total = account.asset(base).total
        if order.is_ask:
            if not total:
                self._prices.pop((access_key, base), None)
            return
        self._bought(order, fill, total)

    def _bought(self, order: Order, fill: Fill, total: Decimal) -> None:
        """Mix the price of a purchase into the average; `total` is what is owned after it."""
        key = order.account.access_key, order.market.spec.base
        rate = self._worth_krw(order.market.quote)
        if rate is None:
            return
        with localcontext(_PRECISION):
            before = self._prices.get(key, _ZERO) * (total - fill.volume)
            average = (before + fill.funds * rate) / total
            self._prices[key] = average.quantize(_PLACES, rounding=ROUND_HALF_EVEN)

    def _worth_krw(self, currency: str) -> Decimal | None:
        """Price of a currency in KRW, directly or by way of BTC; None when the markets do not tell."""
        if currency == _KRW:
            return Decimal(1)
        direct = self._last(f"{_KRW}-{currency}")
        if direct is not None:
            return direct
        bitcoin = self._last(f"{_KRW}-{_CROSS}")
        per_bitcoin, in_bitcoin = self._last(f"{currency}-{_CROSS}"), self._last(f"{_CROSS}-{currency}")
        with localcontext(_PRECISION):
            if bitcoin is not None and per_bitcoin:
                return (bitcoin / per_bitcoin).quantize(_PLACES, rounding=ROUND_HALF_EVEN)
            return bitcoin * in_bitcoin if bitcoin is not None and in_bitcoin else None

    def _last(self, code: str) -> Decimal | None:
        market = self._markets.get(code)
        return None if market is None else as_decimal(market.day.last_e8)
