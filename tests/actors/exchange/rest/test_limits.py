import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.exchange.rest import limits as limits_module
from actors.exchange.rest.limits import (
    FIRST_BLOCK_S,
    FORGIVEN_AFTER_S,
    GROUPS,
    LONGEST_BLOCK_S,
    REFUSALS,
    RequestLimits,
    TokenBucket,
    remaining_header,
)
from protocols.upbit.limits import parse_remaining_req

START_S = 1_000_000.0
ADDRESS_GROUPS = ("market", "candle", "trade", "ticker", "orderbook")
ACCOUNT_GROUPS = {"default": 30, "order": 12, "order-test": 8, "order-cancel-all": 1}


@pytest.fixture
def limits() -> RequestLimits:
    return RequestLimits(enabled=True)


def admitted(limits: RequestLimits, group: str, times_s: list[float], who: str = "a") -> list[bool]:
    return [limits.admit(who, group, START_S + time_s) is not None for time_s in times_s]


def block(limits: RequestLimits, now_s: float, who: str = "a") -> float:
    """Ask on and on at one instant; return how long the block is that comes of it."""
    for _ in range(100):
        if limits.admit(who, "ticker", now_s) is None and limits.refusal(who, "ticker", now_s).status == 418:
            return float(limits.refusal(who, "ticker", now_s).body.decode().split("blocked for ")[1].split()[0])
    raise AssertionError("no block after 100 requests")


# Measured on 2025-09-12 on /candles.


@pytest.mark.parametrize("group", ADDRESS_GROUPS)
def test_of_twenty_requests_back_to_back_ten_pass_and_two_seconds_later_all_is_well(
    limits: RequestLimits, group: str
) -> None:
    burst = [0.285 / 20 * number for number in range(20)]
    assert admitted(limits, group, burst) == [True] * 10 + [False] * 10
    assert admitted(limits, group, [2.3]) == [True]


def test_requests_95_ms_apart_all_pass(limits: RequestLimits) -> None:
    assert all(admitted(limits, "candle", [0.095 * number for number in range(474)]))


def test_requests_90_ms_apart_are_refused_first_within_a_second_and_one_in_eleven_times(limits: RequestLimits) -> None:
    passed = admitted(limits, "candle", [0.090 * number for number in range(500)])
    assert passed.index(False) * 0.090 == pytest.approx(0.94, abs=0.05)
    assert sum(passed) / len(passed) == pytest.approx(0.905, abs=0.006)
    assert limits.refusal("a", "candle", START_S + 45.0).status == 429  # The run of 2025 was not blocked either.


# Documented limits.


@pytest.mark.parametrize(("group", "limit"), ACCOUNT_GROUPS.items())
def test_an_account_may_spend_its_whole_limit_at_once_and_no_more(
    limits: RequestLimits, group: str, limit: int
) -> None:
    assert admitted(limits, group, [0.0] * (limit + 1)) == [True] * limit + [False]


def test_cancelling_all_is_allowed_once_in_two_seconds(limits: RequestLimits) -> None:
    assert admitted(limits, "order-cancel-all", [0.0, 1.9, 2.0, 3.9, 4.0]) == [True, False, True, False, True]


def test_connects_are_five_a_second_and_one_in_ten_seconds_with_an_origin(limits: RequestLimits) -> None:
    assert admitted(limits, "websocket", [0.0] * 5 + [0.9, 1.0]) == [True] * 5 + [False, True]
    assert admitted(limits, "origin", [0.0, 9.9, 10.0]) == [True, False, True]


def test_groups_and_askers_are_counted_apart(limits: RequestLimits) -> None:
    assert admitted(limits, "ticker", [0.0] * 11)[-1] is False
    assert admitted(limits, "candle", [0.0]) == [True]
    assert admitted(limits, "ticker", [0.0], who="b") == [True]


@pytest.mark.parametrize("group", GROUPS)
def test_the_header_remaining_req_tells_what_is_left_and_a_constant_minute(limits: RequestLimits, group: str) -> None:
    left = limits.admit("a", group, START_S)
    assert left is not None
    ((name, value),) = remaining_header(group, left)
    remaining = parse_remaining_req(value)
    assert name == "remaining-req"
    assert remaining is not None
    assert (remaining.group, remaining.second) == (group, GROUPS[group].limit - 1)
    expected = {"origin": 6, "websocket": 300, "order-cancel-all": 30}.get(group, 60 * GROUPS[group].limit)
    assert remaining.minute == expected


def test_looking_at_what_is_left_counts_nothing(limits: RequestLimits) -> None:
    assert [limits.left("a", "default", START_S) for _ in range(3)] == [30, 30, 30]
    limits.admit("a", "default", START_S)
    assert limits.left("a", "default", START_S) == 29


