"""The states of one connection to the exchange, and what leads from one to another."""

import enum
from collections.abc import Mapping
from typing import Final

from protocols.errors import UsageError


class FeedState(enum.Enum):
    """Where a connection stands."""

    IDLE = "idle"
    """Not begun yet: no socket."""
    CONNECTING = "connecting"
    LIVE = "live"
    DOWN = "down"
    """Lost or refused; waiting for the next attempt."""
    PARKED = "parked"
    """Waits for the owner: there are no keys, or the exchange refuses them."""


class FeedInput(enum.Enum):
    """What happens to a connection."""

    WANTED = "wanted"
    UNWANTED = "unwanted"
    """The last want is gone."""
    OPENED = "opened"
    LOST = "lost"
    """The attempt failed or the socket is gone, whatever the reason; the same again may help."""
    KEYS_REFUSED = "keys refused"
    """There are no usable keys; the same again will not help."""
    RETRY = "retry"
    """The delay is over, or the owner has changed the keys."""


NEXT_STATE: Final[Mapping[tuple[FeedState, FeedInput], FeedState]] = {
    (FeedState.IDLE, FeedInput.WANTED): FeedState.CONNECTING,
    (FeedState.IDLE, FeedInput.KEYS_REFUSED): FeedState.PARKED,
    (FeedState.CONNECTING, FeedInput.OPENED): FeedState.LIVE,
    (FeedState.CONNECTING, FeedInput.LOST): FeedState.DOWN,
    (FeedState.CONNECTING, FeedInput.KEYS_REFUSED): FeedState.PARKED,
    (FeedState.CONNECTING, FeedInput.UNWANTED): FeedState.IDLE,
    (FeedState.LIVE, FeedInput.LOST): FeedState.DOWN,
    (FeedState.LIVE, FeedInput.KEYS_REFUSED): FeedState.PARKED,
    (FeedState.LIVE, FeedInput.UNWANTED): FeedState.IDLE,
    (FeedState.DOWN, FeedInput.RETRY): FeedState.CONNECTING,
    (FeedState.DOWN, FeedInput.KEYS_REFUSED): FeedState.PARKED,
    (FeedState.DOWN, FeedInput.UNWANTED): FeedState.IDLE,
    (FeedState.PARKED, FeedInput.RETRY): FeedState.CONNECTING,
    (FeedState.PARKED, FeedInput.UNWANTED): FeedState.IDLE,
}


def next_state(state: FeedState, event: FeedInput) -> FeedState:
    """The state that follows.

    Raises:
        UsageError: this cannot happen in this state; it names both.
    """
    try:
        return NEXT_STATE[state, event]
    except KeyError:
        raise UsageError(f"a feed that is {state.value} cannot take {event.value!r}") from None
