"""Whether an order may be placed in a market by an account: units, least and greatest worth, funds.

Source: docs.upbit.com, price units and minimum orders (since 2025-07-31), error names (read 2026-10).
"""

from decimal import Decimal

from actors.exchange.market.market import Market
from actors.exchange.market.units import as_decimal, tick_e8
from actors.exchange.trading.account import Account
from actors.exchange.trading.amounts import AMOUNT_LIMIT, ONE, count_e8, exactly, is_amount
from actors.exchange.trading.order import FEE_RATE
from actors.exchange.trading.refusals import OrderRefused, refused_side
from actors.exchange.trading.terms import OrderTerms
from protocols.upbit.price_units import MAX_TOTAL_KRW, MIN_TOTAL


def check_amounts(market: Market, terms: OrderTerms) -> None:
    """Refuse a price off the units of its range, a volume with more than 8 decimals, a worth that is out of range.

    Args:
        market: where.
        terms: what is asked; they fit together (`check_terms`).

    Raises:
        OrderRefused: `invalid_price_*`, `validation_error`, `under_min_total_*` or `over_krw_funds_bid`.
    """
    if terms.volume is not None and not is_amount(terms.volume):
        raise OrderRefused("validation_error", f"volume is above 0, below {AMOUNT_LIMIT:.0e}, of at most 8 decimals")
    if terms.price is not None:
        _check_price(market, terms, terms.price)
    _check_total(market, terms)


def check_funds(account: Account, market: Market, terms: OrderTerms) -> None:
    """Refuse what the account cannot lock: a bid needs its worth and the fee, an ask its volume.

    Raises:
        OrderRefused: `insufficient_funds_bid` or `insufficient_funds_ask`.
    """
    needed = needed_funds(market, terms)
    currency = market.spec.base if terms.is_ask else market.quote
    available = account.available(currency)
    if needed > available:
        message = f"needs {needed:f} {currency}, available are {available:f}"
        raise refused_side("insufficient_funds", message, is_ask=terms.is_ask)


@exactly
def needed_funds(market: Market, terms: OrderTerms) -> Decimal:
    """What an order of these terms locks, in the currency that it locks."""
    if terms.is_ask:
        return terms.volume or Decimal(0)
    worth = (terms.price or Decimal(0)) * (ONE if terms.volume is None else terms.volume)
    return worth * (ONE + FEE_RATE[market.quote])


def _check_price(market: Market, terms: OrderTerms, price: Decimal) -> None:
    is_limit = terms.order_type == "limit"
    if not is_amount(price) or (is_limit and count_e8(price) % tick_e8(market.quote, count_e8(price))):
        message = (
            "price is off the price units of its range" if is_limit else "price is no amount of at most 8 decimals"
        )
        raise refused_side("invalid_price", message, is_ask=terms.is_ask)


@exactly
def _check_total(market: Market, terms: OrderTerms) -> None:
    total, least = _worth(market, terms), MIN_TOTAL[market.quote]
    if total < least:
        message = f"worth {total:f} {market.quote}, at least {least:f} are needed"
        raise refused_side("under_min_total", message, is_ask=terms.is_ask)
    if market.quote == "KRW" and total > MAX_TOTAL_KRW:
        message = f"worth {total:f} KRW, at most {MAX_TOTAL_KRW:f} are allowed"
        # The documentation names this error for bids only; that asks get the general one is assumed.
        raise OrderRefused("validation_error" if terms.is_ask else "over_krw_funds_bid", message)


def _worth(market: Market, terms: OrderTerms) -> Decimal:
    """What the order is worth in the quote currency; one that sells without a price, at the best bid (assumed)."""
    if terms.is_budget:
        return terms.price or Decimal(0)
    if terms.price is not None:
        return terms.price * (terms.volume or Decimal(0))
    best_e8, _ = market.book.bids.best()
    return as_decimal(best_e8 or market.day.last_e8) * (terms.volume or Decimal(0))
