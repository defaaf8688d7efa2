"""The run directory as a client sees it: where the actors of a running tree have their sockets."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

from protocols.errors import SettingsError

SUPERVISOR_SOCKET: Final = "control.sock"

CONNECT_S: Final = 5.0

run_dir_option = click.option(
    "--run-dir",
    metavar="DIR",
    help="Directory of the tree's sockets; also UPBITD_RUN_DIR. Default: the user's runtime directory.",
)


def find_run_dir(chosen: str | None, environment: Mapping[str, str]) -> Path:
    """Return the path by --run-dir, else UPBITD_RUN_DIR, else the default, as `upbitd run` chooses it."""
    named = chosen or environment.get("UPBITD_RUN_DIR") or ""
    if named:
        return Path(named).expanduser().absolute()
    runtime = environment.get("XDG_RUNTIME_DIR", "")
    return Path(runtime) / "upbitd" if runtime else Path.home() / ".local/state/upbitd/run"


def actors_in(run_dir: Path) -> list[str]:
    """Names of the actors that have a socket there, sorted; none when there is no such directory."""
    return sorted(path.stem for path in run_dir.glob("*.sock") if path.name != SUPERVISOR_SOCKET)


def actor_socket(run_dir: Path, actor: str) -> Path:
    """Return the socket of an actor of a running tree.

    Raises:
        SettingsError: no tree runs there, or it has no such actor; the message says what to do.
    """
    known = actors_in(run_dir)
    if not known or not _is_served(run_dir / f"{known[0]}.sock"):
        raise SettingsError(
            f"no tree runs in {run_dir}; start one with `upbitd run`, or name its directory with --run-dir"
        )
    if actor not in known:
        raise SettingsError(f"no actor {actor!r} in {run_dir}; there are: {', '.join(known)}")
    return run_dir / f"{actor}.sock"


def _is_served(path: Path) -> bool:
    """Whether somebody listens; a supervisor that was killed leaves its socket files behind."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(CONNECT_S)
        try:
            probe.connect(os.fspath(path))
        except OSError:
            return False
    return True
