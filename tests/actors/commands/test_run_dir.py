from pathlib import Path

import pytest

import supervisor.run_dir
from actors.commands.run_dir import actor_socket, actors_in, find_run_dir
from protocols.errors import SettingsError
from tests.actors.consumers.harness import listen


@pytest.mark.parametrize("chosen", [None, "", "some/dir", "~/dir"])
@pytest.mark.parametrize("environment", [{}, {"UPBITD_RUN_DIR": "/x/run"}, {"XDG_RUNTIME_DIR": "/run/user/5"}])
def test_clients_look_where_the_supervisor_serves(chosen: str | None, environment: dict[str, str]) -> None:
    assert find_run_dir(chosen, environment) == supervisor.run_dir.find_run_dir(chosen, environment)


def test_an_actor_is_found_by_its_socket(tmp_path: Path) -> None:
    with listen(tmp_path / "public.sock"), listen(tmp_path / "control.sock"):
        assert actors_in(tmp_path) == ["public"]
        assert actor_socket(tmp_path, "public") == tmp_path / "public.sock"


def test_an_unknown_actor_is_told_which_there_are(tmp_path: Path) -> None:
    with (
        listen(tmp_path / "public.sock"),
        listen(tmp_path / "private.sock"),
        pytest.raises(SettingsError, match=r"no actor 'nobody' in .*; there are: private, public$"),
    ):
        actor_socket(tmp_path, "nobody")


def test_without_a_tree_the_message_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="start one with `upbitd run`"):
        actor_socket(tmp_path / "missing", "public")


def test_sockets_that_a_dead_supervisor_left_are_no_tree(tmp_path: Path) -> None:
    listen(tmp_path / "public.sock").close()
    with pytest.raises(SettingsError, match="no tree runs"):
        actor_socket(tmp_path, "public")
