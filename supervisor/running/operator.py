"""What an operator may do to a running tree; the control socket and signals call this.

Orders on different members run side by side. Those on the same member wait for one another, and none is refused
because another one runs. A stop of a member, or its removal, waits for none of them. A stop of the whole tree waits for
nobody, and ends the waiting of all others.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import TypeVar
from weakref import WeakKeyDictionary

import msgspec
import trio

from protocols.errors import UsageError
from supervisor.control.messages import MAX_ANSWER_BYTES
from supervisor.control.requests import Reached
from supervisor.control.status import TreeStatus
from supervisor.machine.actions import Action
from supervisor.machine.machine import Machine
from supervisor.machine.members import GroupRecord, Member
from supervisor.records.crash_reports import Ends, Losses
from supervisor.records.tail import Follower
from supervisor.running.settling import gone, settled
from supervisor.running.tree import Tree
from supervisor.service.notify import Notifier
from supervisor.specs.adding import add_to
from supervisor.specs.plan import Plan, make_plan
from supervisor.specs.settings import Settings

T = TypeVar("T")


class Operator:
    """Carries out orders and waits until their effect is there.

    Args:
        tree: the running one.
        reread: reads its settings anew, with what was added to those that it is given; None when there is nothing to
            read.
        notify: hears about reloads; None when there is no service manager.

    Attributes:
        tree: the same.
        orders_refused: counted by who takes them.
    """

    def __init__(
        self, tree: Tree, reread: Callable[[Settings], Settings] | None, notify: Notifier | None = None
    ) -> None:
        self.tree = tree
        self.orders_refused = 0
        self._reread = reread
        self._notify = notify
        # By member and not by name: what was ordered of one that was removed is no business of the next of its name.
        self._turns: WeakKeyDictionary[Member, trio.Lock] = WeakKeyDictionary()
        self._stops: WeakKeyDictionary[Member, int] = WeakKeyDictionary()
        self._begun: WeakKeyDictionary[Member, Counter[str]] = WeakKeyDictionary()
        self._changing_settings = trio.Lock()

    @property
    def _machine(self) -> Machine:
        return self.tree.machine

    # Looking

    def status(self) -> TreeStatus:
        """Describe the tree."""
        return msgspec.structs.replace(self.tree.status(), orders_refused=self.orders_refused)

    async def why(self, name: str, count: int) -> Ends:
        """Return the newest reports of a child's ends, the last one first, as many as an answer has room for.

        They are read in a thread: all that are kept may take a quarter of a second, in which the loop does its work.

        Raises:
            UnknownChild: there is no such child, and no report of one.
            UsageError: they cannot be read now.
        """
        kept = self.tree.records.reports
        ends = await _in_thread(partial(kept.fitting, name, count, max_bytes=MAX_ANSWER_BYTES), "reports")
        if not ends.reports:
            self._machine.member(name)
        return ends

    def losses(self, name: str) -> Losses | None:
        """Return what could not be written of a child's ends since its newest report; None when nothing is missing."""
        return self.tree.records.reports.losses(name)

    def tail(self, name: str, lines: int) -> list[str]:
        """Return the last lines that a child wrote, each a JSON object."""
        return self.tree.children.logs.tail(self._machine.member(name).name, lines)

    def follow(self, name: str) -> Follower:
        """Follow the lines that a child writes from now on."""
        return self.tree.children.logs.follow(self._machine.member(name).name)

    async def dump(self, name: str) -> str:
        """Return what every thread and task of a child is doing now.

        Raises:
            UnknownChild: there is no such child.
            UsageError: it is a group, has no process, or one that cannot answer.
        """
        if isinstance(self._machine.member(name), GroupRecord):
            raise UsageError(f"{name} is a group, which has no process of its own; name a child of it")
        life = self.tree.children.lives.get(name)
        if life is None or life.is_ending:
            raise UsageError(f"{name} has no process to look into; see `upbitd why {name}`")
        text = await life.dump()
        if not text:
            raise UsageError(f"{name} (pid {life.pid}) does not show its stacks: it is stopped, or has just begun")
        return self.tree.records.redaction.text(text)  # Tasks have the names that somebody gave them.

    # Changing

    def stop(self) -> None:
        """Stop the whole tree in order; called again, kill what is left."""
        self.tree.stop()

    def ask_to_stop(self) -> None:
        """Begin to stop the whole tree; one that is stopping already goes on as it does."""
        self.tree.ask_to_stop()

    def sweep(self) -> None:
        """End what dead children left behind."""
        self.tree.children.sweep()

    async def restart(self, name: str) -> Reached:
        """Stop and start a child or a group; return the state that it reached."""
        return await self._order("restart", name, self._machine.restart)

    async def start_member(self, name: str) -> Reached:
        """Start a child or group that was stopped; return the state that it reached."""
        return await self._order("start", name, self._machine.start_member)

    async def stop_member(self, name: str) -> Reached:
        """Stop a child or group until it is started again; return the state that it reached.

        It waits for no order that came before, and none of those that wait is carried out after it.
        """
        member = self._machine.member(name)
        self._stop_at_once(member)
        return await settled(self.tree, member)

    def _stop_at_once(self, member: Member) -> None:
        self.tree.apply(self._machine.stop_member(member.name, now_s=trio.current_time()))
        self._stops[member] = self._stops.get(member, 0) + 1

    async def _order(self, verb: str, name: str, order: Callable[..., list[Action]]) -> Reached:
        """Carry out an order in its turn; several equal ones that waited meanwhile are done by the first of them."""
        member = self._machine.member(name)
        begun = self._begun.setdefault(member, Counter())
        stops, before = self._stops.get(member, 0), begun[verb]
        async with self._turn(member):
            is_stopped_since = self._stops.get(member, 0) != stops
            is_there = self._machine.has(member) and not member.is_leaving  # Else the removal is waited for.
            if is_there and not is_stopped_since and begun[verb] == before:
                self.tree.apply(order(name, now_s=trio.current_time()))
                begun[verb] += 1
            return await settled(self.tree, member)

    def _turn(self, member: Member) -> trio.Lock:
        """Return what orders on the same member wait for."""
        return self._turns.setdefault(member, trio.Lock())

    async def add(self, text: str, group: str) -> list[str]:
        """Add the children and groups of a TOML text; return their names once they are settled.

        Raises:
            SettingsError: something in the text cannot be used, or a new child cannot be given its socket; nothing was
                added.
            UsageError: it cannot be read now, or the tree is stopping; nothing was added.
        """
        async with self._changing_settings:
            before = self.tree.settings
            settings = await self._checked(lambda: add_to(before, text, group=group))
            plan = make_plan(before, settings)
            added = await self._follow(settings, plan)
        for member in added:
            await settled(self.tree, member)
        return plan.names("add")

    async def remove(self, name: str) -> None:
        """Stop a child or group and forget it, with all that belongs to it.

        As a stop, it waits for no order that came before, and none of those that wait is carried out after it.
        """
        member = self._machine.member(name)
        if self._changing_settings.locked():  # A change may take long, and wait for the very start that this ends.
            self._stop_at_once(member)
        async with self._changing_settings:
            # Somebody else may have removed it while this waited, or be about to.
            if self._machine.has(member) and not member.is_leaving:
                self.tree.settings = self.tree.settings.without(name)
                self.tree.apply(self._machine.remove(name, now_s=trio.current_time()))
        await gone(self.tree, member)

    async def plan(self) -> Plan:
        """Read the settings again and say what `reload` would change.

        Raises:
            SettingsProblems: they cannot be used.
            UsageError: there is nothing to read again, or it cannot be read now.
        """
        async with self._changing_settings:
            return (await self._read_again())[1]

    async def reload(self) -> Plan:
        """Read the settings again and change what is different; return what was changed, once it is settled.

        Raises:
            SettingsError: they cannot be used, or a new child cannot be given its socket; nothing was changed.
            UsageError: there is nothing to read again, it cannot be read now, or the tree is stopping; nothing was
                changed.
        """
        with nullcontext() if self._notify is None else self._notify.reloading():
            return await self._reload()

    async def _reload(self) -> Plan:
        async with self._changing_settings:
            settings, plan = await self._read_again()
            removed = self._members(plan.names("remove"))
            started = await self._follow(settings, plan)
        for member in removed:
            await gone(self.tree, member)
        for member in started:
            await settled(self.tree, member)
        return plan

    async def _follow(self, settings: Settings, plan: Plan) -> list[Member]:
        """Carry out a plan; return those that start by it. What is added may have the name of one that still stops."""
        while any(map(self._machine.knows, plan.names("add"))) and not self._machine.is_stopping:
            await self.tree.wait_changed()
        self.tree.follow_plan(settings, plan)
        return self._members(plan.names("add", "restart"))

    def _members(self, names: list[str]) -> list[Member]:
        return [self._machine.member(name) for name in names]

    async def _read_again(self) -> tuple[Settings, Plan]:
        reread, running = self._reread, self.tree.settings
        if reread is None:
            raise UsageError("this tree was not started from a settings file, so there is nothing to read again")
        settings = await self._checked(lambda: reread(running))
        return settings, make_plan(running, settings)

    async def _checked(self, read: Callable[[], T]) -> T:
        """Read settings in a thread: the check imports every actor, in a process of its own, and takes a second."""
        try:
            return await _in_thread(read)
        finally:
            self.tree.children.sweep()  # What an import has left behind.


async def _in_thread(read: Callable[[], T], what: str = "the settings") -> T:
    """Call in a thread; a stop of the tree does not wait for it.

    Args:
        read: what to call.
        what: it reads, for the error.

    Raises:
        UsageError: no thread can be started.
    """
    is_begun = False

    def begin() -> T:
        nonlocal is_begun
        is_begun = True
        return read()

    try:
        return await trio.to_thread.run_sync(begin, abandon_on_cancel=True)
    except RuntimeError as error:
        if is_begun:
            raise
        # Too many processes and threads of this user, or of this service: that may pass.
        raise UsageError(f"{what} are not read: {error}; try again when fewer processes run") from error
