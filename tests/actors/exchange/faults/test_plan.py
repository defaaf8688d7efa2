"""Which fault is due for whom, with time as an argument."""

import pytest

from actors.exchange.faults.active import Client
from actors.exchange.faults.kinds import (
    AcceptThenClose,
    ClockOffset,
    Cut,
    Delay,
    Duplicate,
    Fault,
    FirstAssetLate,
    Garbage,
    HalfFrame,
    Maintenance,
    Mute,
    Refuse,
    Reset,
    RestLostAnswer,
    RestStatus,
    RestTimeout,
    Stall,
    Trickle,
)
from actors.exchange.faults.plan import MOST_ACTIVE, FaultRefused, Plan
from actors.exchange.faults.verdicts import UNHARMED, Ending

PUBLIC, PRIVATE = Client(1, "public"), Client(2, "private", "key")


def planned(*faults: Fault, clients: tuple[Client, ...] = (PUBLIC, PRIVATE), now_s: float = 0.0) -> Plan:
    plan = Plan()
    for fault in faults:
        plan.add(plan.next_number(), fault, clients, now_s)
    return plan


def acting(plan: Plan, client: Client, now_s: float = 0.0) -> list[Fault]:
    return [active.fault for active in plan.frame_faults(client, now_s)]


def ids(plan: Plan, now_s: float = 0.0) -> list[object]:
    return [report["id"] for report in plan.active(now_s)]


def test_a_fault_acts_on_its_target_and_on_connections_that_open_later() -> None:
    mute = Mute(target="private")
    plan = planned(mute)
    assert acting(plan, PUBLIC) == []
    assert acting(plan, PRIVATE) == [mute]
    assert acting(plan, Client(9, "private")) == [mute]


def test_a_fault_of_one_connection_acts_on_it_alone_and_ends_with_it() -> None:
    delay = Delay(connection=1)
    plan = planned(delay)
    assert acting(plan, PUBLIC) == [delay]
    assert acting(plan, Client(9, "public")) == []
    plan.note_ended(PUBLIC)
    assert ids(plan) == []


@pytest.mark.parametrize("fault", [Stall(), HalfFrame()])
def test_stall_and_half_frame_hit_those_that_are_open_and_nobody_later(fault: Fault) -> None:
    plan = planned(fault)
    (report,) = plan.active(0.0)
    assert report["connections"] == [1, 2]
    assert not plan.is_stalled(Client(9, "public"), 0.0)
    assert acting(plan, Client(9, "public")) == []


def test_a_stall_of_nobody_is_over_at_once() -> None:
    assert ids(planned(Stall(), clients=())) == []


def test_a_stall_ends_at_its_time() -> None:
    plan = planned(Stall(target="public", seconds=3.0))
    assert [plan.is_stalled(PUBLIC, at_s) for at_s in (0.0, 2.9, 3.0)] == [True, True, False]
    assert not plan.is_stalled(PRIVATE, 0.0)
    assert plan.next_change_s(0.0) == 3.0


def test_refusals_are_counted_and_replaced_by_newer_ones_of_their_target() -> None:
    plan = planned(Refuse(count=5, status=503), Refuse(count=1, status=418, target="private"))
    assert [refusal.status for _ in range(2) if (refusal := plan.take_refusal("public", 0.0))] == [503, 503]
    plan.add(9, Refuse(count=1, status=429), (), 0.0)
    assert [refusal.status for _ in range(3) if (refusal := plan.take_refusal("public", 0.0))] == [429]
    assert plan.take_refusal("private", 0.0) is None


def test_a_refusal_count_of_0_ends_refusals() -> None:
    plan = planned(Refuse(count=5))
    assert plan.add(2, Refuse(count=0), (), 0.0) is None
    assert plan.take_refusal("public", 0.0) is None
    assert ids(plan) == []


def test_refusals_of_rest_and_of_handshakes_do_not_mix() -> None:
    plan = planned(Refuse(target="rest"), Refuse(target="public"))
    assert ids(plan) == [1, 2]
    assert plan.take_refusal("private", 0.0) is None
    assert plan.take_refusal("public", 0.0) == Refuse(target="public")
    assert plan.judge_request("GET", "/v1/ticker", 0.0).status == RestStatus(status=503)


def test_connections_that_are_closed_at_once_are_counted() -> None:
    plan = planned(AcceptThenClose(count=1, target="public"))
    assert plan.take_early_close("private", 0.0) is None
    assert plan.take_early_close("public", 0.0) is not None
    assert plan.take_early_close("public", 0.0) is None


def test_the_slowest_pace_counts_and_ends_at_its_time() -> None:
    plan = planned(Trickle(bytes_per_s=900, target="public"), Trickle(bytes_per_s=100, seconds=2.0))
    assert [plan.bytes_per_s(PUBLIC, at_s) for at_s in (0.0, 2.0)] == [100, 900]
    assert plan.bytes_per_s(None, 0.0) is None
    assert planned(Trickle(bytes_per_s=7, target="rest")).bytes_per_s(None, 0.0) == 7


def test_clock_offsets_add_up() -> None:
    plan = planned(ClockOffset(ms=1000), ClockOffset(ms=-300, seconds=1.0))
    assert [plan.clock_offset_ms(at_s) for at_s in (0.0, 1.0)] == [700, 1000]


