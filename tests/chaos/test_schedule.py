from collections import Counter
from collections.abc import Iterable
from itertools import islice

import pytest

from tests.chaos.acts import DONE
from tests.chaos.kinds import BY_NAME, CHILDREN, KINDS, TRACERS, Effects, Step, effects_of
from tests.chaos.schedule import Planned, schedule


def turns(seed: int, count: int = 400, **options: object) -> list[Planned]:
    return list(islice(schedule(seed, **{"start_method": "forkserver", **options}), count))  # type: ignore[arg-type]


def test_the_same_seed_gives_the_same_faults_in_the_same_order() -> None:
    assert turns(7) == turns(7)
    assert turns(7) != turns(8)
    assert turns(7, 50) == turns(7)[:50]


@pytest.mark.parametrize("seed", range(20))
def test_the_first_turns_have_one_fault_of_every_kind(seed: int) -> None:
    first = turns(seed, len(KINDS))
    assert {step.kind for planned in first for step in planned.steps} == set(BY_NAME)


def test_kinds_come_as_often_as_they_have_cards() -> None:
    dealt = [step.kind for planned in turns(1, 5000) for step in planned.steps]
    deck = sum(kind.cards for kind in KINDS)
    whole = Counter(dealt[: len(dealt) // deck * deck])
    assert whole == {kind.name: kind.cards * (len(dealt) // deck) for kind in KINDS}


def test_every_victim_is_hit() -> None:
    hit = {step.victim for planned in turns(1, 2000) for step in planned.steps if step.kind == "kill"}
    assert hit == set(CHILDREN)


def test_faults_that_must_be_alone_are_alone_and_no_two_hit_the_same_victim() -> None:
    together = [planned.steps for planned in turns(3, 3000) if len(planned.steps) > 1]
    assert len(together) > 100
    for one, other in together:
        assert not BY_NAME[one.kind].is_alone
        assert not BY_NAME[other.kind].is_alone
        assert not one.victim or one.victim != other.victim


def test_pauses_are_bounded() -> None:
    assert all(0 < planned.pause_s < 1 for planned in turns(2))


def test_spawn_has_no_fork_server_to_kill() -> None:
    assert "fork_server" not in {step.kind for planned in turns(1, start_method="spawn") for step in planned.steps}


def test_only_some_kinds_can_be_chosen() -> None:
    assert {step.kind for planned in turns(1, only=("kill", "stall")) for step in planned.steps} == {"kill", "stall"}


def test_a_turn_is_told_and_counted_by_its_faults() -> None:
    one, other = Step("kill", "public"), Step("reload", amount=0.9)
    assert (Planned(1, (one,), 0.1).kind, str(Planned(1, (one,), 0.1))) == ("kill", "kill public")
    assert (Planned(1, (one, other), 0.1).kind, str(Planned(1, (one, other), 0.1))) == (
        "together",
        "kill public + reload",
    )


def test_every_kind_can_be_done() -> None:
    assert set(BY_NAME) == DONE


def ends(may: Iterable[str], must: Iterable[str], interrupts: Iterable[str] = ()) -> Effects:
    return Effects(frozenset(may), frozenset(must), frozenset(interrupts))


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (Step("kill", "private"), ends(["private"], ["private"], ["tracer_account"])),
        (Step("kill", "pair_a"), ends(["pair_a", "pair_b"], ["pair_a"])),
        (Step("kill", "chain_b"), ends(["chain_b"], ["chain_b"])),
        (Step("stop_start", "chain"), ends(["chain_a", "chain_b"], ["chain_a", "chain_b"])),
        (Step("stall", "public"), Effects(interrupts=frozenset({"tracer_market"}))),
        (Step("fork_server"), ends(CHILDREN, CHILDREN, TRACERS)),
        (Step("garbage", "public"), Effects()),
        (Step("freeze_briefly", "public"), Effects()),
        (Step("supervisor_freeze"), Effects()),
        (Step("reload", amount=0.9), Effects()),
        (Step("reload", amount=0.1), ends(["price_monitor"], ["price_monitor"])),
    ],
)
def test_what_may_follow_from_a_fault_is_known_before(step: Step, expected: Effects) -> None:
    assert effects_of(step) == expected


def test_a_killed_supervisor_takes_all_children_along() -> None:
    effects = effects_of(Step("supervisor_kill"))
    assert effects.is_new_supervisor
    assert effects.must_end == set(CHILDREN)


def test_every_kind_has_known_effects_on_each_of_its_victims() -> None:
    for kind in KINDS:
        for victim in kind.victims:
            effects = effects_of(Step(kind.name, victim))
            assert effects.must_end <= effects.may_end
            assert effects.interrupts <= set(TRACERS)
