"""The life of an actor's process once it is safe: settings, log, loop, last words."""

import gc
import mmap
import os
import signal
import socket
import time
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, NoReturn

import msgspec
import trio

from actors.runtime.actor import Actor
from actors.runtime.channel.publishing import Publisher
from actors.runtime.channel.serving import serve_channel
from actors.runtime.process.black_box import Note, note_into
from actors.runtime.process.control_link import ControlLink, frame_of, send_last_words
from actors.runtime.process.counters import Counters
from actors.runtime.process.heartbeat import Progress, Pulse, run_heartbeat
from actors.runtime.process.last_words import cut, verdict
from actors.runtime.process.lifeline import arm_dead_man, take_no_notice
from actors.runtime.process.logs import Redaction, configure_logs, get_logger
from actors.runtime.process.output import report_uncaught
from actors.runtime.process.task_stacks import write_tasks
from actors.runtime.settings.entries import Entry, load_entry
from protocols.control.black_box import BoxWriter
from protocols.control.exit_codes import EXIT_OK, EXIT_ORPHANED
from protocols.control.messages import Failed, FromChild, Ready, Start, Stop
from protocols.errors import ConnectionLost, SettingsError

COLLECT_AFTER: Final = 20_000
"""Containers made, less those freed, until the collector looks at the young ones: a batch of events makes hundreds,
which are freed at once. The interpreter's own 700 cost the connection actor about a twentieth of its time."""

USUAL_LEVEL: Final = "info"
"""Logs are set up for it before a process hears what to do: nobody waits for it then."""

ENDED_BY_SIGTERM: Final = -signal.SIGTERM
"""As Python tells it of a process that was ended by the signal."""

ASKED: Final = "asked"
"""How a stop by the supervisor is noted; the other way is a signal."""

RESERVE_BYTES: Final = 4 * 1024 * 1024
"""Kept back so that there is memory for the end of a process that ran out of it: the interpreter asks for a MiB at a
time. Nothing is written into it, so it counts for the kernel's limits and takes none of the machine's memory."""


