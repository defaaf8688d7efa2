"""Where a tree's sockets are, as everybody finds them: the supervisor that makes them and the clients that dial."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from protocols.errors import SettingsError

CONTROL_SOCKET: Final = "control.sock"
"""The supervisor's own; every other socket there is an actor's."""

BORROWED: Final = "started-by-a-program"
"""There when the last tree in a run directory was one that ends with the program that started it: then any program
that was attached to it may start the next one, while a tree of its owner's comes back when the owner says so."""

CONNECT_S: Final = 5.0


def find_run_dir(chosen: str | None, environment: Mapping[str, str]) -> Path:
    """Return the path by --run-dir, else UPBITD_RUN_DIR, else the user's own; absolute, not created.

    The user's own is XDG_RUNTIME_DIR/upbitd, or ~/.local/state/upbitd/run where there is no such directory. A relative
    XDG_RUNTIME_DIR counts as none: https://specifications.freedesktop.org/basedir-spec/latest/ has it ignored.

    Raises:
        SettingsError: the path begins with the home of a user who has none, or whom nobody knows.
    """
    named = chosen or environment.get("UPBITD_RUN_DIR") or ""
    runtime = Path(environment.get("XDG_RUNTIME_DIR", ""))
    try:
        if named:
            return Path(named).expanduser().absolute()
        return runtime / "upbitd" if runtime.is_absolute() else Path.home().absolute() / ".local/state/upbitd/run"
    except RuntimeError:  # So pathlib says it, also where the user of this process has no entry in passwd.
        problem = f"run directory {named}: no such home" if named else "this user has no home for the run directory"
        raise SettingsError(f"{problem}; name another by --run-dir or UPBITD_RUN_DIR") from None


def socket_of(run_dir: Path, actor: str) -> Path:
    """Where an actor serves its channel."""
    return run_dir / f"{actor}.sock"


def actors_in(run_dir: Path) -> list[str]:
    """Names of the actors that have a socket there, sorted; none when there is no such directory, or none for us.

    Raises:
        OSError: nobody can look, as when no descriptor is left. `Path.glob` finds nothing then in newer Pythons.
    """
    try:
        paths = list(run_dir.iterdir())
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
    return sorted(path.stem for path in paths if path.suffix == ".sock" and path.name != CONTROL_SOCKET)


def find_actor(run_dir: Path, actor: str) -> Path:
    """Return the socket of an actor of a running tree.

    Raises:
        SettingsError: no tree runs there, or it has no such actor, or not its socket; the message says what to do.
    """
    known = actors_in(run_dir)
    # A supervisor that was killed leaves its sockets behind; those of one life need not be those of the next.
    served = [name for name in known if is_served(socket_of(run_dir, name))]
    if actor in served:
        return socket_of(run_dir, actor)
    # The sockets of the actors do not come back with a run directory that was removed, and the tree runs on.
    is_running = is_served(run_dir / CONTROL_SOCKET)
    if not served and not is_running:
        raise SettingsError(
            f"no tree runs in {run_dir}; start one with `upbitd run`, or name its directory with --run-dir"
        )
    advice = f"; {when_removed(actor)}" if is_running else ""
    raise SettingsError(
        f"no socket of an actor {actor!r} in {run_dir}; there are: {', '.join(served) or 'none'}{advice}"
    )


def when_removed(actor: str) -> str:
    """Say what to do when a running tree has an actor, but its socket is gone; the end of a message."""
    return (
        "if it is in the settings of the tree, its socket or the run directory was removed meanwhile: "
        f"`upbitd restart {actor}` makes a new one"
    )


def is_served(path: Path) -> bool:
    """Whether somebody listens on this socket; also one that takes no connections, as while it is stopped."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(CONNECT_S)
        try:
            probe.connect(os.fspath(path))
        except BlockingIOError:  # The backlog is full; no Unix socket ever waits for room in one, whatever the timeout.
            return True
        except OSError:
            return False
    return True
