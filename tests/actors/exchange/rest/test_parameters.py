from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.exchange.rest.errors import INVALID, MISSING, MISTYPED, Family, RestRefused
from actors.exchange.rest.parameters import Parameters

MIDNIGHT_MS = 1_751_587_200_000  # 2025-07-04 00:00:00 UTC


def quotation(**values: str) -> Parameters:
    return Parameters(list(values.items()), family="quotation")


def exchange(*pairs: tuple[str, str | None]) -> Parameters:
    return Parameters(pairs)


def test_unknown_parameters_are_ignored_and_empty_ones_count_as_not_sent() -> None:
    parameters = exchange(("colour", "red"), ("market", ""), ("side", None))
    assert parameters.text("market") is None
    assert parameters.text("side") is None
    assert "market" not in parameters


def test_of_a_name_sent_twice_the_last_holds() -> None:
    assert exchange(("market", "KRW-BTC"), ("market", "KRW-ETH")).required("market") == "KRW-ETH"


@pytest.mark.parametrize(
    ("family", "name", "message"),
    [("quotation", 400, MISSING), ("exchange", "validation_error", "market is missing")],
)
def test_a_missing_parameter_is_refused_in_the_way_of_its_side(family: Family, name: str | int, message: str) -> None:
    with pytest.raises(RestRefused) as caught:
        Parameters((), family=family).required("market")
    assert (caught.value.status, caught.value.name, caught.value.message) == (400, name, message)


@pytest.mark.parametrize("count", ["ten", "1.5", "1e2", "--1", "٣", "1" * 30, " 1", "0x10"])
def test_a_count_that_is_no_whole_number_is_a_type_mismatch(count: str) -> None:
    with pytest.raises(RestRefused) as caught:
        quotation(count=count).integer("count", default=1)
    assert caught.value.message == MISTYPED
    with pytest.raises(RestRefused) as caught:
        exchange(("count", count)).integer("count")
    assert caught.value.name == "invalid_parameter"


@pytest.mark.parametrize("count", ["0", "-1", "-0"])
def test_a_count_below_one_is_invalid(count: str) -> None:
    with pytest.raises(RestRefused) as caught:
        quotation(count=count).integer("count", default=1)
    assert caught.value.message == INVALID


def test_a_count_above_the_most_is_the_most_and_none_is_the_default() -> None:
    assert quotation(count="999").integer("count", default=1, most=200) == 200
    assert quotation(count="200").integer("count", default=1, most=200) == 200
    assert quotation().integer("count", default=7, most=200) == 7
    assert quotation().integer("cursor") is None


def test_a_choice_is_one_of_its_words() -> None:
    sides = ("ask", "bid")
    assert exchange(("side", "ask")).choice("side", sides) == "ask"
    assert exchange().choice("side", sides, "bid") == "bid"
    assert exchange().choice("side", sides) is None
    with pytest.raises(RestRefused, match="one of ask, bid"):
        exchange(("side", "ASK")).choice("side", sides)


@pytest.mark.parametrize(
    ("text", "number"),
    [("0.0001", "0.0001"), ("1e-05", "0.00001"), ("1000.0", "1000"), ("5.", "5"), ("-3", "-3"), ("1E3", "1000")],
)
def test_decimals_are_exact_in_every_spelling(text: str, number: str) -> None:
    assert exchange(("price", text)).decimal("price") == Decimal(number)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1,000", "1_000", "", ".", ".5", "1e99", "1" * 41, "1e", "abc"])
def test_what_is_no_finite_number_of_bearable_length_is_no_decimal(text: str) -> None:
    parameters = exchange(("price", text))
    if not text:
        assert parameters.decimal("price") is None
        return
    with pytest.raises(RestRefused) as caught:
        parameters.decimal("price")
    assert caught.value.name == "invalid_parameter"


@pytest.mark.parametrize(("text", "value"), [("true", True), ("True", True), ("false", False)])
def test_flags_are_true_or_false(text: str, value: bool) -> None:
    assert quotation(is_details=text).flag("is_details") is value


def test_a_flag_of_another_word_is_a_type_mismatch() -> None:
    with pytest.raises(RestRefused) as caught:
        quotation(is_details="1").flag("is_details")
    assert caught.value.message == MISTYPED


def test_lists_are_keys_with_brackets_repeated_keys_and_commas() -> None:
    parameters = exchange(("states[]", "wait"), ("states[]", "watch"), ("pairs", "A,B"), ("pairs", "C"))
    assert parameters.texts("states") == ["wait", "watch"]
    assert parameters.texts("pairs") == ["A", "B", "C"]
    assert parameters.texts("uuids") == []
    assert "states" in parameters


def test_a_list_holds_each_entry_once_and_not_more_than_the_most() -> None:
    parameters = exchange(*(("uuids[]", str(number % 3)) for number in range(9)))
    assert parameters.texts("uuids", most=3) == ["0", "1", "2"]
    with pytest.raises(RestRefused, match="at most 2"):
        parameters.texts("uuids", most=2)


@pytest.mark.parametrize(
    ("text", "offset_s"),
    [
        ("2025-07-04T00:00:00Z", 0),
        ("2025-07-04T00:00:00", 0),
        ("2025-07-04 00:00:00", 0),
        ("2025-07-04T09:00:00+09:00", 0),
        ("2025-07-04 09:00:00+09:00", 0),
        ("2025-07-04T00:00:00.000Z", 0),
        ("2025-07-04", 0),
        ("2025-07-04T01:02:03Z", 3723),
    ],
)
def test_times_are_iso_8601_with_or_without_an_offset(text: str, offset_s: int) -> None:
    for parameters in (quotation(to=text), exchange(("to", text))):
        assert parameters.time_ms("to") == MIDNIGHT_MS + offset_s * 1000


def test_the_exchange_s_side_takes_milliseconds_too() -> None:
    assert exchange(("start_time", str(MIDNIGHT_MS))).time_ms("start_time") == MIDNIGHT_MS
    with pytest.raises(RestRefused) as caught:
        quotation(to=str(MIDNIGHT_MS)).time_ms("to")
    assert caught.value.message == INVALID


@pytest.mark.parametrize(
    "text", ["yesterday", "2025-13-01", "2025-07-04T25:00:00Z", "2025-07-04T09:00:00 09:00", "0001-01-01", "-1"]
)
def test_other_times_are_invalid(text: str) -> None:
    for parameters in (quotation(to=text), exchange(("to", text))):
        with pytest.raises(RestRefused):
            parameters.time_ms("to")


@given(st.text(max_size=45), st.sampled_from(["quotation", "exchange"]))
def test_no_text_is_read_as_anything_but_a_value_or_a_refusal(text: str, family: Family) -> None:
    parameters = Parameters([("x", text)], family=family)
    for read in (parameters.integer, parameters.decimal, parameters.flag, parameters.time_ms, parameters.texts):
        value: object = None
        with suppress(RestRefused):
            value = read("x")
        assert value is None or isinstance(value, int | Decimal | bool | list)
