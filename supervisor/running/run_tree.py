"""A tree from its settings to its end: sockets, services and children, each closed in the reverse order."""

import contextlib
import os
from collections.abc import Callable
from typing import Final

import trio

from supervisor.processes.choosing import make_spawner
from supervisor.processes.spawning import Spawner
from supervisor.processes.strangers import Strangers, mark_environment
from supervisor.records.records import Records
from supervisor.running.health import run_health
from supervisor.running.listeners import Listeners
from supervisor.running.operator import Operator
from supervisor.running.run_dir import RunDir
from supervisor.running.run_dir_watch import RunDirWatch
from supervisor.running.tree import Tree
from supervisor.service.notify import Notifier
from supervisor.service.state_line import state_line
from supervisor.specs.settings import Settings

IDLE_S: Final = 3600.0
"""How long the clock sleeps when the machine waits for nothing."""


async def run_tree(
    settings: Settings,
    run_dir: RunDir,
    *,
    records: Records,
    stop: trio.Event,
    reread: Callable[[Settings], Settings] | None = None,
    notify: Notifier | None = None,
    spawner: Spawner | None = None,
    task_status: trio.TaskStatus[Operator] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run a tree until `stop` is set, or until it ends by a command or by its own rules; return when all is gone.

    Runs in the main thread. When cancelled it kills all children at once. Gives the operator's end of the tree to its
    starter as soon as the first child has been started; `operator.tree.started` is set when all were.

    Args:
        settings: checked ones.
        run_dir: held by this process.
        records: open ones.
        stop: set from outside to stop the tree.
        reread: reads the settings anew for `reload`, with what was added to those that it is given; None when there is
            nothing to read.
        notify: the service manager; None when there is none.
        spawner: how processes are made; by default as the settings say.
        task_status: gets the operator's end.

    Raises:
        SettingsError: a socket cannot be made in the run directory.
    """
    # Before the first process is made: all of them are to inherit the mark.
    strangers = Strangers(mark_environment())
    spawner = make_spawner(settings.flags, settings.preload) if spawner is None else spawner
    with (
        contextlib.closing(strangers),
        contextlib.closing(spawner),
        Listeners(run_dir) as listeners,
        contextlib.ExitStack() as sockets,
    ):
        async with trio.open_nursery() as services:
            async with trio.open_nursery() as children:
                tree = Tree(
                    settings,
                    run_dir,
                    records=records,
                    spawner=spawner,
                    strangers=strangers,
                    listeners=listeners,
                    nursery=children,
                )
                operator = Operator(tree, reread, notify)
                watch = sockets.enter_context(contextlib.closing(RunDirWatch(operator, listeners, services)))
                services.start_soon(run_clock, tree, watch, notify)
                services.start_soon(run_health, tree, watch)
                services.start_soon(_stop_when_told, tree, stop)
                tree.start()
                task_status.started(operator)
                await tree.stopped.wait()
            services.cancel_scope.cancel()
    records.lifecycle.write("supervisor_stopped", child=None, pid=os.getpid())


async def run_clock(tree: Tree, watch: RunDirWatch, notify: Notifier | None) -> None:
    """Call the machine when something is due, and tell the service manager, until cancelled.

    The service manager's watchdog is fed here and nowhere else: what it watches is the loop that does the work.
    """
    while True:
        changed, now_s = tree.changed, trio.current_time()
        due_s = tree.machine.next_check_s()
        wake_s = now_s + IDLE_S if due_s is None else due_s
        faults = tree.faults(now_s=now_s)
        if faults:
            # Not told to the service manager: its watchdog ends a supervisor that has lost its way.
            tree.log.error("supervisor.unsound", faults=faults)
            if tree.machine.is_stopping:
                tree.write_off()
        elif notify is not None:
            line = state_line(tree.machine.children, is_stopping=tree.machine.is_stopping, trouble=watch.trouble)
            notify.tick(is_started=tree.started.is_set(), is_stopping=tree.machine.is_stopping, line=line, now_s=now_s)
            wake_s = min(wake_s, notify.next_tick_s(now_s=now_s))
        with trio.move_on_at(wake_s):
            await changed.wait()
            continue
        tree.apply(tree.machine.tick(now_s=trio.current_time()))


async def _stop_when_told(tree: Tree, stop: trio.Event) -> None:
    await stop.wait()
    tree.ask_to_stop()
