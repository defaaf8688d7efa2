"""Quotation REST of the exchange: one client, one budget, since the exchange counts requests by IP."""

import importlib
from types import TracebackType
from typing import Any, Final, Self

import trio
from structlog.typing import FilteringBoundLogger

from actors.connections.http_answers import parse_error, parse_retry_after
from actors.runtime.process.counters import Counter
from protocols.errors import ConnectionLost, ExchangeRefused, SettingsError
from protocols.upbit.instruments import decode_instruments
from protocols.upbit.limits import RequestBudget, parse_remaining_req
from protocols.upbit.markets import MarketInfo, decode_markets

TIMEOUT_S: Final = 5.0
ATTEMPTS: Final = 3
RETRY_S: Final = 0.5
RETRIED: Final = frozenset((429, 418, 500, 502, 503, 504))
SAMPLE_BYTES: Final = 200
"""How much of a refusal's text is told."""


class QuotationRest:
    """Asks the exchange's public REST API, never faster than it allows.

    Args:
        base: address of the API without `/v1`.
    """

    def __init__(self, base: str, counters: Counter, log: FilteringBoundLogger) -> None:
        self._base = base
        self._counters = counters
        self._log = log
        self._budget = RequestBudget()
        self._http: Any = None  # The module httpx2, once it is loaded.
        self._client: Any = None
        self._lock = trio.Lock()
        self._markets: tuple[MarketInfo, ...] = ()
        self._markets_s = float("-inf")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            with trio.move_on_after(1, shield=True):
                await self._client.aclose()

    async def markets(self, *, max_age_s: float) -> tuple[MarketInfo, ...]:
        """All markets of the exchange, at most `max_age_s` old.

        Raises:
            ExchangeRefused: the exchange answered with an error.
            ConnectionLost: no answer after three attempts.
            DecodeFailure: the answer is no list of markets.
            SettingsError: the address of the API is none.
        """
        async with self._lock:
            if trio.current_time() - self._markets_s >= max_age_s:
                self._markets = decode_markets(await self._get("market", "/v1/market/all", {"is_details": "true"}))
                self._markets_s = trio.current_time()
                self._log.info("rest.markets", markets=len(self._markets))
            return self._markets

    async def orderbook_levels(self, market: str) -> tuple[float, ...]:
        """Price steps that the book of `market` can be grouped by now, in its quote currency; 0 for the book itself.

        Empty when the exchange's answer is not about this market.

        Raises:
            ExchangeRefused: the exchange answered with an error, as for a market that it does not have.
            ConnectionLost, DecodeFailure, SettingsError: as for `markets`.
        """
        async with self._lock:
            body = await self._get("orderbook", "/v1/orderbook/instruments", {"markets": market})
        instruments = decode_instruments(body)
        return next((found.supported_levels for found in instruments if found.market == market), ())

    async def _get(self, group: str, path: str, query: dict[str, str]) -> bytes:
        problem = ""
        for attempt in range(1, ATTEMPTS + 1):
            await trio.sleep_until(self._budget.permit_at_s(group, trio.current_time()))
            self._budget.take(group, trio.current_time())
            self._counters.add("rest_requests")
            await self._load()
            try:
                answer = await self._client.get(path, params=query)
            except self._http.RequestError as error:  # With what no transport is to blame for: an unreadable encoding.
                problem = f"{type(error).__name__}: {error}"
            else:
                now_s = trio.current_time()
                if answer.status_code == 200:
                    self._budget.answered(group, parse_remaining_req(answer.headers.get("remaining-req")), now_s)
                    return bytes(answer.content)
                problem = f"HTTP {answer.status_code}"
                if answer.status_code in {418, 429}:
                    wait_s = parse_retry_after(answer.headers.get("retry-after", ""))
                    self._budget.refused(group, answer.status_code, now_s, retry_after_s=wait_s)
                if answer.status_code not in RETRIED:
                    raise _refusal(answer.status_code, bytes(answer.content))
            self._counters.add("rest_failures")
            self._log.warning("rest.failed", path=path, attempt=attempt, of=ATTEMPTS, reason=problem)
            await trio.sleep(RETRY_S * attempt)
        raise ConnectionLost(f"GET {self._base}{path}: no answer after {ATTEMPTS} attempts, the last one: {problem}")

    async def _load(self) -> None:
        """Load the library in a thread when it is first needed: its 0.15 s must not delay a restart."""
        if self._client is None:
            self._http = await trio.to_thread.run_sync(importlib.import_module, "httpx2")
            try:
                self._client = self._http.AsyncClient(base_url=self._base, timeout=TIMEOUT_S)
            except self._http.InvalidURL as error:
                raise SettingsError(f"exchange.rest_url: {self._base!r} cannot be used: {error}") from None


def _refusal(status: int, body: bytes) -> ExchangeRefused:
    """Read an error body; what is not the exchange's is shown as it begins."""
    error = parse_error(body)
    if error is None:
        return ExchangeRefused(str(status), body[:SAMPLE_BYTES].decode("utf-8", "replace"), status=status)
    return ExchangeRefused(str(error.name), error.message[:SAMPLE_BYTES], status=status)
