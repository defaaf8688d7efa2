"""The routes of REST: who asks for what, whether it is too often, and what is answered."""

from typing import Final

import trio

from actors.exchange.rest.limits import AddressLimits, remaining_header
from actors.exchange.rest.messages import HttpAnswer, HttpRequest, error_answer, json_answer
from actors.exchange.sources.source import Source

_CAUTIONS: Final = (
    "PRICE_FLUCTUATIONS", "TRADING_VOLUME_SOARING", "DEPOSIT_AMOUNT_SOARING",
    "GLOBAL_PRICE_DIFFERENCES", "CONCENTRATION_OF_SMALL_ACCOUNTS",
)  # fmt: skip


class RestService:
    """Answers everything below `/v1`.

    Args:
        source: what is asked about.
        limits: how often an address may ask; shared with handshakes.
    """

    def __init__(self, source: Source, limits: AddressLimits) -> None:
        self._source = source
        self._limits = limits

    def answer(self, request: HttpRequest, address: str) -> HttpAnswer:
        """Answer one request of an address."""
        if (request.method, request.path) == ("GET", "/v1/market/all"):
            return self._market_all(request, address)
        return error_answer(404, "not_found", "no such path")

    def _market_all(self, request: HttpRequest, address: str) -> HttpAnswer:
        counted = "origin" if "origin" in request.headers else "market"
        left = self._limits.admit(address, counted, trio.current_time())
        headers = remaining_header(counted, left or 0)
        if left is None:
            return error_answer(429, 429, "Too many API requests.", headers)
        details = request.query.get("is_details", request.query.get("isDetails", ["false"]))[-1].lower()
        if details not in {"true", "false"}:
            return error_answer(400, 400, "Type mismatch error. Check the parameters type!", headers)
        documents = [_market_document(*names, details=details == "true") for names in self._source.markets()]
        return json_answer(200, documents, headers)


def _market_document(code: str, korean_name: str, english_name: str, *, details: bool) -> dict[str, object]:
    document: dict[str, object] = {"market": code, "korean_name": korean_name, "english_name": english_name}
    if details:
        document["market_event"] = {"warning": False, "caution": dict.fromkeys(_CAUTIONS, False)}
    return document
