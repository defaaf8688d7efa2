import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.scorecard import Findings, Outcome, Scorecard, as_text, percentile

GOOD = Findings(events=1000, compared=900, announced=5, supervisors=2)
OUTCOMES = (
    Outcome(1, "kill", "kill public", is_recovered=True, ready_ms=20.0, data_ms=30.0),
    Outcome(2, "kill", "kill private", is_recovered=True, ready_ms=40.0, data_ms=90.0),
    Outcome(3, "look", "look public", is_recovered=True),
)


def card(outcomes: tuple[Outcome, ...] = OUTCOMES, **findings: Any) -> Scorecard:
    return Scorecard(1, 60.0, "forkserver", outcomes, msgspec.structs.replace(GOOD, **findings))


def red(found: Scorecard) -> list[str]:
    return [verdict.name for verdict in found.verdicts() if not verdict.holds]


def test_a_run_in_which_all_is_as_it_must_be_is_good() -> None:
    assert red(card()) == []
    assert card().is_good
    assert "everything is as it must be" in as_text(card()).splitlines()


@pytest.mark.parametrize(
    ("violation", "name"),
    [
        ({"doubles": ["a"]}, "doubles"),
        ({"unasked_ends": ["a"]}, "ends that no fault explains"),
        ({"zombies": ["a"]}, "zombies"),
        ({"left_processes": ["a"]}, "processes left behind"),
        ({"descriptors": 1}, "descriptors of the supervisor, growth"),
        ({"left_files": ["a.sock"]}, "files left behind"),
        ({"unannounced": ["a"]}, "holes in a stream without an announcement"),
        ({"lost": 1}, "lost without an announcement"),
        ({"wrong": 1}, "doubled, reordered, altered, unknown"),
        ({"refused_commands": ["a"]}, "orders not carried out"),
        ({"bad_end": ["a"]}, "complaints about the tree's own end"),
        ({"events": 0}, "events handled"),
        ({"compared": 0}, "messages compared with the journal"),
    ],
)
def test_each_violation_turns_its_verdict_red(violation: dict[str, Any], name: str) -> None:
    bad = card(**violation)
    assert red(bad) == [name]
    assert not bad.is_good
    assert f"BAD  {name}" in as_text(bad)
    assert "NOT everything is as it must be" in as_text(bad)


def test_every_finding_that_must_not_be_is_judged() -> None:
    judged = {"doubles", "unasked_ends", "zombies", "left_processes", "descriptors", "left_files", "unannounced"}
    judged |= {"lost", "wrong", "refused_commands", "bad_end", "events", "compared"}
    assert {field.name for field in msgspec.structs.fields(Findings)} - judged == {"announced", "supervisors"}


def test_a_turn_that_did_not_recover_turns_the_run_red() -> None:
    lost = Outcome(4, "freeze", "freeze public", is_recovered=False, problem="not recovered within 30 s")
    assert red(card((*OUTCOMES, lost))) == ["recoveries"]


def test_a_turn_with_another_result_than_it_must_have_turns_the_run_red() -> None:
    odd = Outcome(4, "reload", "reload", is_recovered=True, problem="plan: nothing")
    assert red(card((*OUTCOMES, odd))) == ["faults with another result than theirs"]


def test_a_run_without_a_fault_proves_nothing() -> None:
    assert red(card(())) == ["faults"]


def test_times_are_gathered_by_kind() -> None:
    kill, look = card().rows()
    assert (kill.kind, kill.faults, kill.recovered) == ("kill", 2, 2)
    assert (kill.ready_p50_ms, kill.ready_p99_ms, kill.data_p50_ms, kill.data_p99_ms) == (20.0, 40.0, 30.0, 90.0)
    assert (look.kind, look.ready_p50_ms, look.data_p99_ms) == ("look", None, None)


def test_the_document_says_all_that_the_text_says() -> None:
    document = json.loads(json.dumps(card(lost=3).document()))
    assert (document["is_good"], document["seed"], document["findings"]["lost"]) == (False, 1, 3)
    assert [verdict["name"] for verdict in document["verdicts"] if not verdict["holds"]] == [
        "lost without an announcement"
    ]
    assert [row["kind"] for row in document["kinds"]] == ["kill", "look"]


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_percentiles_of_the_first_hundred_numbers(share: float, expected: int) -> None:
    assert percentile([float(n) for n in range(100, 0, -1)], share) == expected


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.floats(0.01, 1.0))
def test_a_percentile_is_a_value_that_enough_others_do_not_exceed(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert sum(value < found for value in values) < share * len(values)
