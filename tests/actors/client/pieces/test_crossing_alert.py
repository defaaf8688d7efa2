from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.client.pieces.alert import Alert
from actors.client.pieces.crossing_alert import CrossingAlert, TurnoverAlert
from tests.actors.client.pieces.events import ticker


def test_a_crossing_and_a_thousand_ticks_beyond_are_one_alert() -> None:
    alerts = CrossingAlert()
    for n in range(1001):
        alerts(ticker(rate=0.051 + n / 1e5, at_ms=n))
    assert [alert.value for alert in alerts.history] == [0.051]


def test_trembling_at_the_limit_is_one_alert_and_a_real_return_arms_again() -> None:
    alerts = CrossingAlert(threshold=0.05, hysteresis=0.005)
    rates = [0.051, 0.049, 0.052, 0.046, 0.051, 0.044, 0.051]
    told = [alerts.take(ticker(rate=rate, at_ms=n)) is not None for n, rate in enumerate(rates)]
    assert told == [True, False, False, False, False, False, True]


def test_a_fall_is_told_as_a_fall_in_both_languages() -> None:
    alert = CrossingAlert().take(ticker("KRW-ETH", rate=-0.07))
    assert alert is not None
    assert alert.direction == "fall"
    assert alert.text("en") == "KRW-ETH: -7.00 % (fall beyond 5 %)"
    assert alert.text("ko") == alert.text() == "KRW-ETH: -7.00 % (5 % 넘게 하락)"


def test_a_rise_is_told_as_a_rise_in_both_languages() -> None:
    alert = CrossingAlert(threshold=0.055).take(ticker(rate=0.06, price=12.0, at_ms=3))
    assert alert == Alert("change", "KRW-BTC", "rise", 0.06, 0.055, 12.0, 3)
    assert alert.text("en") == "KRW-BTC: +6.00 % (rise beyond 5.5 %)"
    assert alert.text("ko") == "KRW-BTC: +6.00 % (5.5 % 넘게 상승)"


def test_a_language_that_we_do_not_speak_is_refused() -> None:
    alert = CrossingAlert().take(ticker(rate=0.06))
    assert alert is not None
    with pytest.raises(ValueError, match=r"^language must be 'ko' or 'en', not 'de'$"):
        alert.text("de")


def test_high_turnover_is_told_once_and_only_of_krw_markets() -> None:
    busy = TurnoverAlert(1_000_000_000)
    for n, code in enumerate(["KRW-XRP", "BTC-XRP", "USDT-XRP", "KRW-XRP", "KRW-ETH"]):
        busy.take(ticker(code, turnover=1_000_500_000 + n, at_ms=n))
    assert [alert.symbol for alert in busy.history] == ["KRW-XRP", "KRW-ETH"]
    assert busy.history[0].text("ko") == "KRW-XRP: 24시간 거래대금 1,000,500,000원 (1,000,000,000원 초과)"
    assert busy.history[0].text("en") == "KRW-XRP: turnover of 24 h 1,000,500,000 KRW (above 1,000,000,000 KRW)"


def test_turnover_is_told_again_only_after_it_has_fallen_by_the_hysteresis() -> None:
    busy = TurnoverAlert(100.0, hysteresis=0.1)
    values = [101, 99, 101, 91, 101, 90, 101]
    told = [busy.take(ticker(turnover=value, at_ms=n)) is not None for n, value in enumerate(values)]
    assert told == [True, False, False, False, False, False, True]


def test_an_older_ticker_is_ignored() -> None:
    alerts = CrossingAlert()
    alerts.take(ticker(rate=0.0, at_ms=10))
    assert alerts.take(ticker(rate=0.09, at_ms=9)) is None


def test_within_the_cooldown_a_crossing_of_the_same_direction_is_counted_and_not_told() -> None:
    alerts = CrossingAlert(cooldown_s=60)
    steps = [(0, 0.06), (1, 0.0), (59_999, 0.06), (60_000, 0.0), (60_001, 0.06)]
    told = [alerts.take(ticker(rate=rate, at_ms=at_ms)) is not None for at_ms, rate in steps]
    assert (told, alerts.suppressed) == ([True, False, False, False, True], 1)


def test_a_fall_right_after_a_rise_is_told_in_spite_of_the_cooldown() -> None:
    alerts = CrossingAlert(cooldown_s=3600)
    for n, rate in enumerate([0.06, -0.06]):
        alerts.take(ticker(rate=rate, at_ms=n))
    assert [alert.direction for alert in alerts.history] == ["rise", "fall"]