def test_a_maintenance_begins_after_its_notice_and_ends_by_itself() -> None:
    plan = planned(Maintenance(seconds=10.0, notice_s=5.0))
    assert [plan.maintenance(at_s) is not None for at_s in (4.9, 5.0, 14.9, 15.0)] == [False, True, True, False]
    assert (plan.next_change_s(0.0), plan.next_change_s(5.0)) == (5.0, 15.0)


def test_assets_are_late_for_each_account_from_its_own_first_connection() -> None:
    plan = planned(FirstAssetLate(seconds=10.0, reconnect=False), clients=(PUBLIC, PRIVATE))
    assert len(acting(plan, PRIVATE, 9.9)) == 1
    assert acting(plan, PRIVATE, 10.0) == []
    assert acting(plan, PUBLIC, 0.0) == []
    other = Client(3, "private", "other", opened_s=50.0)
    plan.note_opened(other)
    assert len(acting(plan, other, 59.0)) == 1
    assert acting(plan, other, 60.0) == []


def test_a_connection_that_was_too_early_for_assets_needs_a_reconnect() -> None:
    plan = planned(FirstAssetLate(seconds=10.0))
    assert len(acting(plan, PRIVATE, 1_000.0)) == 1
    early, late = Client(3, "private", "key", opened_s=9.0), Client(4, "private", "key", opened_s=10.0)
    for client in (early, late):
        plan.note_opened(client)
    assert len(acting(plan, early, 1_000.0)) == 1
    assert acting(plan, late, 10.0) == []


def test_what_goes_on_is_reported_with_what_is_left() -> None:
    plan = planned(Duplicate(count=3), Mute(seconds=8.0, connection=1))
    first, second = plan.active(3.0)
    assert (first["left"], first["ends_in_s"], first["connections"]) == (3, None, None)
    assert (second["left"], second["ends_in_s"], second["connections"]) == (None, 5.0, [1])


def test_one_fault_or_all_can_be_ended() -> None:
    plan = planned(Mute(), Delay(), Trickle())
    assert plan.end(2)
    assert not plan.end(2)
    assert ids(plan) == [1, 3]
    assert plan.end_all() == 2
    assert ids(plan) == []


def test_no_more_than_the_most_faults_go_on_and_those_that_are_over_do_not_count() -> None:
    plan = planned(*[Mute(seconds=1.0)] * MOST_ACTIVE)
    with pytest.raises(FaultRefused, match="100 faults are active"):
        plan.add(1000, Mute(), (), 0.5)
    plan.add(1000, Mute(), (), 1.0)
    assert ids(plan, 1.0) == [1000]


# REST.


def test_a_status_hits_its_method_and_path_and_as_many_requests_as_it_says() -> None:
    fault = RestStatus(status=500, count=2, method="POST", path="/v1/orders")
    plan = planned(fault)
    assert plan.judge_request("GET", "/v1/orders/open", 0.0) == UNHARMED
    assert plan.judge_request("POST", "/v1/ticker", 0.0) == UNHARMED
    verdicts = [plan.judge_request("POST", "/v1/orders", 0.0) for _ in range(3)]
    assert [verdict.status for verdict in verdicts] == [fault, fault, None]
    assert [verdict.takes_effect for verdict in verdicts] == [False, False, True]


def test_a_request_can_take_effect_although_its_status_says_no() -> None:
    verdict = planned(RestStatus(takes_effect=True)).judge_request("POST", "/v1/orders", 0.0)
    assert verdict.status is not None
    assert verdict.takes_effect


@pytest.mark.parametrize(
    ("fault", "ending", "takes_effect"),
    [
        (RestLostAnswer(), Ending.LOST, True),
        (HalfFrame(target="rest"), Ending.HALF, True),
        (Reset(target="rest"), Ending.RESET, False),
        (Cut(target="rest"), Ending.LOST, False),
        (Garbage(target="rest", text="<"), Ending.ANSWER, True),
    ],
)
def test_an_answer_that_does_not_come_as_it_should_hits_one_request(
    fault: Fault, ending: Ending, takes_effect: bool
) -> None:
    plan = planned(fault)
    verdict = plan.judge_request("GET", "/v1/ticker", 0.0)
    assert (verdict.ending, verdict.takes_effect) == (ending, takes_effect)
    assert plan.judge_request("GET", "/v1/ticker", 0.0) == UNHARMED


def test_delays_add_up_and_leave_other_faults_alone() -> None:
    plan = planned(Delay(target="rest", ms=500), RestTimeout(seconds=2.0), RestLostAnswer())
    verdict = plan.judge_request("GET", "/v1/ticker", 0.0)
    assert verdict.delay_s == pytest.approx(2.5)
    assert verdict.ending is Ending.LOST
    assert plan.judge_request("GET", "/v1/ticker", 0.0).delay_s == pytest.approx(0.5)


def test_of_two_faults_that_exclude_one_another_the_older_one_goes_first() -> None:
    plan = planned(RestLostAnswer(), RestStatus(status=502))
    first, second = (plan.judge_request("GET", "/v1/ticker", 0.0) for _ in range(2))
    assert (first.ending, first.status) == (Ending.LOST, None)
    assert second.status == RestStatus(status=502)


def test_faults_of_sockets_leave_rest_alone() -> None:
    assert planned(Delay(), Stall(), Trickle(), Mute()).judge_request("GET", "/v1/ticker", 0.0) == UNHARMED