@given(st.integers(1, 30), st.sampled_from([1.0, 2.0]), st.lists(st.floats(0.0, 0.5), max_size=120))
def test_a_token_bucket_never_gives_more_than_its_capacity_and_what_was_refilled(
    capacity: int, period_s: float, pauses_s: list[float]
) -> None:
    bucket, now_s, taken = TokenBucket(capacity, period_s), START_S, 0
    for pause_s in pauses_s:
        now_s += pause_s
        free = bucket.free(now_s)
        assert 0 <= free <= capacity
        assert (bucket.permit_at_s(now_s) <= now_s) is (free > 0)
        if free:
            bucket.take(now_s)
            taken += 1
            assert bucket.free(now_s) == free - 1
        assert taken <= capacity + (now_s - START_S) * capacity / period_s + 1e-3


# Blocks.


def test_going_on_after_many_refusals_is_answered_with_418_that_states_the_seconds(limits: RequestLimits) -> None:
    assert admitted(limits, "ticker", [0.0] * 10) == [True] * 10
    statuses = []
    for _ in range(REFUSALS + 2):
        assert limits.admit("a", "ticker", START_S) is None
        statuses.append(limits.refusal("a", "ticker", START_S).status)
    assert statuses == [429] * REFUSALS + [418] * 2
    answer = json.loads(limits.refusal("a", "ticker", START_S + 3.0).body)
    assert answer == {"error": {"name": 418, "message": "Too many requests. You are blocked for 7 seconds."}}
    assert limits.refusal("a", "ticker", START_S, family="exchange").body.startswith(b'{"error":{"name":"blocked"')


def test_a_block_holds_for_every_group_of_its_asker_and_for_nobody_else(limits: RequestLimits) -> None:
    block(limits, START_S)
    assert admitted(limits, "candle", [FIRST_BLOCK_S - 0.1, FIRST_BLOCK_S]) == [False, True]
    assert admitted(limits, "candle", [1.0], who="b") == [True]


def test_who_waits_as_long_as_a_block_says_is_admitted(limits: RequestLimits) -> None:
    block(limits, START_S)
    asked_s = START_S + 0.6
    stated_s = block(limits, asked_s)
    assert stated_s == FIRST_BLOCK_S
    assert limits.admit("a", "candle", asked_s + stated_s) is not None
    almost_s = START_S + FIRST_BLOCK_S - 0.7
    assert limits.admit("b", "ticker", almost_s) is not None
    assert b"blocked for 1 seconds" in limits.refusal("a", "ticker", almost_s).body


def test_asking_while_blocked_does_not_make_the_block_longer(limits: RequestLimits) -> None:
    block(limits, START_S)
    assert not any(admitted(limits, "ticker", [number / 10 for number in range(1, 100)]))
    assert admitted(limits, "ticker", [FIRST_BLOCK_S]) == [True]


def test_each_further_block_is_twice_as_long_up_to_a_limit_and_good_conduct_is_forgiven(limits: RequestLimits) -> None:
    now_s, lengths_s = START_S, []
    for _ in range(12):
        lengths_s.append(block(limits, now_s))
        now_s += lengths_s[-1] + 1.0
    assert lengths_s[:3] == [FIRST_BLOCK_S, 2 * FIRST_BLOCK_S, 4 * FIRST_BLOCK_S]
    assert lengths_s[-2:] == [LONGEST_BLOCK_S] * 2
    assert block(limits, now_s + FORGIVEN_AFTER_S) == FIRST_BLOCK_S


def test_a_429_is_json_or_the_plain_text_of_older_days() -> None:
    answers = [
        RequestLimits(enabled=True, is_plain=is_plain).refusal("a", "ticker", START_S) for is_plain in (False, True)
    ]
    assert [answer.status for answer in answers] == [429, 429]
    assert json.loads(answers[0].body)["error"]["name"] == 429
    assert answers[1].body == b"Too many API requests."
    assert answers[1].content_type.startswith("text/plain")
    for answer in answers:
        assert dict(answer.headers) == {"remaining-req": "group=ticker; min=600; sec=0"}


def test_limits_that_are_off_let_everything_pass() -> None:
    assert all(admitted(RequestLimits(enabled=False), "origin", [0.0] * 50))


def test_what_is_remembered_is_bounded_and_what_was_forgotten_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits_module, "_MOST_KEPT", 3)
    limits = RequestLimits(enabled=True)
    for who in "abcd":
        admitted(limits, "origin", [0.0, 0.0], who=who)
    assert limits.forgotten == 2  # The window and the refusal of the first.
    assert admitted(limits, "origin", [0.0], who="d") == [False]
    assert admitted(limits, "origin", [0.0], who="a") == [True]
