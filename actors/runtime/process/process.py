"""The life of an actor's process once it is safe: settings, log, loop, last words."""

import gc
import os
import signal
import socket
import traceback
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import trio

from actors.runtime.actor import Actor
from actors.runtime.channel.publishing import Publisher
from actors.runtime.channel.serving import serve_channel
from actors.runtime.groups import leaves
from actors.runtime.process.control_link import ControlLink, send_last_words
from actors.runtime.process.counters import Counters
from actors.runtime.process.heartbeat import run_heartbeat
from actors.runtime.process.lifeline import EXIT_ORPHANED
from actors.runtime.process.logs import Redaction, configure_logs, get_logger
from actors.runtime.settings.entries import Entry, load_entry
from protocols.control.messages import Failed, Start, Stop
from protocols.errors import SettingsError

COLLECT_AFTER: Final = 20_000
"""Containers made, less those freed, until the collector looks at the young ones: a batch of events makes hundreds,
which are freed at once. The interpreter's own 700 cost the connection actor about a twentieth of its time."""

EXIT_OK, EXIT_FAILED, EXIT_SETTINGS = 0, 1, 2


def run_process(start: Start, *, link: socket.socket, listener: socket.socket, already_read: bytes) -> int:
    """Run the actor to its end and return the process's exit code; an error is told to the supervisor, not printed."""
    redaction = Redaction(start.secrets.values())
    configure_logs(level=start.log_level, redaction=redaction)
    # From here the loop listens for SIGTERM; one that comes before it does waits.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    control = ControlLink(link, already_read=already_read)
    try:
        entry, settings = _load(start)
        trio.run(partial(_run_actor, start, entry, settings, control=control, listener=listener, redaction=redaction))
    except (Exception, BaseExceptionGroup, SystemExit) as error:  # noqa: BLE001 - the edge of the process
        code, failed = _verdict(error, redaction)
    else:
        code, failed = EXIT_OK, None
    for message in (*control.untold(), *([] if failed is None else [failed])):
        send_last_words(link, message)
    return code


def _load(start: Start) -> tuple[Entry, object]:
    """Import the actor and read its settings; the supervisor checked both, but files may have changed since."""
    entry = load_entry(start.entry)
    if entry.settings_type is None:
        return entry, None
    try:
        return entry, msgspec.msgpack.decode(start.settings, type=entry.settings_type)
    except msgspec.ValidationError as error:
        raise SettingsError(f"settings of {start.name}: {error}") from error


async def _run_actor(
    start: Start,
    entry: Entry,
    settings: object,
    *,
    control: ControlLink,
    listener: socket.socket,
    redaction: Redaction,
) -> None:
    # What was imported stays for good; the collector need not look at it again.
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])
    pid = os.getpid()
    log = get_logger(actor=start.name, pid=pid)
    counters = Counters()
    actor = Actor(
        name=start.name,
        pid=pid,
        incarnation=start.incarnation,
        run_dir=Path(start.run_dir),
        secrets=start.secrets,
        log=log,
        counters=counters,
        publisher=Publisher(start.name, start.incarnation, counters),
        tell=control.tell,
        redaction=redaction,
    )
    listener.setblocking(False)
    async with trio.open_nursery() as nursery:
        work = trio.CancelScope()

        def stop(message: Stop) -> None:
            log.debug("actor.stop", deadline_s=message.deadline_s)
            work.cancel()

        nursery.start_soon(_stop_on_sigterm, work)
        nursery.start_soon(control.run_writer)
        nursery.start_soon(lambda: control.run_reader(stop=stop, orphaned=_end_orphaned))
        nursery.start_soon(
            lambda: run_heartbeat(control.tell, every_s=start.heartbeat_s, progress=actor.progress, counters=counters)
        )
        nursery.start_soon(serve_channel, listener, actor.publisher, log)
        with work:
            await (entry.function(actor) if entry.settings_type is None else entry.function(actor, settings))
        nursery.cancel_scope.cancel()


async def _stop_on_sigterm(work: trio.CancelScope) -> None:
    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        async for _number in signals:
            work.cancel()


def _end_orphaned() -> None:
    """Without its supervisor a process of the tree must not go on, not even to clean up at leisure."""
    os._exit(EXIT_ORPHANED)


def _verdict(error: BaseException, redaction: Redaction) -> tuple[int, Failed | None]:
    """Turn what ended the loop into an exit code and last words."""
    errors = list(leaves(error))
    first = errors[0]
    if len(errors) == 1 and isinstance(first, SystemExit):
        code = first.code if isinstance(first.code, int) else int(first.code is not None)
        return code, None
    summary = f"{type(first).__name__}: {first}" if len(errors) == 1 else f"{len(errors)} errors, first {first!r}"
    text = "".join(traceback.format_exception(error))
    failed = Failed(summary=redaction.text(summary.splitlines()[0]), traceback=redaction.text(text))
    return (EXIT_SETTINGS if isinstance(first, SettingsError) else EXIT_FAILED), failed
