"""Random trees and random events against what must hold in every tree (see `world.py`)."""

import random
from typing import Any

import msgspec
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from protocols.errors import UsageError
from supervisor.machine.actions import Decision, TreeStarted, TreeStopped
from supervisor.machine.machine import Machine
from supervisor.machine.states import State
from supervisor.specs.spec import ROOT, ChildSpec, GroupSpec, SupervisorFlags, TreeSpec
from tests.supervisor.machine.world import (
    BAD_SETTINGS,
    ERROR,
    KILLED,
    NORMAL,
    OUT_OF_MEMORY,
    REFUSED,
    SEGFAULT,
    SERVER_LOST,
    World,
)

EXITS = [NORMAL, ERROR, BAD_SETTINGS, REFUSED, SEGFAULT, KILLED, SERVER_LOST, OUT_OF_MEMORY]
REFUSALS = ["the tree is stopping", "its group", "it is being removed", "it would hold itself", "no group named"]

picks = st.integers(0, 99)
restarts = st.sampled_from(["permanent", "transient", "temporary"])
policies = st.fixed_dictionaries(
    {
        "strategy": st.sampled_from(["one_for_one", "one_for_all", "rest_for_one"]),
        "intensity": st.integers(0, 2),
        "period_s": st.sampled_from([5.0, 20.0]),
        "auto_shutdown": st.sampled_from(["never", "never", "any_significant", "all_significant"]),
        "when_exhausted": st.sampled_from(["park", "park", "escalate", "stop_all"]),
    }
)
flag_sets = policies.map(
    lambda policy: SupervisorFlags(**policy, killed_intensity=3, stable_s=5.0, probe_s=7.0, backoff_cap_s=2.0)
)


@st.composite
def member_fields(draw: st.DrawFn) -> dict[str, Any]:
    restart = draw(restarts)
    return {"restart": restart, "significant": restart != "permanent" and draw(st.booleans())}


@st.composite
def trees(draw: st.DrawFn) -> TreeSpec:
    names, groups = [ROOT], []
    for n in range(draw(st.integers(0, 3))):
        inside = draw(st.sampled_from(names))
        names.append(f"g{n}")
        groups.append(GroupSpec(name=f"g{n}", group=inside, **draw(policies), **draw(member_fields())))
    children = [
        ChildSpec(name=f"c{n}", start="m:run", group=draw(st.sampled_from(names)), **draw(member_fields()))
        for n in range(draw(st.integers(1, 6)))
    ]
    return TreeSpec(flags=draw(flag_sets), children=tuple(children), groups=tuple(groups))


