"""What faults do to one REST request: a status instead of its answer, a late answer, a lost one, a broken one."""

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from actors.exchange.faults.active import ActiveFault
from actors.exchange.faults.kinds import (
    Cut,
    Delay,
    Fault,
    Garbage,
    HalfFrame,
    OnRest,
    Refuse,
    Reset,
    RestLostAnswer,
    RestStatus,
    RestTimeout,
    Stall,
)


class Ending(Enum):
    """What becomes of a request's answer."""

    ANSWER = "answered"
    LOST = "connection closed without an answer"
    HALF = "half of the answer, then reset"
    RESET = "reset"


class RestVerdict(NamedTuple):
    """What happens to one request.

    Attributes:
        ending: what becomes of the answer.
        takes_effect: whether the request is worked on at all.
        status: answered instead of the real answer; None for the real one.
        garbage: body of the answer instead of the real one; None for the real one.
        delay_s: how long the answer is held back.
        is_stalled: whether it waits until no stall is left.
    """

    ending: Ending = Ending.ANSWER
    takes_effect: bool = True
    status: RestStatus | None = None
    garbage: str | None = None
    delay_s: float = 0.0
    is_stalled: bool = False


UNHARMED = RestVerdict()


def judge_request(faults: Iterable[ActiveFault], method: str, path: str, now_s: float) -> RestVerdict:
    """Let every fault that hits a request act on it, the oldest first, and count it.

    Of two that exclude one another the older one acts; the younger one waits for the next request.
    """
    verdict = UNHARMED
    for active in faults:
        if not active.has_ended(now_s) and is_aimed_at_request(active.fault, method, path):
            changed = _judge(verdict, active.fault)
            if changed != verdict:
                verdict = changed
                active.take()
    return verdict


def is_aimed_at_request(fault: Fault, method: str, path: str) -> bool:
    """Whether a fault's target, method and path fit a request."""
    if isinstance(fault, OnRest):
        return fault.method in {"", method} and path.startswith(fault.path)
    return getattr(fault, "target", "") == "rest"


def _judge(verdict: RestVerdict, fault: Fault) -> RestVerdict:
    """Add one fault; a verdict that it cannot change is returned as it is."""
    match fault:
        case Delay():
            return verdict._replace(delay_s=verdict.delay_s + fault.ms / 1000)
        case RestTimeout():
            return verdict._replace(delay_s=verdict.delay_s + fault.seconds)
        case Stall():
            return verdict._replace(is_stalled=True)
    if verdict._replace(delay_s=0.0, is_stalled=False) != UNHARMED:
        return verdict
    match fault:
        case RestStatus():
            return verdict._replace(status=fault, takes_effect=fault.takes_effect)
        case Refuse():
            status = RestStatus(status=fault.status, retry_after_s=fault.retry_after_s)
            return verdict._replace(status=status, takes_effect=False)
        case RestLostAnswer():
            return verdict._replace(ending=Ending.LOST)
        case Cut():
            return verdict._replace(ending=Ending.LOST, takes_effect=False)
        case HalfFrame():
            return verdict._replace(ending=Ending.HALF)
        case Reset():
            return verdict._replace(ending=Ending.RESET, takes_effect=False)
        case Garbage():
            return verdict._replace(garbage=fault.text)
    return verdict
