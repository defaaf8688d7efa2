"""How each kind of fault is done."""

import os
import signal
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
import trio

from tests.chaos.kinds import ADDED, CHILDREN, GROUPS, PUPPET, SHUFFLED_THRESHOLD, Step
from tests.chaos.patrol import find_tagged
from tests.chaos.settings import STALL_S, idle_child
from tests.chaos.stage import Stage, Unexpected

Act = Callable[[Stage, Step], Awaitable[None]]

SHORT_OF_STALL: Final = 0.5
"""A freeze that is not to be taken for a hang ends after this share of the limit at the latest."""

LOOK_S: Final = 5.0

OBEY_S: Final = 2.0

UNTIL_BLOCKED_S: Final = 0.1
"""The puppet answers before it obeys; whether it is blocked by then decides only which of the two cases this is."""


async def act(stage: Stage, step: Step) -> None:
    """Do one fault.

    Raises:
        Unexpected: it could not be done, or had another result than it must have.
    """
    if step.kind in _SIGNALS:
        stage.signal_child(step.victim, _SIGNALS[step.kind])
    elif step.kind in _BY_PUPPET:
        await stage.tell_puppet(step.kind, step.amount)
    elif step.kind in _BY_EXCHANGE:
        await _act_of_exchange(stage, step)
    else:
        await _ACTS[step.kind](stage, step)


_SIGNALS: Final = {
    "kill": signal.SIGKILL,
    "segfault": signal.SIGSEGV,
    "terminate": signal.SIGTERM,
    "freeze": signal.SIGSTOP,
}
_BY_PUPPET: Final = frozenset({"block", "spin", "deaf", "exit_code", "raise_group", "hog", "exhaust", "flood"})
_BY_EXCHANGE: Final = frozenset({"close", "reset", "cut", "half_frame", "error", "stall", "garbage"})


async def _act_of_exchange(stage: Stage, step: Step) -> None:
    await stage.fault(step.kind, step.victim)


async def _kill_twice(stage: Stage, step: Step) -> None:
    """Kill a child, and the next one as soon as it begins."""
    before = stage.pid_of(step.victim)
    stage.signal_child(step.victim, signal.SIGKILL)
    standing = stage.history.standing(step.victim)
    await stage.change.wait_until(lambda: standing.pid != before)
    if standing.state in {"starting", "ready"}:
        stage.signal_child(step.victim, signal.SIGKILL)


async def _kill_all(stage: Stage, _step: Step) -> None:
    for child in CHILDREN:
        stage.signal_child(child, signal.SIGKILL)


async def _freeze_briefly(stage: Stage, step: Step) -> None:
    pid = stage.pid_of(step.victim)
    os.kill(pid, signal.SIGSTOP)
    try:
        await trio.sleep(step.amount * SHORT_OF_STALL * STALL_S)
    finally:
        os.kill(pid, signal.SIGCONT)


async def _leave_orphan(stage: Stage, step: Step) -> None:
    """Let the puppet start a process that outlives it, then kill the puppet."""
    await stage.tell_puppet("orphan", step.amount)
    with trio.move_on_after(OBEY_S):  # Another fault at the same time may have ended the puppet before it obeyed.
        await _until_tagged(stage, is_there=True)
    stage.signal_child(PUPPET, signal.SIGKILL)
    await _until_tagged(stage, is_there=False)


async def _until_tagged(stage: Stage, *, is_there: bool) -> None:
    """Wait until the process that the puppet left is there, or gone."""
    while bool(find_tagged(stage.wishes.tag)) is not is_there:  # noqa: ASYNC110 - a stranger tells nobody of its end
        await trio.sleep(0.01)


async def _crash_loop(stage: Stage, _step: Step) -> None:
    """Let every start of the puppet fail until it is parked, then mend it: a probe brings it back."""
    stage.places.trouble.touch()
    try:
        stage.signal_child(PUPPET, signal.SIGKILL)
        standing = stage.history.standing(PUPPET)
        await stage.change.wait_until(lambda: standing.state == "parked")
    finally:
        stage.places.trouble.unlink()


async def _kill_fork_server(stage: Stage, _step: Step) -> None:
    os.kill(stage.helper("multiprocess.forkserver"), signal.SIGKILL)


async def _kill_tracker(stage: Stage, _step: Step) -> None:
    os.kill(stage.helper("multiprocess.resource_tracker"), signal.SIGKILL)


async def _kill_supervisor(stage: Stage, step: Step) -> None:
    """Kill the supervisor, in two of three cases while a child can do nothing about it: blocked in C, or stopped."""
    if step.amount > 2 / 3:
        await stage.tell_puppet("block", step.amount)
        await trio.sleep(UNTIL_BLOCKED_S)
    elif step.amount > 1 / 3:
        stage.signal_child("public", signal.SIGSTOP)
    await stage.kill_supervisor()
    stage.start_supervisor()


