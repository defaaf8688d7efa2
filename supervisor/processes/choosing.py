"""The way of making processes that the settings ask for."""

from typing import Any, Final

from actors.runtime.process.logs import get_logger
from supervisor.processes.fork_server import ForkServer
from supervisor.processes.fresh_interpreter import FreshInterpreter
from supervisor.processes.spares import WithSpares
from supervisor.processes.spawning import Spawner
from supervisor.specs.spec import SupervisorFlags

RUNTIME: Final = ("actors.runtime.process.process", "actors.runtime.channel.dialling")
"""What every actor needs."""


def make_spawner(flags: SupervisorFlags, preload: tuple[str, ...]) -> Spawner:
    """Return the spawner for these settings; a fork server is running and ready when this returns.

    Args:
        flags: of the tree.
        preload: modules of actors that are safe to be imported in advance.
    """
    modules = tuple(dict.fromkeys((*RUNTIME, *preload, *flags.preload)))
    spawner: Spawner
    spare_spawner: Spawner
    if flags.start_method == "forkserver":
        server = ForkServer(modules, essential=RUNTIME)
        missing = server.warm()
        if missing:
            log: Any = get_logger(actor="supervisor")
            log.warning("fork_server.not_preloaded", modules=missing, effect="children start slower")
        spawner = spare_spawner = server
    else:
        spawner, spare_spawner = FreshInterpreter(), FreshInterpreter(modules)
    return WithSpares(spawner, spare_spawner, flags.spares) if flags.spares else spawner
