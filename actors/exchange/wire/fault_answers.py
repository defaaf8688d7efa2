"""HTTP answers that faults give instead of the exchange's own."""

from typing import Final

from actors.exchange.faults.kinds import Refuse, RestStatus
from actors.exchange.rest.messages import Headers, HttpAnswer, error_answer

_NAMES: Final = {
    401: "jwt_verification",
    403: "market_offline",
    404: "not_found",
    418: "blocked",
    429: "too_many_requests",
    500: "internal_server_error",
    503: "service_unavailable",
}
"""The exchange's names of errors by status (documented, but for the last); of others the status is the name."""

_QUOTATION: Final = ("/v1/market/", "/v1/ticker", "/v1/trades/", "/v1/candles/", "/v1/orderbook")
_MESSAGE: Final = "a fault on demand of the simulated exchange"

MAINTENANCE_REFUSAL: Final = error_answer(503, _NAMES[503], "the exchange is in maintenance")


def handshake_refusal(fault: Refuse) -> HttpAnswer:
    """The answer to a handshake that is refused."""
    return error_answer(
        fault.status, _NAMES.get(fault.status, str(fault.status)), _MESSAGE, _retry_after(fault.retry_after_s)
    )


def status_answer(fault: RestStatus, path: str) -> HttpAnswer:
    """The answer to a request that gets a status; market data has it as the error's name (documented)."""
    headers = _retry_after(fault.retry_after_s)
    match fault.body:
        case "html":
            page = f"<html><head><title>{fault.status}</title></head><body><h1>{_MESSAGE}</h1></body></html>"
            return HttpAnswer(fault.status, page.encode(), headers, "text/html; charset=utf-8")
        case "text":
            return HttpAnswer(fault.status, _MESSAGE.encode(), headers, "text/plain; charset=utf-8")
        case "empty":
            return HttpAnswer(fault.status, b"", headers)
    name = fault.status if path.startswith(_QUOTATION) else _NAMES.get(fault.status, str(fault.status))
    return error_answer(fault.status, name, _MESSAGE, headers)


def _retry_after(retry_after_s: float | None) -> Headers:
    return () if retry_after_s is None else (("retry-after", f"{retry_after_s:.0f}"),)