async def _freeze_supervisor(stage: Stage, step: Step) -> None:
    """Stop the supervisor for longer than its children may hang: it must not take them for hanging afterwards."""
    stage.supervisor.send_signal(signal.SIGSTOP)
    try:
        await trio.sleep(step.amount * 1.5 * STALL_S)
    finally:
        stage.supervisor.send_signal(signal.SIGCONT)


async def _refuse(stage: Stage, step: Step) -> None:
    await stage.fault("refuse", step.victim, count=2, status=503)
    await stage.fault("reset", step.victim)


async def _accept_then_close(stage: Stage, step: Step) -> None:
    await stage.fault("accept_then_close", step.victim, count=1)
    await stage.fault("reset", step.victim)


async def _maintain(stage: Stage, step: Step) -> None:
    await stage.fault("maintenance", "all", seconds=0.3 + step.amount)


async def _restart(stage: Stage, step: Step) -> None:
    await stage.order("restart", step.victim)


async def _stop_and_start(stage: Stage, step: Step) -> None:
    children = GROUPS.get(step.victim, (step.victim,))
    state = (await stage.order("stop", step.victim)).state
    if state != "stopped":
        raise Unexpected(f"stop {step.victim}: it is {state}")
    await stage.change.wait_until(lambda: all(stage.history.standing(child).state == "ended" for child in children))
    await trio.sleep(step.amount * 0.3)
    status = await stage.status()
    alive = [child.name for child in status.children if child.name in children and child.pid is not None]
    if alive:
        raise Unexpected(f"stopped, and yet alive: {', '.join(alive)}")
    await stage.order("start", step.victim)


async def _add_and_remove(stage: Stage, step: Step) -> None:
    group = ("", *GROUPS, "puppets")[int(step.amount * 4)]
    if group == "pair":
        group = ""  # Its strategy would restart the others with it.
    names = (await stage.order("add", text=idle_child(stage.places), group=group)).names
    if names != (ADDED,):
        raise Unexpected(f"add: the answer names {names}")
    await stage.change.wait_until(lambda: stage.history.standing(ADDED).state == "ready")
    if step.amount > SHUFFLED_THRESHOLD:
        stage.signal_child(ADDED, signal.SIGKILL)
    await stage.order("remove", ADDED)
    left = [child.name for child in (await stage.status()).children if child.name == ADDED]
    if left or (stage.places.run_dir / f"{ADDED}.sock").exists():
        raise Unexpected("remove: it is still there, or its socket is")


async def _reload(stage: Stage, step: Step) -> None:
    """Change one setting: of one child that must be restarted for it, or of one that must not."""
    wishes = stage.wishes
    if step.amount < SHUFFLED_THRESHOLD:
        wanted = [("restart", "price_monitor")]
        stage.wishes = msgspec.structs.replace(wishes, threshold=0.11 - wishes.threshold)
    else:
        wanted = [("adjust", "market_scanner")]
        stage.wishes = msgspec.structs.replace(wishes, scanner_stall_s=2 * STALL_S + 0.5 - wishes.scanner_stall_s)
    stage.write_settings()
    for verb in ("plan", "reload"):
        changes = (await stage.order(verb)).changes
        planned = [(change.kind, change.name) for change in changes if change.kind != "keep"]
        if planned != wanted:
            raise Unexpected(f"{verb}: {planned} instead of {wanted}")


async def _look(stage: Stage, step: Step) -> None:
    """Ask everything that can be asked about a child."""
    with trio.fail_after(LOOK_S):
        await stage.status()
        await stage.order("tail", step.victim, count=20)
        await stage.order("why", step.victim, count=2)
        text = (await stage.order("dump", step.victim)).text
        if "most recent call first" not in text:
            raise Unexpected(f"dump {step.victim}: no stacks in it")


_ACTS: Final[dict[str, Act]] = {
    "kill_twice": _kill_twice,
    "kill_all": _kill_all,
    "freeze_briefly": _freeze_briefly,
    "orphan": _leave_orphan,
    "crash_loop": _crash_loop,
    "fork_server": _kill_fork_server,
    "tracker": _kill_tracker,
    "supervisor_kill": _kill_supervisor,
    "supervisor_freeze": _freeze_supervisor,
    "refuse": _refuse,
    "accept_then_close": _accept_then_close,
    "maintenance": _maintain,
    "restart": _restart,
    "restart_group": _restart,
    "stop_start": _stop_and_start,
    "add_remove": _add_and_remove,
    "reload": _reload,
    "look": _look,
}

DONE: Final = frozenset(_SIGNALS) | _BY_PUPPET | _BY_EXCHANGE | frozenset(_ACTS)
"""All kinds that can be done."""
