"""Rules of chapter 3.1: several clients, one of them with the account's data."""

from typing import Final

from actors.learning.grading.basics import judge_client
from actors.learning.grading.endings import judge_guarded
from actors.learning.grading.evidence import Evidence
from actors.learning.grading.findings import PASSED, Finding, failed, not_judged

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
    return judge_private(evidence)


def judge_private(evidence: Evidence) -> Finding:
    """The account's orders were subscribed to, on a connection with its key.

    The exchange alone cannot tell: a tree that has keys always asks for them.
    """
    if not any(call.type == "myOrder" for call in evidence.source.subscriptions):
        return failed("no_order_call")
    record = evidence.record
    if not record.opened["private"]:
        error = evidence.run.output.last_error
        return failed("no_private_connection_error", error=error) if error else failed("no_private_connection")
    return PASSED


def judge_private_data(evidence: Evidence) -> Finding:
    """Events of orders came, and a line of the output has the market and the state of one."""
    asked = judge_private(evidence)
    if asked is not PASSED:
        return asked
    sent = evidence.record.order_states
    if not sent:
        return not_judged("no_order_events", seconds=round(evidence.run.seconds))
    if sent & evidence.run.output.order_states:
        return PASSED
    return failed("orders_unprinted", events=evidence.record.messages("myOrder"), sample=" ".join(min(sent)))


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