def test_the_history_is_bounded_and_keeps_the_newest() -> None:
    alerts = CrossingAlert(history=2)
    for code in ("KRW-A", "KRW-B", "KRW-C"):
        alerts.take(ticker(code, rate=0.06))
    assert [alert.symbol for alert in alerts.history] == ["KRW-B", "KRW-C"]


def test_an_alert_is_in_the_history_when_telling_it_fails() -> None:
    def tell(alert: Alert) -> None:
        raise OSError(alert.symbol)

    alerts = CrossingAlert(tell=tell)
    with pytest.raises(OSError, match="KRW-BTC"):
        alerts.take(ticker(rate=0.06))
    assert len(alerts.history) == 1


async def send(alert: Alert) -> None:
    raise AssertionError(alert)


class Sender:
    async def __call__(self, alert: Alert) -> None:
        raise AssertionError(alert)


@pytest.mark.parametrize("kind", [CrossingAlert, TurnoverAlert])
@pytest.mark.parametrize("tell", [send, partial(send), Sender()])
def test_an_async_function_to_tell_is_refused_since_nobody_would_await_it(kind: Any, tell: Any) -> None:
    with pytest.raises(ValueError, match=r"^tell must be a plain function, not the async .*: nobody would await it$"):
        kind(tell=tell)


def test_a_coroutine_that_tell_returns_is_an_error_and_no_silence() -> None:
    alerts = CrossingAlert(tell=lambda alert: send(alert))  # noqa: PLW0108 - nothing shows that it is async
    with pytest.raises(TypeError, match="tell returned a coroutine"):
        alerts.take(ticker(rate=0.06))
    assert len(alerts.history) == 1


def test_a_forgotten_market_begins_anew() -> None:
    alerts = CrossingAlert(cooldown_s=60)
    for code in ("KRW-A", "KRW-B"):
        alerts.take(ticker(code, rate=0.06))
    alerts.forget("KRW-A")
    alerts.forget(["KRW-B", "KRW-X"])
    assert alerts.take(ticker("KRW-A", rate=0.06)) is not None
    assert alerts.take(ticker("KRW-B", rate=0.06)) is not None


def test_memory_does_not_grow_with_the_number_of_markets() -> None:
    alerts = CrossingAlert(max_markets=3, history=5)
    for n in range(100):
        alerts.take(ticker(f"KRW-A{n}", rate=0.06))
    assert len(alerts._tickers) == len(alerts._alerted_ms) == len(alerts._crossings._outside) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"threshold": 0}, "threshold must be a number above 0, not 0"),
        ({"hysteresis": 0.05}, r"hysteresis must be less than threshold \(0.05\), not 0.05; else no alert comes again"),
        ({"hysteresis": 0}, "hysteresis must be a number above 0, not 0"),
        ({"cooldown_s": -1}, "cooldown_s must be a number of at least 0, not -1"),
        ({"history": 0}, "history must be a whole number of at least 1, not 0"),
        ({"tell": "x"}, "tell must be a function, not 'x'"),
        ({"max_markets": 0}, "max_markets must be a whole number of at least 1, not 0"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        CrossingAlert(**arguments)  # type: ignore[arg-type]


def test_wrong_limits_of_turnover_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^limit_krw must be a number above 0, not -5$"):
        TurnoverAlert(-5)
    with pytest.raises(ValueError, match=r"^hysteresis must be less than the whole limit \(1\), not 1;"):
        TurnoverAlert(hysteresis=1)


@given(st.lists(st.floats(-0.3, 0.3), max_size=60), st.integers(0, 5))
def test_each_alert_has_the_sign_of_its_direction_and_is_beyond_the_limit(rates: list[float], cooldown_s: int) -> None:
    told: list[Alert] = []
    alerts = CrossingAlert(tell=told.append, cooldown_s=cooldown_s)
    for n, rate in enumerate(rates):
        alerts.take(ticker(rate=rate, at_ms=n * 1000))
    assert told == list(alerts.history)
    for alert in told:
        assert alert.value > 0.05 if alert.direction == "rise" else alert.value < -0.05
    for direction in ("rise", "fall"):
        times_ms = [alert.timestamp for alert in told if alert.direction == direction]
        assert all(later - earlier >= cooldown_s * 1000 for earlier, later in pairwise(times_ms))
