import pytest

from supervisor.views.waiting import AGAIN_S, Waiting, held_up_by, names_within
from tests.supervisor.views.statuses import child, ended, group, tree

Capture = pytest.CaptureFixture[str]

STARTING = child("public", state="starting", phase="importing", uptime_s=12.4)
PENDING = ended("book", state="pending", group="books")
WHOLE = tree(STARTING, group("consumers", "books"), group("books", "book", group="consumers"), PENDING)


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_it_tells_what_is_waited_for_and_how_far_it_is(capsys: Capture) -> None:
    Waiting("start public", "public")(WHOLE)
    assert capsys.readouterr() == (
        "",
        "upbitd: start public waits for public: starting (importing, up 12 s)\n",
    )


def test_a_member_that_waits_for_its_turn_tells_who_is_busy(capsys: Capture) -> None:
    Waiting("start consumers", "consumers")(WHOLE)
    told = "upbitd: start consumers waits for book: pending, public: starting (importing, up 12 s)\n"
    assert capsys.readouterr().err == told


def test_when_nothing_is_on_its_way_it_is_its_turn_that_is_waited_for(capsys: Capture) -> None:
    Waiting("reload")(tree(child("a")))
    assert capsys.readouterr().err == "upbitd: reload waits for its turn\n"


def test_the_same_is_told_again_only_after_a_while(capsys: Capture) -> None:
    clock = Clock()
    waiting = Waiting("start public", "public", monotonic_s=clock)
    for later_s in (0.0, 2.0, AGAIN_S - 2.1):
        clock.now_s += later_s
        waiting(WHOLE)
    assert capsys.readouterr().err.count("\n") == 1
    clock.now_s += 0.1
    waiting(WHOLE)
    assert capsys.readouterr().err.count("\n") == 1


def test_something_else_is_told_at_once(capsys: Capture) -> None:
    waiting = Waiting("stop", monotonic_s=Clock())
    waiting(tree(child("a", state="stopping", phase="running")))
    waiting(tree(child("a", state="stopping", phase="stopping")))
    waiting(tree())
    assert [line.rpartition("for ")[2] for line in capsys.readouterr().err.splitlines()] == [
        "a: stopping (running, up 10 s)",
        "a: stopping (stopping, up 10 s)",
        "its turn",
    ]


def test_an_order_waits_for_the_children_within_its_group_at_any_depth() -> None:
    assert list(names_within(WHOLE, "consumers")) == ["book"]
    assert list(names_within(WHOLE, "public")) == ["public"]
    assert set(names_within(WHOLE, "")) == {"public", "book"}


def test_others_that_are_busy_hold_up_nobody_who_is_on_the_way_himself() -> None:
    own = ended("a", state="backoff")
    assert held_up_by(tree(own, STARTING), "a") == [own]


def test_the_whole_tree_is_held_up_by_all_that_are_on_the_way() -> None:
    members = [child("a"), ended("b", state="backoff"), STARTING, ended("c", state="parked"), PENDING]
    assert [held.name for held in held_up_by(tree(*members))] == ["b", "public", "book"]
