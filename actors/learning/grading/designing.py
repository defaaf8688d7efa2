"""Rules of chapter 3.1: several clients, one of them with the account's data."""

from typing import Final

from actors.learning.grading.basics import judge_client
from actors.learning.grading.endings import judge_guarded, nothing_asked
from actors.learning.grading.evidence import Evidence
from actors.learning.grading.findings import PASSED, Finding, failed, listed, not_judged

CLIENTS: Final = 3
SCANNED_SHARE: Final = 0.9
"""Of the exchange's KRW markets; a listing or delisting may lie between."""


def judge_clients(evidence: Evidence) -> Finding:
    """Each task has a client of its own, and together they need one connection of a kind."""
    made = judge_client(evidence)
    if made is not PASSED:
        return made
    clients = evidence.source.clients
    if len(clients) < CLIENTS:
        return failed("few_clients", clients=len(clients), needed=CLIENTS)
    named = [name for name in clients if name]
    if len(set(named)) < len(named):
        return failed("same_names", names=", ".join(sorted(named)))
    asked = {kind for kind in ("public", "private") if evidence.record.requests(kind)}
    if missing := {"public", "private"} - asked:
        return failed("kind_missing", kind=listed(missing))
    return PASSED


def judge_private(evidence: Evidence) -> Finding:
    """The account's orders were asked for, on a connection with its key."""
    record = evidence.record
    if not record.is_asked:
        return nothing_asked(evidence)
    if not record.opened["private"]:
        return failed("no_private_connection")
    types = {topic.type for step in record.requests("private") for topic in step.topics}
    return PASSED if "myOrder" in types else failed("no_orders", types=listed(types))


def judge_private_data(evidence: Evidence) -> Finding:
    """Events of orders came, and the output names one of their markets."""
    asked = judge_private(evidence)
    if asked is not PASSED:
        return asked
    if not evidence.record.messages("myOrder"):
        return not_judged("no_order_events", seconds=round(evidence.run.seconds))
    first_ns = evidence.record.first_ns("myOrder") or 0
    if any(t_ns >= first_ns for t_ns in evidence.run.output.times_ns):
        return PASSED
    return failed("orders_unprinted", events=evidence.record.messages("myOrder"))


def judge_scan(evidence: Evidence) -> Finding:
    """The whole KRW market is scanned beside the few that are monitored, in one request and not by one each."""
    clients = judge_clients(evidence)
    if clients is not PASSED:
        return clients
    sets = [codes for _, codes in evidence.record.code_sets("ticker")]
    markets = evidence.record.krw_markets
    widest = max((codes & markets for codes in sets), key=len, default=frozenset())
    if len(widest) < SCANNED_SHARE * len(markets):
        return failed("narrow_scan", asked=len(widest), markets=len(markets))
    return judge_guarded(evidence)
