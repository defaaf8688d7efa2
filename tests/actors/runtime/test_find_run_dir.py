import contextlib
import os
import socket
from pathlib import Path

import pytest

from actors.runtime.run_dir import actors_in, find_actor
from protocols.errors import SettingsError
from tests.actors.consumers.harness import listen


def test_an_actor_is_found_by_its_socket(tmp_path: Path) -> None:
    with listen(tmp_path / "public.sock"), listen(tmp_path / "control.sock"):
        assert actors_in(tmp_path) == ["public"]
        assert find_actor(tmp_path, "public") == tmp_path / "public.sock"


def test_an_unknown_actor_is_told_which_there_are(tmp_path: Path) -> None:
    with (
        listen(tmp_path / "public.sock"),
        listen(tmp_path / "private.sock"),
        pytest.raises(SettingsError, match=r"no socket of an actor 'nobody' in .*; there are: private, public$"),
    ):
        find_actor(tmp_path, "nobody")


def test_without_a_tree_the_message_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="start one with `upbitd run`"):
        find_actor(tmp_path / "missing", "public")


@pytest.mark.parametrize(("others", "there"), [((), "none"), (("monitor",), "monitor")])
def test_a_tree_that_lost_the_socket_of_an_actor_runs_and_the_message_says_how_to_make_a_new_one(
    tmp_path: Path, others: tuple[str, ...], there: str
) -> None:
    with contextlib.ExitStack() as listening:
        for name in ("control", *others):
            listening.enter_context(listen(tmp_path / f"{name}.sock"))
        with pytest.raises(
            SettingsError, match=rf"'public' in .*; there are: {there}; .* removed .*`upbitd restart public` makes"
        ):
            find_actor(tmp_path, "public")


def test_sockets_that_a_dead_supervisor_left_are_no_tree(tmp_path: Path) -> None:
    listen(tmp_path / "public.sock").close()
    with pytest.raises(SettingsError, match="no tree runs"):
        find_actor(tmp_path, "public")


def test_an_actor_that_takes_no_connections_is_there(tmp_path: Path) -> None:
    path = tmp_path / "public.sock"
    with listen(path) as listener, contextlib.ExitStack() as waiting:
        listener.listen(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                client = waiting.enter_context(socket.socket(socket.AF_UNIX))
                client.setblocking(False)
                client.connect(os.fspath(path))
        assert find_actor(tmp_path, "public") == path
