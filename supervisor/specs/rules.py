"""What must hold between settings, once each of them alone is right. The rules of groups are those of OTP."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from actors.runtime.settings.problems import suggestion
from supervisor.specs.spec import ROOT, ChildSpec, GroupPolicy, GroupSpec, SupervisorFlags

BEATS_TO_STALL: Final = 3
"""A loop that missed fewer beats may just be late."""

DEAD_MAN_SPARE_S: Final = 1.0
"""A hung child is dumped and killed by the supervisor first; its own timer is for when nobody does."""

Spec = ChildSpec | GroupSpec


def check_rules(
    flags: SupervisorFlags, children: Sequence[ChildSpec], groups: Sequence[GroupSpec]
) -> Iterator[tuple[str, str, str]]:
    """Yield what is wrong as the kind of table (`supervisor`, `child`, `group`), its name, and `key: problem`."""
    by_name = {group.name: group for group in groups}
    yield from (("supervisor", "", problem) for problem in _flags_problems(flags))
    specs: tuple[Spec, ...] = (*children, *groups)
    for spec in specs:
        kind = "child" if isinstance(spec, ChildSpec) else "group"
        yield from ((kind, spec.name, problem) for problem in _membership_problems(spec, flags, by_name))
    for child in children:
        yield from (("child", child.name, problem) for problem in _timeout_problems(child, flags))
        yield from (("child", child.name, problem) for problem in _sending_problems(child))
    used = {spec.group for spec in specs}
    for group in groups:
        if group.name not in used:
            yield "group", group.name, "name: it has no members; give some child or group this one as its group"
        cycle = _cycle_from(group, by_name)
        if cycle and group.name == min(cycle):
            yield "group", group.name, f"group: a group cannot hold itself: {' -> '.join([*cycle, cycle[0]])}"


def _flags_problems(flags: SupervisorFlags) -> Iterator[str]:
    if flags.backoff_first_s > flags.backoff_cap_s:
        yield f"backoff_first_s: {flags.backoff_first_s:g} is more than backoff_cap_s = {flags.backoff_cap_s:g}"
    least = BEATS_TO_STALL * flags.heartbeat_s
    if flags.dead_man_s > 0 and _is_less(flags.dead_man_s, least):
        yield f"dead_man_s: {flags.dead_man_s:g} does not fit heartbeat_s = {flags.heartbeat_s:g}; {least:g} or more"


def _membership_problems(spec: Spec, flags: SupervisorFlags, groups: Mapping[str, GroupSpec]) -> Iterator[str]:
    if spec.significant and spec.restart == "permanent":
        yield "significant: one that is always restarted never ends its group; make it transient or temporary"
    if spec.group != ROOT and spec.group not in groups:
        advice = (
            suggestion(spec.group, groups) if groups else ", nor any other; add a [[group]] of that name, or name none"
        )
        yield f"group: there is no group {spec.group!r}{advice}"
        return
    policy: GroupPolicy = groups[spec.group] if spec.group != ROOT else flags
    if spec.significant and policy.auto_shutdown == "never":
        where = f"group {spec.group}" if spec.group != ROOT else "[supervisor]"
        yield f"significant: it would end nothing, since auto_shutdown of {where} is never"


def _timeout_problems(child: ChildSpec, flags: SupervisorFlags) -> Iterator[str]:
    if child.shutdown_s > flags.shutdown_s:
        yield f"shutdown_s: {child.shutdown_s:g} is more than the whole tree has ({flags.shutdown_s:g})"
    least = BEATS_TO_STALL * flags.heartbeat_s
    if child.stall_timeout_s > 0 and _is_less(child.stall_timeout_s, least):
        yield (
            f"stall_timeout_s: {child.stall_timeout_s:g} does not fit supervisor.heartbeat_s = {flags.heartbeat_s:g}; "
            f"{least:g} or more, or 0 to leave it to supervisor.dead_man_s"
        )
    if flags.dead_man_s and child.stall_timeout_s and child.stall_timeout_s + DEAD_MAN_SPARE_S > flags.dead_man_s:
        yield (
            f"stall_timeout_s: {child.stall_timeout_s:g} is too long for supervisor.dead_man_s = {flags.dead_man_s:g}, "
            "which would end the child before its stacks are dumped"
        )


def _sending_problems(child: ChildSpec) -> Iterator[str]:
    """See that the child's process can be told its settings: TOML has numbers that msgpack has not."""
    try:
        msgspec.msgpack.encode(child.settings)
    except (OverflowError, TypeError, ValueError) as error:
        yield f"settings: they cannot be sent to its process: {error}"


def _is_less(time_s: float, limit_s: float) -> bool:
    """Compare times that people write in decimals: three times 0.1 is not more than 0.3."""
    return time_s < limit_s and not math.isclose(time_s, limit_s)


def _cycle_from(group: GroupSpec, groups: Mapping[str, GroupSpec]) -> list[str]:
    """Return the names of a cycle that a group is part of; none when its way leads to the outermost group."""
    path = [group.name]
    while (above := groups.get(path[-1])) is not None and above.group != ROOT:
        if above.group == group.name:
            return path
        if above.group in path:
            return []  # A cycle further up, which is told there.
        path.append(above.group)
    return []
