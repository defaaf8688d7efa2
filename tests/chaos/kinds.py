"""What can go wrong on purpose, whom it hits, and what may and must follow from it. Pure: nothing here acts."""

from typing import Final

from msgspec import Struct

CONNECTIONS: Final = ("public", "private")
CONSUMERS: Final = ("price_monitor", "order_tracker", "market_scanner")
TRACERS: Final = ("tracer_market", "tracer_account")
GROUPS: Final = {"pair": ("pair_a", "pair_b"), "chain": ("chain_a", "chain_b")}
PUPPET: Final = "puppet"
CHILDREN: Final = (*CONNECTIONS, *CONSUMERS, *TRACERS, PUPPET, *GROUPS["pair"], *GROUPS["chain"])
"""All children of the tree, in start order."""

INTERRUPTED: Final = {
    "public": "tracer_market",
    "private": "tracer_account",
    "tracer_market": "tracer_market",
    "tracer_account": "tracer_account",
}
"""Whose stream breaks off when this child is gone."""

AFFECTED: Final = {"pair_a": ("pair_b",), "pair_b": ("pair_a",), "chain_a": ("chain_b",)}
"""Who is restarted with a child that failed: `pair` is one_for_all, `chain` rest_for_one."""

NOBODY: Final = ("",)


class Kind(Struct, frozen=True):
    """One kind of fault.

    Attributes:
        name: of the fault.
        cards: how often it is in one deck.
        victims: whom it can hit; a child, a group, or nobody in particular.
        is_alone: it does not happen together with another one.
        start_method: it needs this one; any when empty.
    """

    name: str
    cards: int = 1
    victims: tuple[str, ...] = NOBODY
    is_alone: bool = False
    start_method: str = ""


class Step(Struct, frozen=True):
    """One fault: its kind, its victim, and a number from 0 to 1 that chooses among its variants."""

    kind: str
    victim: str = ""
    amount: float = 0.0

    def __str__(self) -> str:
        return f"{self.kind} {self.victim}".strip()


class Effects(Struct, frozen=True):
    """What a fault may and must do.

    Attributes:
        may_end: children that may end because of it; the end of any other one is a finding.
        must_end: children that must have a new process afterwards.
        interrupts: tracers whose stream breaks off and must come back.
        is_new_supervisor: a new supervisor runs afterwards.
    """

    may_end: frozenset[str] = frozenset()
    must_end: frozenset[str] = frozenset()
    interrupts: frozenset[str] = frozenset()
    is_new_supervisor: bool = False

    def __or__(self, other: "Effects") -> "Effects":
        return Effects(
            self.may_end | other.may_end,
            self.must_end | other.must_end,
            self.interrupts | other.interrupts,
            self.is_new_supervisor or other.is_new_supervisor,
        )


ENDING: Final = (
    Kind("kill", 12, CHILDREN),
    Kind("kill_twice", 2, CHILDREN),
    Kind("kill_all", 1),
    Kind("segfault", 2, CHILDREN),
    Kind("terminate", 1, CHILDREN),
    Kind("freeze", 3, CHILDREN),
)
"""Done to any child, and each of them must be replaced."""

PUPPETRY: Final = (
    Kind("block", 1, (PUPPET,)),
    Kind("spin", 1, (PUPPET,)),
    Kind("deaf", 1, (PUPPET,)),
    Kind("exit_code", 2, (PUPPET,)),
    Kind("raise_group", 1, (PUPPET,)),
    Kind("hog", 1, (PUPPET,)),
    Kind("exhaust", 1, (PUPPET,)),
    Kind("orphan", 2, (PUPPET,)),
    Kind("crash_loop", 1, (PUPPET,)),
)
"""Done by the puppet on command."""

HARMLESS: Final = (
    Kind("freeze_briefly", 3, (*CONSUMERS, *TRACERS, "public")),
    Kind("flood", 1, (PUPPET,)),
    Kind("tracker", 1),
    Kind("supervisor_freeze", 1, is_alone=True),
    Kind("look", 2, CHILDREN),
)
"""Nobody may end of these."""

MACHINERY: Final = (
    Kind("fork_server", 2, start_method="forkserver"),
    Kind("supervisor_kill", 2, is_alone=True),
)

EXCHANGE: Final = (
    Kind("close", 1, CONNECTIONS),
    Kind("reset", 1, CONNECTIONS),
    Kind("cut", 1, CONNECTIONS),
    Kind("half_frame", 1, CONNECTIONS),
    Kind("error", 1, CONNECTIONS),
    Kind("stall", 2, CONNECTIONS),
    Kind("garbage", 1, CONNECTIONS),
    Kind("refuse", 1, CONNECTIONS),
    Kind("accept_then_close", 1, CONNECTIONS),
    Kind("maintenance", 1, is_alone=True),
)
"""Done by the exchange; the connection actors live on."""

OPERATOR: Final = (
    Kind("restart", 2, CHILDREN),
    Kind("restart_group", 1, tuple(GROUPS)),
    Kind("stop_start", 2, (*CHILDREN, *GROUPS)),
    Kind("add_remove", 2),
    Kind("reload", 2),
)

KINDS: Final = (*ENDING, *PUPPETRY, *HARMLESS, *MACHINERY, *EXCHANGE, *OPERATOR)
BY_NAME: Final = {kind.name: kind for kind in KINDS}

SHUFFLED_THRESHOLD: Final = 0.5
"""`reload` restarts a child below it, and adjusts one above it."""

_ENDING: Final = frozenset(kind.name for kind in (*ENDING, *PUPPETRY))
_HARMLESS: Final = frozenset(kind.name for kind in HARMLESS)
_ORDERED: Final = frozenset({"restart", "restart_group", "stop_start"})
_INTERRUPTING: Final = frozenset(kind.name for kind in EXCHANGE) - {"garbage", "maintenance"}
ADDED: Final = "added"


def effects_of(step: Step) -> Effects:
    """Return what a fault may and must do."""
    everybody = Effects(frozenset(CHILDREN), frozenset(CHILDREN), frozenset(TRACERS))
    match step.kind:
        case "kill_all" | "fork_server":
            return everybody
        case "supervisor_kill":
            return everybody | Effects(is_new_supervisor=True)
        case "maintenance":
            return Effects(interrupts=frozenset(TRACERS))
        case "add_remove":
            return Effects(may_end=frozenset({ADDED}))
        case "reload" if step.amount < SHUFFLED_THRESHOLD:
            return _ends_of("price_monitor")
        case kind if kind in _ENDING:
            return _ends_of(step.victim) | Effects(may_end=frozenset(AFFECTED.get(step.victim, ())))
        case kind if kind in _ORDERED:
            return _ends_of(*GROUPS.get(step.victim, (step.victim,)))
        case kind if kind in _INTERRUPTING:
            return Effects(interrupts=frozenset({INTERRUPTED[step.victim]}))
    return Effects()


def _ends_of(*children: str) -> Effects:
    interrupts = frozenset(INTERRUPTED[child] for child in children if child in INTERRUPTED)
    return Effects(frozenset(children), frozenset(children), interrupts)
