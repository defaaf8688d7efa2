import msgspec
from hypothesis import given
from hypothesis import strategies as st

from actors.exchange.rest.quotation.documents import date_and_time, digits


@given(
    st.floats(allow_nan=False, allow_infinity=False)
    | st.floats(-1e-3, 1e-3)
    | st.integers(0, 10**17).map(lambda value_e8: value_e8 / 10**8)
)
def test_every_number_is_written_in_digits_and_read_back_as_it_was(value: float) -> None:
    text = msgspec.json.encode(digits(value)).decode()
    assert "e" not in text.lower()
    assert float(text) == value


def test_times_are_cut_to_whole_seconds_utc() -> None:
    assert date_and_time(1_790_000_000_999) == ("2026-09-21", "14:13:20")
