"""What happened in the tree, written down for programs in its history and for people in the log."""

from typing import Any, Final

from supervisor.machine.actions import Record
from supervisor.records.records import Records
from supervisor.running.children import Children

_QUIET_EVENTS: Final = frozenset({"child_ready", "child_stopped", "group_started", "group_ready", "group_stopped"})


def write_event(
    record: Record,
    children: Children,
    records: Records,
    log: Any,  # noqa: ANN401 - structlog's
    *,
    at_ns: int | None = None,
) -> None:
    """Write down what the machine tells, with what is known of the process that it is about.

    Args:
        record: what happened, to whom.
        children: knows the processes, also those that have just ended.
        records: has the history.
        log: the supervisor's.
        at_ns: when it happened, where the process does not tell; by default now.
    """
    life = children.lives.get(record.child)
    if record.exit is not None:
        life = children.epilogue(record.child).life or life  # The next one may have begun.
    alive = life is not None and not life.is_ending
    fields: dict[str, object] = {}
    if record.cause is not None and record.exit is not None:
        fields = {"cause": record.cause, "code": record.exit.code, "signal": record.exit.signal}
        if record.exit.summary:
            fields["summary"] = record.exit.summary
        # What its budget is charged for; the history tells how it ended.
        is_own_end = record.event == "child_exited"
        children.epilogue(record.child).cause = record.exit.cause if is_own_end else record.cause
    if record.event == "child_stopped" and life is not None:
        fields["rung"] = life.rung  # Which step of the ladder was needed.
    if record.reason is not None:
        fields["reason"] = record.reason
    # A parked child without a process keeps the number of its last one out of the history's last line.
    pid = life.pid if life is not None and (alive or record.exit is not None) else None
    # What is written when there is time for it has the time at which it happened.
    if life is not None and record.exit is not None:
        at_ns = life.ended_ns or at_ns
    elif life is not None and record.event == "child_ready":
        at_ns = life.ready_ns or at_ns
    records.lifecycle.write(record.event, child=record.child, pid=pid, at_ns=at_ns, **fields)
    write = log.info if record.event in _QUIET_EVENTS else log.warning
    write(record.event.replace("_", "."), child=record.child, child_pid=pid, **fields)