class RandomTree(RuleBasedStateMachine):
    """A tree to which everything happens that can happen, in any order."""

    world: World

    @initialize(spec=trees(), seed=st.integers(0, 9))
    def start(self, spec: TreeSpec, seed: int) -> None:
        self.world = World(Machine(spec, random.Random(seed)))
        self.excused: set[str] = set()
        self.added = 0
        self.world.call("start")

    # What children do

    def a_child(self, pick: int) -> str:
        names = sorted(self.world.processes)
        return names[pick % len(names)]

    @precondition(lambda self: self.world.processes)
    @rule(pick=picks)
    def a_child_does_what_it_owes(self, pick: int) -> None:
        process = self.world.processes[self.a_child(pick)]
        if process.is_asked or not process.is_ready:
            self.world.answer(self.a_child(pick))

    @rule()
    def all_children_do_what_they_owe_at_once(self) -> None:
        for name, process in list(self.world.processes.items()):
            if name in self.world.processes and (process.is_asked or not process.is_ready):
                self.world.answer(name)

    @precondition(lambda self: self.world.processes)
    @rule(pick=picks, ended=st.sampled_from(EXITS))
    def a_child_ends(self, pick: int, ended: Any) -> None:
        name = self.a_child(pick)
        was_asked = self.world.processes[name].is_asked
        actions = self.world.exit(name, ended)
        decisions = [action.text for action in actions if isinstance(action, Decision) and action.child == name]
        assert was_asked or len(decisions) == 1 or (decisions and name in self.world.unmakeable), decisions

    @precondition(lambda self: self.world.processes)
    @rule(pick=picks, what=st.sampled_from(["stalled", "over_memory", "link_broken"]))
    def a_child_goes_wrong(self, pick: int, what: str) -> None:
        self.world.call(what, self.a_child(pick))

    @rule(pick=picks)
    def processes_of_a_child_cannot_be_made(self, pick: int) -> None:
        names = sorted(self.world.machine.children)
        self.world.unmakeable = {names[pick % len(names)]} if pick % 2 and names else set()

    # Time

    @rule(seconds=st.sampled_from([0.01, 0.3, 2.0, 8.0, 40.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.wait(seconds)

    # What operators do

    def a_member(self, pick: int) -> str | None:
        names = sorted(self.world.machine.layout.descendants())
        return names[pick % len(names)] if names else None

    def a_group(self, pick: int) -> str:
        names = sorted(self.world.machine.groups)
        return names[pick % len(names)]

    def order(self, verb: str, *args: object) -> None:
        """Give an order; one that is refused says why, and changes nothing."""
        before = self.world.states()
        try:
            self.world.call(verb, *args)
        except UsageError as refused:
            if not any(why in str(refused) for why in REFUSALS):
                raise
            self.world.is_sound = True
            assert self.world.states() == before

    @rule(pick=picks, verb=st.sampled_from(["restart", "start_member", "stop_member", "stop_member", "remove"]))
    def an_operator_orders(self, pick: int, verb: str) -> None:
        name = self.a_member(pick)
        if name is not None:
            self.order(verb, name)

    @rule(pick=picks, where=picks, policy=policies, fields=member_fields(), is_group=st.booleans())
    def a_member_is_added(
        self, pick: int, where: int, policy: dict[str, Any], fields: dict[str, Any], is_group: bool
    ) -> None:
        self.added += 1
        inside = self.a_group(pick)
        spec: ChildSpec | GroupSpec = ChildSpec(name=f"n{self.added}", start="m:run", group=inside, **fields)
        if is_group:
            spec = GroupSpec(name=f"n{self.added}", group=inside, **policy, **fields)
        order = list(self.world.machine.layout.members[inside])
        order.insert(where % (len(order) + 1), spec.name)
        self.order("add", spec, order)

    @rule(pick=picks, where=picks, policy=policies, fields=member_fields(), how=st.sampled_from(["", "move", "anew"]))
    def a_member_is_replaced(
        self, pick: int, where: int, policy: dict[str, Any], fields: dict[str, Any], how: str
    ) -> None:
        name = self.a_member(pick)
        if name is None:
            return
        spec, layout = self.world.machine.member(name).spec, self.world.machine.layout
        changes = dict(fields)
        if isinstance(spec, GroupSpec):
            changes |= policy
        elif how == "anew":
            changes["settings"] = {"number": where}
        if how == "move":
            inside = self.a_group(where)
            within = name in layout.members and inside in {name, *layout.descendants(name)}
            changes["group"] = spec.group if within else inside
        self.excused.add(name)  # Its restart type may say now that it runs for ever, and it had ended before.
        self.order("replace", msgspec.structs.replace(spec, **changes))

    @rule(flags=flag_sets)
    def the_flags_are_changed(self, flags: SupervisorFlags) -> None:
        self.world.call("set_flags", flags)

    @precondition(lambda self: self.world.machine.is_stopping)
    @rule()
    def an_operator_is_in_a_hurry(self) -> None:
        self.world.call("hurry")

    @rule(pick=picks)
    def the_tree_is_stopped_now_and_then(self, pick: int) -> None:
        if pick < 5:
            self.world.call("stop")

    # What is true in the end

    def teardown(self) -> None:
        if not hasattr(self, "world") or not self.world.is_sound:
            return  # What went wrong first is what counts.
        world = self.world
        world.unmakeable = set()
        world.settle()
        if not world.machine.is_stopping:
            assert world.count(TreeStarted) == 1
            self.check_that_all_run_who_should()
            world.call("stop")
            world.settle()
        assert world.count(TreeStopped) == 1
        assert not world.processes
        assert set(world.states().values()) <= {"stopped"}

    def check_that_all_run_who_should(self) -> None:
        machine = self.world.machine
        for group in machine.groups.values():
            for name in group.members:
                member = machine.member(name)
                if group.state is not State.READY:
                    assert member.state is State.STOPPED, name
                elif member.state is not State.READY:
                    assert member.state is State.STOPPED, name
                    assert member.is_held or member.spec.restart != "permanent" or name in self.excused, name


TestRandomTree = RandomTree.TestCase
TestRandomTree.settings = settings(
    max_examples=800,
    stateful_step_count=40,
    deadline=None,
    report_multiple_bugs=False,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow],
)
