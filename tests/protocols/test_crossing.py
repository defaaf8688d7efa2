import math

from hypothesis import given
from hypothesis import strategies as st

from protocols.crossing import Crossings, Zone

RATES = st.floats(-0.3, 0.3, allow_nan=False)


def rates() -> Crossings:
    return Crossings(high=0.05, low=-0.05, margin=0.005)


def news(crossings: Crossings, *values: float) -> list[Zone | None]:
    return [crossings.take("KRW-BTC", value) for value in values]


def test_a_value_at_the_limit_is_not_beyond_it() -> None:
    assert news(rates(), 0.05, -0.05) == [None, None]


def test_a_thousand_ticks_beyond_the_limit_are_one_report() -> None:
    crossings = rates()
    found = news(crossings, 0.051, *(0.051 + n / 1e5 for n in range(1000)))
    assert found == [Zone.ABOVE] + [None] * 1000


def test_a_fall_is_told_as_a_fall() -> None:
    assert news(rates(), -0.07) == [Zone.BELOW]


def test_trembling_around_the_limit_within_the_margin_is_one_report() -> None:
    assert news(rates(), 0.051, 0.049, 0.051, 0.0451, 0.052) == [Zone.ABOVE, None, None, None, None]


def test_a_market_that_came_back_by_the_margin_is_reported_again() -> None:
    assert news(rates(), 0.051, 0.0449, 0.051) == [Zone.ABOVE, None, Zone.ABOVE]


def test_a_jump_from_one_limit_to_the_other_is_news_both_times() -> None:
    assert news(rates(), 0.06, -0.06, 0.06) == [Zone.ABOVE, Zone.BELOW, Zone.ABOVE]


def test_a_one_sided_limit_never_reports_the_other_side() -> None:
    crossings = Crossings(high=1e9, margin=5e7)
    assert [crossings.take("KRW-BTC", value) for value in (0.0, -1e12, 1.1e9, -math.inf)] == [
        None,
        None,
        Zone.ABOVE,
        None,
    ]


def test_keys_do_not_disturb_one_another() -> None:
    crossings = rates()
    assert crossings.take("KRW-BTC", 0.06) is Zone.ABOVE
    assert crossings.take("KRW-ETH", 0.06) is Zone.ABOVE
    assert crossings.take("KRW-BTC", 0.06) is None


def test_a_forgotten_key_begins_anew() -> None:
    crossings = rates()
    crossings.take("KRW-BTC", 0.06)
    crossings.forget("KRW-BTC")
    crossings.forget("KRW-NONE")
    assert crossings.take("KRW-BTC", 0.06) is Zone.ABOVE


@given(st.lists(RATES, max_size=60))
def test_between_two_reports_of_one_side_the_value_came_back_by_the_margin(values: list[float]) -> None:
    crossings = rates()
    last: tuple[int, Zone] | None = None
    for index, value in enumerate(values):
        zone = crossings.take("KRW-BTC", value)
        if zone is None:
            continue
        assert value > 0.05 if zone is Zone.ABOVE else value < -0.05
        if last is not None and last[1] is zone:
            between = values[last[0] + 1 : index]
            assert any(v <= 0.05 - 0.005 if zone is Zone.ABOVE else v >= -0.05 + 0.005 for v in between)
        last = (index, zone)


@given(st.lists(RATES, max_size=30), st.lists(st.integers(1, 4), min_size=30, max_size=30))
def test_repeating_any_value_changes_no_report(values: list[float], repeats: list[int]) -> None:
    once = [zone for zone in news(rates(), *values) if zone]
    often = [value for value, n in zip(values, repeats, strict=False) for _ in range(n)]
    assert [zone for zone in news(rates(), *often) if zone] == once


@given(st.lists(RATES, min_size=1, max_size=60))
def test_every_excursion_is_reported_unless_it_is_already(values: list[float]) -> None:
    crossings = rates()
    for value in values:
        crossings.take("KRW-BTC", value)
        if value > 0.05:
            assert crossings.zone("KRW-BTC") is Zone.ABOVE
        elif value < -0.05:
            assert crossings.zone("KRW-BTC") is Zone.BELOW
