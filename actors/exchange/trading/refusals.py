"""Why an order is not taken: the exchange's names of it. Which HTTP status goes with a name is REST's business."""

from protocols.errors import UpbitdError


class OrderRefused(UpbitdError):
    """The exchange does not take an order, a cancel or a replacement; nothing happened.

    Attributes:
        name: the exchange's name of the error, such as `insufficient_funds_bid`.
        message: one sentence that says what to change.

    Source: docs.upbit.com, REST error names (read 2026-10); which name goes with which case is assumed where the
    documentation gives a list only.
    """

    def __init__(self, name: str, message: str) -> None:
        self.name = name
        self.message = message
        super().__init__(f"{name}: {message}")


def refused_side(name: str, message: str, *, is_ask: bool) -> OrderRefused:
    """A refusal whose name ends in the side of the order: `under_min_total` becomes `under_min_total_ask`."""
    return OrderRefused(f"{name}_{'ask' if is_ask else 'bid'}", message)


def order_not_found(what: str = "order") -> OrderRefused:
    """The order does not exist for this account, or is finished already (the name of the latter is assumed)."""
    return OrderRefused("order_not_found", f"{what} not found, or finished already")
