"""What the exchange says about a market's order book, `GET /v1/orderbook/instruments`.

Source: docs.upbit.com, order book instruments (read 2026-10).
"""

import math

import msgspec
from msgspec import Struct

from protocols.errors import DecodeFailure
from protocols.unreadable import UNREADABLE


class Instrument(Struct, frozen=True):
    """One market's book; `supported_levels` are price steps in the quote currency, 0 for the book itself first."""

    market: str
    supported_levels: tuple[float, ...]


_decode = msgspec.json.Decoder(tuple[Instrument, ...], strict=False).decode
"""Not strict: the exchange writes its numbers as text here."""


def decode_instruments(body: bytes) -> tuple[Instrument, ...]:
    """Read the body of `/v1/orderbook/instruments`.

    Raises:
        DecodeFailure: it is not a list of instruments, or a level is below 0 or no finite number.
    """
    try:
        instruments = _decode(body)
    except UNREADABLE as error:
        raise DecodeFailure("$", f"not a list of instruments: {error}", body) from None
    for index, instrument in enumerate(instruments):
        if not all(math.isfinite(level) and level >= 0 for level in instrument.supported_levels):
            raise DecodeFailure(f"$[{index}].supported_levels", f"no levels: {instrument.supported_levels}", body)
    return instruments
