"""One run: faults in the order of the schedule, each waited for, and the scorecard at the end."""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path
from typing import Final

import trio
from msgspec import Struct

from tests.chaos.acts import act
from tests.chaos.kinds import CHILDREN, Effects, effects_of
from tests.chaos.patrol import Patrol, find_tagged, look_around
from tests.chaos.proof import compare
from tests.chaos.recovery import Before, Times, note_before, wait_recovered
from tests.chaos.schedule import Planned, schedule
from tests.chaos.scorecard import Findings, Outcome, Scorecard
from tests.chaos.settings import ACCESS_KEY, SECRET_KEY, Places, Wishes
from tests.chaos.stage import Stage, Unexpected
from tests.chaos.stories import tell_all
from tests.tree.exchange_process import simulated_exchange

RECOVERY_S: Final = 30.0
"""For one turn: a hang's limit, a dump, a restart, a reconnect, with room for a machine under load."""

START_S: Final = 40.0
STOP_S: Final = 20.0
MOST_FAILURES: Final = 5
"""After so many turns that failed a run goes on no longer."""

KEPT_IN_RUN_DIR: Final = frozenset({"lock", "crashes"})


class Options(Struct, frozen=True):
    """What the command line says."""

    seconds: float = 600.0
    seed: int = 1
    start_method: str = "forkserver"
    spares: int = 0
    rate: float = 1000.0
    only: tuple[str, ...] = ()


