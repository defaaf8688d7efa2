"""A request that is refused, and the names and messages of the exchange's refusals.

Market data answers with the status as an integer name and one of four messages (documented, and seen 2026-09-23); the
exchange's side, which is accounts and orders, answers with a name of its own.
"""

from typing import Final, Literal

from actors.exchange.rest.messages import HttpAnswer, error_answer
from protocols.errors import UpbitdError

Family = Literal["quotation", "exchange"]
"""Market data by address, or accounts and orders by key: they differ in errors, limits and numbers."""

MISSING: Final = "Missing request parameter error. Check the required parameters!"
MISTYPED: Final = "Type mismatch error. Check the parameters type!"
INVALID: Final = "Invalid parameter. Check the given value!"
CODE_NOT_FOUND: Final = "Code not found"

VALIDATION_ERROR: Final = "validation_error"
INVALID_PARAMETER: Final = "invalid_parameter"
BAD_REQUEST: Final = "bad_request"


class RestRefused(UpbitdError):
    """A request that is answered with an error.

    Attributes:
        status: HTTP status.
        name: the exchange's name of the error; an integer for market data.
        message: what a person reads.
    """

    def __init__(self, status: int, name: str | int, message: str) -> None:
        self.status = status
        self.name = name
        self.message = message
        super().__init__(f"{status} {name}: {message}")

    def answer(self) -> HttpAnswer:
        """The answer that says so."""
        return error_answer(self.status, self.name, self.message)


def missing(family: Family, name: str) -> RestRefused:
    """A required parameter was not sent."""
    if family == "quotation":
        return RestRefused(400, 400, MISSING)
    return RestRefused(400, VALIDATION_ERROR, f"{name} is missing")


def mistyped(family: Family, name: str, expected: str) -> RestRefused:
    """A parameter is not of its type, such as a count that is no number."""
    if family == "quotation":
        return RestRefused(400, 400, MISTYPED)
    return RestRefused(400, INVALID_PARAMETER, f"{name} is not {expected}")


def invalid(family: Family, name: str, expected: str) -> RestRefused:
    """A parameter has the right type and a value that is not allowed."""
    if family == "quotation":
        return RestRefused(400, 400, INVALID)
    return RestRefused(400, INVALID_PARAMETER, f"{name} must be {expected}")


def code_not_found() -> RestRefused:
    """A market that is not listed; one such market fails the whole request for market data (seen 2026-09-23)."""
    return RestRefused(404, 404, CODE_NOT_FOUND)
