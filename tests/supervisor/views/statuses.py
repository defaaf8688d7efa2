"""Statuses for tests: members say what matters, the rest is as usual."""

from typing import Any

from supervisor.control.status import ChildStatus, GroupStatus, TreeStatus

MIB = 1024 * 1024


def child(name: str, **facts: Any) -> ChildStatus:
    usual: dict[str, Any] = {
        "state": "ready",
        "pid": 100,
        "restarts": 0,
        "uptime_s": 10.0,
        "last_exit": None,
        "heartbeat_age_s": 0.2,
        "memory_bytes": 20 * MIB,
        "progress": 0,
        "counters": {},
        "reason": "",
        "cpu_s": 0.0,
    }
    return ChildStatus(name, **{**usual, **facts})


def ended(name: str, **facts: Any) -> ChildStatus:
    """Return a child without a process."""
    usual: dict[str, Any] = dict.fromkeys(("pid", "uptime_s", "heartbeat_age_s", "memory_bytes", "cpu_s"))
    return child(name, **{**usual, "state": "stopped", **facts})


def group(name: str, *members: str, **facts: Any) -> GroupStatus:
    usual: dict[str, Any] = {
        "group": "",
        "state": "ready",
        "strategy": "one_for_all",
        "restarts": 0,
        "reason": "",
    }
    return GroupStatus(name, members=members, **{**usual, **facts})


def tree(*members: ChildStatus | GroupStatus, **facts: Any) -> TreeStatus:
    """Return a tree of these; the outermost group has those that name no other one."""
    outermost = group("", *(member.name for member in members if not member.group), strategy="rest_for_one")
    usual: dict[str, Any] = {
        "pid": 1,
        "state": "running",
        "uptime_s": 100.0,
        "run_dir": "/r",
        "cpu_s": 1.0,
        "memory_bytes": 30 * MIB,
    }
    return TreeStatus(
        children=tuple(member for member in members if isinstance(member, ChildStatus)),
        groups=(outermost, *(member for member in members if isinstance(member, GroupStatus))),
        **{**usual, **facts},
    )
