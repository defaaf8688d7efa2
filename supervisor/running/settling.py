"""Waiting until an order about a member has had its effect."""

from typing import Final

import trio

from supervisor.control.requests import Reached
from supervisor.machine.machine import Machine
from supervisor.machine.members import ChildRecord, Member
from supervisor.machine.states import State
from supervisor.running.status_report import state_of
from supervisor.running.tree import Tree
from supervisor.specs.spec import ROOT

SECOND_WORD_S: Final = 0.2
"""A child that cannot work says that it is ready first, for those who wait behind it, and then that it is parked. The
two are sent one by one, and `private` looks for its keys in between: who ordered it hears what it has come to."""

_ON_ITS_WAY: Final = frozenset({State.STARTING, State.STOPPING})


async def settled(tree: Tree, member: Member) -> Reached:
    """Wait until a member is no longer on its way, or the tree stops; return its state then."""
    while not tree.machine.is_stopping:
        if not tree.machine.has(member):
            return Reached("removed")
        if not _is_on_its_way(tree.machine, member):
            state, believed_s = _state_of(member), _believed_s(member)
            if state is not State.READY or trio.current_time() >= believed_s:
                return Reached(state.value, member.reason)
            with trio.move_on_at(believed_s):
                await tree.wait_changed()
            continue
        await tree.wait_changed()
    return Reached("stopping")


async def gone(tree: Tree, member: Member) -> None:
    """Wait until a member that was removed is no longer there, or the tree stops."""
    while tree.machine.has(member) and not tree.machine.is_stopping:
        await tree.wait_changed()


def _is_on_its_way(machine: Machine, member: Member) -> bool:
    """Whether something is being done that the state of a member still waits for.

    One that waits for a sibling that is parked may wait for ever, and is settled as far as anybody can tell.
    """
    if member.state in _ON_ITS_WAY:
        return True
    if member.state is State.PENDING:
        return any(child.state in _ON_ITS_WAY for child in machine.children.values())
    group = member.spec.group
    waits_for_group = member.state is State.STOPPED and not member.is_held and group != ROOT
    return waits_for_group and _is_on_its_way(machine, machine.member(group))


def _state_of(member: Member) -> State:
    return state_of(member) if isinstance(member, ChildRecord) else member.state


def _believed_s(member: Member) -> float:
    """Return when a member that says it is ready is believed."""
    return member.state_since_s + (SECOND_WORD_S if isinstance(member, ChildRecord) else 0.0)
