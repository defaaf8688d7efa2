import pytest

from protocols.errors import DecodeFailure
from protocols.upbit.instruments import Instrument, decode_instruments

# As documented, with levels as text and a field that we do not read.
DOCUMENTED = (
    b'[{"market":"KRW-BTC","quote_currency":"KRW","tick_size":"1000","supported_levels":["0","10000","100000"]},'
    b'{"market":"BTC-ETH","quote_currency":"BTC","tick_size":"0.00000001","supported_levels":["0"]}]'
)


def test_levels_are_read_from_text_and_from_numbers() -> None:
    assert decode_instruments(DOCUMENTED) == (
        Instrument("KRW-BTC", (0.0, 10_000.0, 100_000.0)),
        Instrument("BTC-ETH", (0.0,)),
    )
    (number,) = decode_instruments(b'[{"market":"KRW-BTC","supported_levels":[0,0.1]}]')
    assert number.supported_levels == (0.0, 0.1)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'[{"market":"KRW-BTC"}]',
        b'[{"market":"KRW-BTC","supported_levels":["x"]}]',
        b'[{"market":"KRW-BTC","supported_levels":["-1"]}]',
        b'[{"market":"KRW-BTC","supported_levels":["1e999"]}]',
        b"[" * 100_000,
        b'[{"market":"\xff","supported_levels":[]}]',
    ],
)
def test_anything_else_is_a_decode_failure(body: bytes) -> None:
    with pytest.raises(DecodeFailure):
        decode_instruments(body)