def run_process(
    link: socket.socket,
    *,
    box: BoxWriter,
    dump: int,
    counters: Counters,
    write: Callable[[bytes], None],
    set_title: Callable[[str], None],
) -> int:
    """Hear what to do, do it to its end, and return the process's exit code; an error is told, not printed.

    `ENDED_BY_SIGTERM` is for one that ended in good order because of that signal, without having been asked to.

    Args:
        link: this end of the control link.
        box: the black box.
        dump: a descriptor of the memory that stacks go to.
        counters: the actor's.
        write: takes the lines of the log.
        set_title: called with the actor's name.
    """
    reserve = mmap.mmap(-1, RESERVE_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    redaction = Redaction()
    control = ControlLink(link)
    failed: Failed | None = None
    stops: list[str] = []

    async def live() -> None:
        configure_logs(level=USUAL_LEVEL, redaction=redaction, write=write)
        # A spare waits here, with its loop running: what it has behind it does not count when it becomes a child.
        start, listener = await _hear(control)
        set_title(start.name)
        for secret in start.secrets.values():
            redaction.learn(secret)
        if start.log_level != USUAL_LEVEL:
            configure_logs(level=start.log_level, redaction=redaction, write=write)
        _report_uncaught(start.name, redaction)
        # From here SIGTERM is for the loop; one that comes before it turns waits there. It is not blocked meanwhile:
        # programs that the actor starts would inherit that. One that the loop did not get to must not cut last words.
        signal.signal(signal.SIGTERM, take_no_notice)
        with trio.open_signal_receiver(signal.SIGTERM) as terms:
            entry, settings = _load(start)
            run = partial(_run_actor, start, entry, settings, control=control, listener=listener, redaction=redaction)
            await run(counters=counters, box=box, dump=dump, reserve=reserve, terms=terms, stops=stops)

    try:
        trio.run(live)
    except BaseException as error:  # noqa: BLE001, ASYNC103 - the edge of the process; the loop has ended
        reserve.close()
        code, failed = verdict(error, redaction)
    else:
        # From outside, since the supervisor asks first: it must not be taken for the end of the actor's work.
        code = ENDED_BY_SIGTERM if stops and ASKED not in stops else EXIT_OK
    send_last_words(link, control.unsent() + (b"" if failed is None else frame_of(failed)))
    return code


async def _hear(control: ControlLink) -> tuple[Start, socket.socket]:
    try:
        return await control.receive_start()
    except ConnectionLost:
        _end_orphaned()


def _report_uncaught(name: str, redaction: Redaction) -> None:
    def report(where: str, error: BaseException) -> None:
        # Masked before it is cut: half a secret would not be found.
        text = redaction.text("".join(traceback.format_exception(error)))
        log = get_logger(actor=name, pid=os.getpid())
        log.error("actor.uncaught", where=where, error=error, traceback=cut(text))

    report_uncaught(report)


def _load(start: Start) -> tuple[Entry, object]:
    """Import the actor and read its settings; the supervisor checked both, but files may have changed since."""
    entry = load_entry(start.entry)
    if entry.settings_type is None:
        return entry, None
    try:
        return entry, msgspec.msgpack.decode(start.settings, type=entry.settings_type)
    except msgspec.ValidationError as error:
        raise SettingsError(f"settings of {start.name}: {error}") from error


def _actor_of(
    start: Start,
    tell: Callable[[FromChild], None],
    redaction: Redaction,
    counters: Counters,
    *,
    progress: Progress,
    note: Note,
) -> Actor:
    pid = os.getpid()
    return Actor(
        name=start.name,
        pid=pid,
        incarnation=start.incarnation,
        run_dir=Path(start.run_dir),
        secrets=start.secrets,
        log=get_logger(actor=start.name, pid=pid),
        counters=counters,
        publisher=Publisher(start.name, start.incarnation, counters, note=note),
        tell=tell,
        redaction=redaction,
        progress=progress,
        note=note,
    )


async def _run_actor(
    start: Start,
    entry: Entry,
    settings: object,
    *,
    control: ControlLink,
    listener: socket.socket,
    redaction: Redaction,
    counters: Counters,
    box: BoxWriter,
    dump: int,
    reserve: mmap.mmap,
    terms: AsyncIterator[int],
    stops: list[str],
) -> None:
    # What was imported stays for good; the collector need not look at it again.
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])
    gc.enable()  # `enter` may have stopped it for the imports.
    progress = Progress()
    pulse = Pulse(box, progress, counters)
    tell = partial(_tell, control, pulse, start.dead_man_s)
    actor = _actor_of(start, tell, redaction, counters, progress=progress, note=note_into(box))
    listener.setblocking(False)
    beating = partial(run_heartbeat, pulse, every_s=start.heartbeat_s, dead_man_s=start.dead_man_s)
    work = trio.CancelScope()

    def stop(by: str, reason: str = "") -> None:
        stops.append(by)
        actor.log.debug("actor.stop", by=by, reason=reason)
        box.phase("stopping")
        work.cancel()

    def stop_as_told(message: Stop) -> None:
        stop(ASKED, f"within {message.deadline_s:g} s")

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_stop_on_sigterm, terms, stop)
            nursery.start_soon(control.run_writer)
            show_tasks = partial(write_tasks, dump, nursery)
            hearing = partial(control.run_reader, stop=stop_as_told, show_tasks=show_tasks, orphaned=_end_orphaned)
            nursery.start_soon(hearing)
            nursery.start_soon(beating)
            nursery.start_soon(serve_channel, listener, actor.publisher, actor.log)
            box.phase("running")
            with work:
                try:
                    await (entry.function(actor) if entry.settings_type is None else entry.function(actor, settings))
                finally:
                    reserve.close()  # Here already: without any memory the loop itself could not end.
            nursery.cancel_scope.cancel()
    finally:
        # The end must show in the counters too, whatever it was.
        with suppress(MemoryError):
            pulse.beat(time.monotonic_ns())


def _tell(control: ControlLink, pulse: Pulse, dead_man_s: float, message: FromChild) -> None:
    if isinstance(message, Ready):
        # From now on the loop must turn. It may never have until here: the actor comes before the task that beats.
        arm_dead_man(dead_man_s)
        pulse.beat(time.monotonic_ns())
    control.tell(message)


async def _stop_on_sigterm(terms: AsyncIterator[int], stop: Callable[[str], None]) -> None:
    async for _number in terms:
        stop("SIGTERM")


def _end_orphaned() -> NoReturn:
    """Without its supervisor a process of the tree must not go on, not even to clean up at leisure."""
    os._exit(EXIT_ORPHANED)
