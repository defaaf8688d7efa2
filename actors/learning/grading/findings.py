"""What is found of one item of a checklist."""

import enum
from collections.abc import Iterable
from typing import Any, Final

from msgspec import Struct, field

SHOWN: Final = 5
"""Markets and topics that a reason names; the rest is counted."""


class Verdict(enum.StrEnum):
    """How an item came out."""

    PASS = "pass"  # noqa: S105 - the name of a verdict
    FAIL = "fail"
    NOT_JUDGED = "not_judged"


class Finding(Struct, frozen=True):
    """A verdict, and why.

    Attributes:
        verdict: how it came out.
        reason: name of the sentence in `reasons.toml` that tells why; empty where there is nothing to tell.
        facts: what fills that sentence.
    """

    verdict: Verdict
    reason: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


PASSED: Final = Finding(Verdict.PASS)


def failed(reason: str, **facts: object) -> Finding:
    """The program did otherwise, for this reason."""
    return Finding(Verdict.FAIL, reason, facts)


def not_judged(reason: str, **facts: object) -> Finding:
    """What was seen decides nothing, for this reason."""
    return Finding(Verdict.NOT_JUDGED, reason, facts)


def listed(names: Iterable[str]) -> str:
    """Write a list as `[KRW-BTC, KRW-ETH]`, sorted; a long one with how many it has."""
    ordered = sorted(names)
    if len(ordered) <= SHOWN:
        return f"[{', '.join(ordered)}]"
    return f"[{', '.join(ordered[:SHOWN])}, ... {len(ordered)}]"
