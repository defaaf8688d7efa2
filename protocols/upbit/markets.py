"""The exchange's list of markets, `GET /v1/market/all`, and the two halves of a market's code.

Source: docs.upbit.com, list of trading pairs (read 2026-10).
"""

import msgspec
from msgspec import Struct

from protocols.errors import DecodeFailure
from protocols.unreadable import UNREADABLE


class MarketEvent(Struct, frozen=True):
    """Warnings about a market. `caution` has a flag per reason, such as `PRICE_FLUCTUATIONS`."""

    warning: bool = False
    caution: dict[str, bool] = {}

    @property
    def cautions(self) -> tuple[str, ...]:
        """The reasons that hold now."""
        return tuple(sorted(reason for reason, holds in self.caution.items() if holds))


class MarketInfo(Struct, frozen=True):
    """One market. `market_event` is there when details were asked for (`is_details=true`)."""

    market: str
    korean_name: str
    english_name: str
    market_event: MarketEvent | None = None

    @property
    def quote(self) -> str:
        """The currency that prices are in."""
        return quote_of(self.market)

    @property
    def base(self) -> str:
        """The currency that is bought and sold."""
        return base_of(self.market)


_decode = msgspec.json.Decoder(tuple[MarketInfo, ...]).decode


def decode_markets(body: bytes) -> tuple[MarketInfo, ...]:
    """Read the body of `/v1/market/all`.

    Raises:
        DecodeFailure: it is not a list of markets, or one of a market has no code of the form `QUOTE-BASE`.
    """
    try:
        markets = _decode(body)
    except UNREADABLE as error:
        raise DecodeFailure("$", f"not a list of markets: {error}", body) from None
    for index, info in enumerate(markets):
        if not info.quote or not info.base:
            raise DecodeFailure(f"$[{index}].market", f"{info.market!r} is no market code", body)
    return markets


def quote_of(code: str) -> str:
    """`KRW` of `KRW-BTC`."""
    return code.partition("-")[0]


def base_of(code: str) -> str:
    """`BTC` of `KRW-BTC`."""
    return code.partition("-")[2]
