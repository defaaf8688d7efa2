"""Every way in which a child can end, by name."""

from collections.abc import Callable
from functools import partial
from typing import Final

from tests.supervisor.machine.world import (
    BAD_SETTINGS,
    ERROR,
    KILLED,
    NORMAL,
    OUT_OF_MEMORY,
    REFUSED,
    SEGFAULT,
    SERVER_LOST,
    TOO_MUCH_MEMORY,
    World,
)


def _condemned(world: World, name: str, *, event: str) -> None:
    world.call(event, name)
    world.exit(name, KILLED)


def _stopped(world: World, name: str) -> None:
    world.call("stop_member", name)
    world.answer(name)


def _started_too_slowly(world: World, name: str) -> None:
    world.call("restart", name)
    world.answer(name)
    world.wait(world.machine.children[name].spec.start_timeout_s)
    world.exit(name, KILLED)


def _not_made(world: World, name: str) -> None:
    world.unmakeable = {name}
    world.call("restart", name)
    world.answer(name)
    world.unmakeable = set()


ENDS: Final[dict[str, Callable[[World, str], object]]] = {
    "normal_exit": partial(World.exit, ended=NORMAL),
    "stopped_by_operator": _stopped,
    "error_exit": partial(World.exit, ended=ERROR),
    "segfault": partial(World.exit, ended=SEGFAULT),
    "sigkill": partial(World.exit, ended=KILLED),
    "fork_server_lost": partial(World.exit, ended=SERVER_LOST),
    "hang": partial(_condemned, event="stalled"),
    "killed_by_the_kernel": partial(World.exit, ended=OUT_OF_MEMORY),
    "memory_error": partial(World.exit, ended=TOO_MUCH_MEMORY),
    "over_memory_limit": partial(_condemned, event="over_memory"),
    "bad_settings": partial(World.exit, ended=BAD_SETTINGS),
    "refused": partial(World.exit, ended=REFUSED),
    "start_timeout": _started_too_slowly,
    "spawn_failed": _not_made,
    "link_broken": partial(_condemned, event="link_broken"),
}
"""Each takes a world in which the child is ready, and lets it end."""