def run_chaos(options: Options, folder: Path) -> tuple[Scorecard, list[str]]:
    """Run, and return the scorecard and the stories of what failed."""
    places = Places(folder)
    keys = ("--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY)
    load = ("--rate", str(options.rate), "--markets", "30", "--journal", str(places.journal))
    with simulated_exchange(*keys, *load) as exchange:
        wishes = Wishes(exchange.ws, options.start_method, options.spares, tag=f"chaos-orphan-{os.getpid()}")
        stage = Stage(places, wishes, exchange)
        run = Run(options, stage)
        try:
            trio.run(run.run)
        finally:
            stage.close()
    proof = compare(places)
    findings = run.findings
    findings.lost, findings.wrong = proof.lost, proof.wrong
    findings.announced, findings.compared = proof.announced, proof.compared
    card = Scorecard(options.seed, run.seconds, options.start_method, tuple(run.outcomes), findings)
    return card, [*run.stories, *proof.stories]


class Run:
    """The director.

    Attributes:
        outcomes: of all turns.
        findings: everything else that was found.
        stories: what there is to tell of what failed.
        seconds: how long faults went on.
    """

    def __init__(self, options: Options, stage: Stage) -> None:
        self.outcomes: list[Outcome] = []
        self.findings = Findings()
        self.stories: list[str] = []
        self.seconds = 0.0
        self._options = options
        self._stage = stage
        self._patrol = Patrol()
        self._patrol.sessions = stage.sessions
        self._descriptors = 0
        self._began_s = 0.0

    async def run(self) -> None:
        """Start, let things go wrong, stop, and look at what is left."""
        stage = self._stage
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stage.listen)
            stage.start_supervisor()
            nursery.start_soon(self._patrol.run)
            self._began_s = trio.current_time()
            await self._settle(Effects(is_new_supervisor=True), note_before(stage), START_S)
            self._say("the tree runs")
            await self._play()
            self.seconds = trio.current_time() - self._began_s
            await self._end()
            nursery.cancel_scope.cancel()
        self._gather()

    async def _play(self) -> None:
        """Take turns until the time is over, or too many have failed."""
        turns = schedule(self._options.seed, self._options.start_method, self._options.only)
        for planned in turns:
            if trio.current_time() - self._began_s >= self._options.seconds:
                return
            if sum(not outcome.is_recovered for outcome in self.outcomes) >= MOST_FAILURES:
                self._say(f"{MOST_FAILURES} turns failed: that is enough")
                return
            await self._take_turn(planned)
            await trio.sleep(planned.pause_s)

    async def _take_turn(self, planned: Planned) -> None:
        stage = self._stage
        effects = Effects()
        for step in planned.steps:
            effects |= effects_of(step)
        if effects.is_new_supervisor:
            self._note_descriptors(await stage.descriptors())
        before, times, problem = note_before(stage), None, ""
        refused, problem = len(stage.refused), ""
        try:
            times = await self._do(planned, effects, before)
        except* Unexpected as group:
            problem = "; ".join(str(error) for error in _leaves(group))
        if times is None:
            problem = problem or f"not recovered within {RECOVERY_S:g} s"
        unasked = stage.history.unexplained(before.ends, effects.may_end)
        self.findings.unasked_ends += [f"turn {planned.number} ({planned}): {end}" for end in unasked]
        outcome = Outcome(
            planned.number,
            planned.kind,
            str(planned),
            times is not None,
            None if times is None else times.ready_ms,
            None if times is None else times.data_ms,
            problem,
        )
        self.outcomes.append(outcome)
        self._say_turn(outcome, unasked)
        if problem or unasked or len(stage.refused) > refused:
            await self._tell(planned, effects, [problem, *unasked, *stage.refused[refused:]])
        if times is None:
            await self._start_over()

    async def _do(self, planned: Planned, effects: Effects, before: Before) -> Times | None:
        """Do the faults of a turn and wait for the recovery; None when it does not come.

        Raises:
            ExceptionGroup: of `Unexpected`, when a fault had another result than it must have.
        """
        limit_s = RECOVERY_S + (START_S if effects.is_new_supervisor else 0.0)
        with trio.move_on_after(limit_s):
            async with trio.open_nursery() as nursery:
                for step in planned.steps:
                    nursery.start_soon(act, self._stage, step)
            return await self._settle(effects, before, limit_s)
        return None

    async def _settle(self, effects: Effects, before: Before, limit_s: float) -> Times:
        """Wait for the recovery; a new supervisor's descriptors are counted then."""
        with trio.fail_after(limit_s):
            times = await wait_recovered(self._stage, effects, before)
        if effects.is_new_supervisor:
            self._descriptors = await self._stage.descriptors()
        return times

    async def _start_over(self) -> None:
        """Go on with a fresh tree after one that did not recover."""
        stage = self._stage
        with contextlib.suppress(Unexpected):
            await stage.kill_supervisor()
        await stage.fault("refuse", "all", count=0)
        before = note_before(stage)
        stage.start_supervisor()
        await self._settle(Effects(is_new_supervisor=True), before, START_S)

    async def _tell(self, planned: Planned, effects: Effects, problems: list[str]) -> None:
        text = await tell_all(self._stage, effects.may_end or set(CHILDREN[:2]))
        what = "\n".join(problem for problem in problems if problem)
        self.stories.append(f"=== turn {planned.number}: {planned}\n{what}\n\n{text}")

    def _note_descriptors(self, now: int) -> None:
        self.findings.descriptors = max(self.findings.descriptors, now - self._descriptors)

    # The end

    async def _end(self) -> None:
        """Stop the tree in order, and see that nothing of it is left."""
        stage, bad = self._stage, self.findings.bad_end
        self._note_descriptors(await stage.descriptors())
        wanted = {f"{child}.sock" for child in CHILDREN} | {"control.sock"} | KEPT_IN_RUN_DIR
        self.findings.left_files += sorted({path.name for path in stage.places.run_dir.iterdir()} - wanted)
        stage.supervisor.send_signal(signal.SIGTERM)
        with trio.move_on_after(STOP_S):
            while stage.supervisor.poll() is None:  # noqa: ASYNC110 - whoever waits for its end waits in this process
                await trio.sleep(0.01)
        code = stage.supervisor.poll()
        if code != 0:
            bad.append(f"the supervisor's exit code is {code} {STOP_S:g} s after SIGTERM")
        left = [seen for seen in look_around(stage.sessions) if not seen.is_zombie]
        self.findings.left_processes += [f"pid {seen.pid} {seen.name}" for seen in left]
        self.findings.left_processes += [f"pid {pid}, of the puppet" for pid in find_tagged(stage.wishes.tag)]
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        places = stage.places
        self.findings.left_files += sorted({path.name for path in places.run_dir.iterdir()} - KEPT_IN_RUN_DIR)
        self.findings.left_files += sorted(str(path) for path in places.temporary.iterdir())
        self._check_connections()

    def _check_connections(self) -> None:
        """See that the exchange has no connection any more: each one belongs to an actor."""
        deadline_s = time.monotonic() + 5
        while time.monotonic() < deadline_s:
            open_ones = [one for one in self._stage.exchange.state()["connections"] if not one["ended"]]
            if not open_ones:
                return
        self.findings.bad_end.append(f"the exchange still has {len(open_ones)} connections")

    def _gather(self) -> None:
        found, stage = self.findings, self._stage
        found.doubles = sorted(set(self._patrol.doubles))
        if stage.places.doubles.exists():
            found.doubles += stage.places.doubles.read_text().splitlines()
        found.zombies = sorted(self._patrol.zombies.values())
        found.refused_commands = stage.refused
        found.events = sum(fold.events for fold in stage.folds.values())
        found.unannounced = [hole for fold in stage.folds.values() for hole in fold.holes]
        found.supervisors = len(stage.sessions)

    # Progress

    def _say(self, text: str) -> None:
        passed_s = trio.current_time() - self._began_s
        print(f"{passed_s:6.1f} s  {text}", file=sys.stderr, flush=True)

    def _say_turn(self, outcome: Outcome, unasked: list[str]) -> None:
        times = [
            f"{word} after {ms:,.0f} ms"
            for word, ms in (("ready", outcome.ready_ms), ("data", outcome.data_ms))
            if ms is not None
        ]
        said = ", ".join(times) or "nothing was to be seen of it"
        if outcome.problem or unasked:
            said = f"FAILED: {outcome.problem or ''} {'; '.join(unasked)}"
        self._say(f"{outcome.number:4}  {outcome.what}: {said}")


def _leaves(group: BaseExceptionGroup[Unexpected]) -> list[Unexpected]:
    found: list[Unexpected] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
