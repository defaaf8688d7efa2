"""How requests choose among one account's orders: by ids, market, state, side, page and time.

Source: docs.upbit.com, order queries (read 2026-10). A state or an id in both spellings at once is refused there; which
error name that has was not recorded: `invalid_parameter` is assumed.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from actors.exchange.market.market import Market
from actors.exchange.market.units import DAY_MS
from actors.exchange.rest.errors import INVALID_PARAMETER, RestRefused, invalid, missing
from actors.exchange.rest.parameters import Parameters
from actors.exchange.trading.account import Account
from actors.exchange.trading.desk import Desk
from actors.exchange.trading.order import Order

NEWEST_FIRST: Final = "desc"
ORDERINGS: Final = ("asc", NEWEST_FIRST)
LONGEST_WINDOW_MS: Final = 7 * DAY_MS


class Window(NamedTuple):
    """A span of creation times in milliseconds since the epoch, both ends included."""

    start_ms: int
    end_ms: int

    def holds(self, order: Order) -> bool:
        """Whether an order was created within, by the whole second that it is shown with."""
        return self.start_ms // 1000 <= order.created_ms // 1000 <= self.end_ms // 1000


def market_of(markets: Mapping[str, Market], code: str) -> Market:
    """The market of a code.

    Raises:
        RestRefused: there is none; lower-case codes are none either (assumed).
    """
    market = markets.get(code)
    if market is None:
        raise RestRefused(400, "notfoundmarket", f"there is no market {code[:40]}")
    return market


def wanted_code(parameters: Parameters, markets: Mapping[str, Market]) -> str | None:
    """The market that a query is limited to, None for all."""
    code = parameters.text("market")
    return None if code is None else market_of(markets, code).code


def one_order(desk: Desk, account: Account, parameters: Parameters, *, prefix: str = "") -> Order:
    """The order that `uuid` or `identifier` names; the uuid wins.

    Args:
        desk: where it is looked for.
        account: whose orders.
        parameters: of the request.
        prefix: what stands before both names, such as `prev_order_`.

    Raises:
        RestRefused: neither is given, or the account has no such order; another account's order is not found either.
    """
    uuid, identifier = parameters.text(f"{prefix}uuid"), parameters.text(f"{prefix}identifier")
    if uuid is None and identifier is None:
        raise missing(parameters.family, f"{prefix}uuid or {prefix}identifier")
    order = desk.find(account, uuid=uuid) if uuid is not None else desk.find(account, identifier=identifier)
    if order is None:
        raise order_not_found()
    return order


def order_not_found() -> RestRefused:
    """The account has no such order, or it is finished and cannot be cancelled any more (assumed for the latter)."""
    return RestRefused(404, "order_not_found", "the order was not found, or is finished already")


def several_orders(desk: Desk, account: Account, parameters: Parameters, *, most: int) -> list[Order]:
    """The orders that `uuids[]` or `identifiers[]` name, each once, in the order named; unknown ones are left out.

    Raises:
        RestRefused: neither list is given, or both, or one with more than `most` entries.
    """
    uuids, identifiers = parameters.texts("uuids", most=most), parameters.texts("identifiers", most=most)
    if not uuids and not identifiers:
        raise missing(parameters.family, "uuids[] or identifiers[]")
    if uuids and identifiers:
        raise RestRefused(400, INVALID_PARAMETER, "uuids[] and identifiers[] must not be combined")
    found = [desk.find(account, uuid=uuid) for uuid in uuids]
    found += [desk.find(account, identifier=identifier) for identifier in identifiers]
    return [order for order in found if order is not None]


def wanted_states(parameters: Parameters, allowed: Collection[str], default: Collection[str]) -> Collection[str]:
    """The states that `state` or `states[]` name, the default when neither is given.

    Raises:
        RestRefused: both are given (documented), or a state that this query does not know.
    """
    single, several = parameters.choice("state", allowed), parameters.texts("states")
    if single is not None and several:
        raise RestRefused(400, INVALID_PARAMETER, "state and states[] must not be combined")
    for state in several:
        if state not in allowed:
            raise invalid(parameters.family, "states[]", "one of " + ", ".join(allowed))
    return (single,) if single is not None else several or default


def arranged(parameters: Parameters, orders: Iterable[Order]) -> list[Order]:
    """Orders by creation, newest first unless `order_by` says `asc`."""
    newest_first = parameters.choice("order_by", ORDERINGS, NEWEST_FIRST) == NEWEST_FIRST
    return sorted(orders, key=_creation, reverse=newest_first)


def page_of(parameters: Parameters, orders: Sequence[Order], *, most: int) -> Sequence[Order]:
    """One page of what is there now: orders move between pages while some of them end (as on the exchange)."""
    page = parameters.integer("page", default=1)
    limit = parameters.integer("limit", default=most, most=most)
    return orders[(page - 1) * limit : page * limit]


def wanted_window(parameters: Parameters, now_ms: int) -> Window:
    """The time window of `start_time` and `end_time`; of one that is given the 7 days from or up to it (documented).

    Without both it is the 7 days up to now.

    Raises:
        RestRefused: it is longer than 7 days (documented), or ends before it starts.
    """
    start_ms, end_ms = parameters.time_ms("start_time"), parameters.time_ms("end_time")
    if end_ms is None:
        end_ms = now_ms if start_ms is None else start_ms + LONGEST_WINDOW_MS
    if start_ms is None:
        start_ms = end_ms - LONGEST_WINDOW_MS
    if not 0 <= end_ms - start_ms <= LONGEST_WINDOW_MS:
        raise invalid(parameters.family, "end_time", "at most 7 days after start_time, and not before it")
    return Window(start_ms, end_ms)


def _creation(order: Order) -> tuple[int, int]:
    return order.created_ms, order.order_id
