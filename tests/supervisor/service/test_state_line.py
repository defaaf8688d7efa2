"""The state of a tree in one line."""

from dataclasses import dataclass

import pytest

from supervisor.machine.states import State
from supervisor.service.state_line import state_line


@dataclass
class Child:
    state: str
    reason: str = ""


READY, PARKED = Child(State.READY), Child(State.PARKED, "no keys")


@pytest.mark.parametrize(
    ("children", "line"),
    [
        ({}, "0 of 0 ready"),
        ({"a": READY, "b": READY}, "2 of 2 ready"),
        ({"a": READY, "private": PARKED}, "1 of 2 ready; private parked: no keys"),
        ({"a": READY, "private": Child(State.READY, "no keys")}, "1 of 2 ready; private parked: no keys"),
        ({"a": READY, "b": Child(State.STOPPED)}, "1 of 2 ready"),
        ({"a": Child(State.STARTING), "b": Child(State.PENDING)}, "0 of 2 ready; a starting; b pending"),
        ({"a": Child(State.BACKOFF)}, "0 of 1 ready; a backoff"),
        ({name: Child(State.BACKOFF) for name in "abcde"}, "0 of 5 ready; a backoff; b backoff; c backoff; and 2 more"),
    ],
)
def test_the_line_says_how_many_are_ready_and_what_is_wrong_with_the_others(
    children: dict[str, Child], line: str
) -> None:
    assert state_line(children) == line


def test_the_line_of_a_tree_that_is_stopped_says_who_is_left() -> None:
    children = {"a": READY, "b": Child(State.STOPPING), "c": Child(State.STOPPED), "d": PARKED}
    assert state_line(children, is_stopping=True) == "stopping; 2 of 4 still there"


def test_what_is_wrong_with_the_tree_itself_comes_before_its_children() -> None:
    assert state_line({"a": READY, "b": PARKED}, trouble="no way in") == "1 of 2 ready; no way in; b parked: no keys"
