import itertools

import pytest

from protocols.errors import UsageError
from protocols.feed_state import NEXT_STATE, FeedInput, FeedState, next_state


def test_a_life_of_a_feed() -> None:
    state = FeedState.IDLE
    for event, expected in (
        (FeedInput.WANTED, FeedState.CONNECTING),
        (FeedInput.LOST, FeedState.DOWN),
        (FeedInput.RETRY, FeedState.CONNECTING),
        (FeedInput.OPENED, FeedState.LIVE),
        (FeedInput.KEYS_REFUSED, FeedState.PARKED),
        (FeedInput.RETRY, FeedState.CONNECTING),
        (FeedInput.OPENED, FeedState.LIVE),
        (FeedInput.UNWANTED, FeedState.IDLE),
    ):
        state = next_state(state, event)
        assert state is expected


@pytest.mark.parametrize(("state", "event"), sorted(itertools.product(FeedState, FeedInput), key=str))
def test_a_pair_that_cannot_happen_is_named(state: FeedState, event: FeedInput) -> None:
    if (state, event) in NEXT_STATE:
        assert next_state(state, event) is NEXT_STATE[state, event]
    else:
        with pytest.raises(UsageError, match=f"{state.value} cannot take '{event.value}'"):
            next_state(state, event)


def test_every_state_can_be_reached_and_left() -> None:
    assert set(NEXT_STATE.values()) == set(FeedState)
    assert {state for state, _event in NEXT_STATE} == set(FeedState)


def test_only_an_opened_socket_is_live_and_a_lost_one_is_not() -> None:
    assert [pair for pair, state in NEXT_STATE.items() if state is FeedState.LIVE] == [
        (FeedState.CONNECTING, FeedInput.OPENED)
    ]
