"""What an account has, what it may order in a market, and which keys it has.

Source: docs.upbit.com, accounts and order chance (read 2026-10).
"""

from typing import Final

from actors.exchange.market.units import DAY_MS
from actors.exchange.rest.messages import HttpAnswer, json_answer
from actors.exchange.rest.orders.amounts import amount_text, kst_seconds
from actors.exchange.rest.orders.averages import AverageBuyPrices
from actors.exchange.rest.orders.documents import Document, balance_document
from actors.exchange.rest.orders.owner import owner_of
from actors.exchange.rest.orders.selection import market_of
from actors.exchange.rest.routes import Call
from actors.exchange.trading.account import Account
from actors.exchange.trading.order import FEE_RATE
from actors.exchange.trading.venue import Venue
from protocols.upbit.price_units import MAX_TOTAL_KRW, MIN_TOTAL

_KRW: Final = "KRW"
_KEY_LIFE_MS: Final = 365 * DAY_MS

BID_TYPES: Final = ("best_fok", "best_ioc", "limit", "limit_fok", "limit_ioc", "price")
ASK_TYPES: Final = ("best_fok", "best_ioc", "limit", "limit_fok", "limit_ioc", "market")
"""As in the documented example, which does not name post_only although it is taken."""


class AccountQueries:
    """Handlers that tell about accounts.

    Args:
        venue: whose accounts.
    """

    def __init__(self, venue: Venue) -> None:
        self._markets = venue.simulation.markets
        self._averages = AverageBuyPrices(venue.simulation.desk, self._markets)
        self._keys_expire_ms = venue.simulation.now_ms + _KEY_LIFE_MS

    def balances(self, call: Call) -> HttpAnswer:
        """`GET /v1/accounts`: KRW, and every other currency of which anything is left (assumed)."""
        account = owner_of(call)
        owned = [asset.currency for asset in account.assets() if asset.total and asset.currency != _KRW]
        return json_answer(200, [self._balance(account, currency) for currency in (_KRW, *owned)])

    def chance(self, call: Call) -> HttpAnswer:
        """`GET /v1/orders/chance`: fees, kinds of order, least and greatest worth, and the balances of both sides.

        The greatest worth is documented for KRW markets only, and left out of the others.
        """
        account = owner_of(call)
        market = market_of(self._markets, call.parameters.required("market"))
        quote, base = market.quote, market.spec.base
        fee, least = amount_text(FEE_RATE[quote]), amount_text(MIN_TOTAL[quote])
        rules: Document = {
            "id": market.code,
            "name": f"{base}/{quote}",
            "order_types": ["limit"],
            "order_sides": ["ask", "bid"],
            "bid_types": BID_TYPES,
            "ask_types": ASK_TYPES,
            "bid": {"currency": quote, "min_total": least},
            "ask": {"currency": base, "min_total": least},
            "state": "active",
        }
        if quote == _KRW:
            rules["max_total"] = amount_text(MAX_TOTAL_KRW)
        fees = dict.fromkeys(("bid_fee", "ask_fee", "maker_bid_fee", "maker_ask_fee"), fee)
        both = {"bid_account": self._balance(account, quote), "ask_account": self._balance(account, base)}
        return json_answer(200, fees | {"market": rules} | both)

    def keys(self, call: Call) -> HttpAnswer:
        """`GET /v1/api_keys`: the account's one key; it expires a year after the start (documented: keys last a year).

        Not part of the reference of 2026-10; clients written before use it.
        """
        expires = kst_seconds(self._keys_expire_ms)
        return json_answer(200, [{"access_key": owner_of(call).access_key, "expire_at": expires}])

    def _balance(self, account: Account, currency: str) -> Document:
        return balance_document(account, currency, self._averages.of(account, currency))
