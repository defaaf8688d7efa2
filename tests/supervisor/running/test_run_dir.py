import errno
import os
import resource
import stat
from pathlib import Path

import pytest

from actors.runtime.run_dir import find_run_dir
from protocols.errors import SettingsError, TemporaryFailure
from supervisor.running.run_dir import MAX_SOCKET_PATH_BYTES, RunDir, open_run_dir


def test_a_new_directory_is_private(tmp_path: Path) -> None:
    run_dir = open_run_dir(tmp_path / "a" / "run")
    assert stat.S_IMODE(run_dir.path.stat().st_mode) == 0o700


def test_an_empty_directory_that_is_open_to_others_is_closed(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir(mode=0o755)
    assert stat.S_IMODE(open_run_dir(tmp_path / "run").path.stat().st_mode) == 0o700


def test_a_directory_with_strange_files_that_is_open_to_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o755)
    (tmp_path / "shared" / "somebody's").touch()
    with pytest.raises(SettingsError, match="is open to other users"):
        open_run_dir(tmp_path / "shared")
    assert stat.S_IMODE((tmp_path / "shared").stat().st_mode) == 0o755


def test_a_path_that_is_no_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="cannot be used: File exists"):
        open_run_dir(tmp_path / "file")


def test_a_directory_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = tmp_path.stat().st_uid
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.raises(SettingsError, match=f"belongs to user {owner}"):
        open_run_dir(tmp_path)


def test_a_path_too_long_for_sockets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="too long for a Unix socket"):
        open_run_dir(tmp_path / ("x" * MAX_SOCKET_PATH_BYTES))
    run_dir = RunDir(Path("/" + "x" * (MAX_SOCKET_PATH_BYTES - 16)))
    with pytest.raises(SettingsError, match="too long for a Unix socket"):
        run_dir.listen(run_dir.child_socket("a_long_name"))


def test_a_path_that_is_not_utf_8_is_refused_and_shown_and_nothing_is_made(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9")
    with pytest.raises(SettingsError, match=r"run directory .*/caf\\xe9 is not UTF-8; choose another by --run-dir"):
        open_run_dir(path)
    assert list(tmp_path.iterdir()) == []


def test_a_path_with_letters_of_any_language_is_taken(tmp_path: Path) -> None:
    assert open_run_dir(tmp_path / "실행").path.is_dir()


def test_the_lock_is_held_by_one_supervisor(tmp_path: Path) -> None:
    run_dir = open_run_dir(tmp_path / "run")
    refused = pytest.raises(SettingsError, match=rf"another supervisor \(pid {os.getpid()}\)")
    with run_dir.locked(), refused, run_dir.locked():
        pass
    with run_dir.locked():
        pass


def test_a_lock_that_cannot_be_opened_is_a_settings_error(tmp_path: Path) -> None:
    run_dir = open_run_dir(tmp_path / "run")
    (run_dir.path / "lock").mkdir()
    with pytest.raises(SettingsError, match=r"run/lock cannot be locked: Is a directory") as refused, run_dir.locked():
        pass
    assert not isinstance(refused.value, TemporaryFailure)


def test_a_full_disk_is_no_fault_of_the_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(_fd: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    run_dir = open_run_dir(tmp_path / "run")
    monkeypatch.setattr(os, "write", write)
    full = r"run/lock cannot be locked: No space left on device; start it again when that has passed, or choose another"
    with pytest.raises(TemporaryFailure, match=full), run_dir.locked():
        pass


def test_an_error_inside_the_lock_is_not_taken_for_one_of_the_lock(tmp_path: Path) -> None:
    run_dir = open_run_dir(tmp_path / "run")
    with pytest.raises(FileNotFoundError), run_dir.locked():
        (tmp_path / "none").read_bytes()


def test_a_socket_that_cannot_be_made_is_a_settings_error(tmp_path: Path) -> None:
    run_dir = open_run_dir(tmp_path / "run")
    run_dir.control_socket.mkdir()
    with pytest.raises(SettingsError, match=r"cannot listen on .*/control\.sock: Is a directory"):
        run_dir.listen(run_dir.control_socket)
    with pytest.raises(SettingsError, match=r"cannot listen on .*/none/a\.sock: No such file or directory"):
        run_dir.listen(tmp_path / "none" / "a.sock")


def test_a_lack_of_descriptors_says_what_to_raise(tmp_path: Path) -> None:
    run_dir = open_run_dir(tmp_path / "run")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(
            TemporaryFailure, match=r"cannot listen on .*/control\.sock: Too many open files; .*ulimit -n"
        ):
            run_dir.listen(run_dir.control_socket)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_listening_socket_is_private_and_replaces_a_stale_one(tmp_path: Path) -> None:
    run_dir = open_run_dir(tmp_path / "run")
    run_dir.listen(run_dir.control_socket).close()
    with run_dir.listen(run_dir.control_socket):
        assert stat.S_IMODE(run_dir.control_socket.stat().st_mode) == 0o600


def test_the_directory_is_found_by_option_then_variable_then_default() -> None:
    environment = {"UPBITD_RUN_DIR": "/by/variable", "XDG_RUNTIME_DIR": "/run/user/5"}
    assert find_run_dir("/by/option", environment) == Path("/by/option")
    assert find_run_dir(None, environment) == Path("/by/variable")
    assert find_run_dir(None, {"XDG_RUNTIME_DIR": "/run/user/5"}) == Path("/run/user/5/upbitd")
    assert find_run_dir(None, {}) == Path.home() / ".local/state/upbitd/run"


def test_a_relative_runtime_directory_is_ignored() -> None:
    assert find_run_dir(None, {"XDG_RUNTIME_DIR": "run/user"}) == find_run_dir(None, {})


def test_a_home_that_is_not_there_is_a_problem_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    advice = "name another by --run-dir or UPBITD_RUN_DIR"
    for given in (("~nosuch/x", {}), (None, {"UPBITD_RUN_DIR": "~nosuch/x"})):
        with pytest.raises(SettingsError, match=f"^run directory ~nosuch/x: no such home; {advice}$"):
            find_run_dir(*given)
    # As for a user of a container that passwd does not know.
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)
    with pytest.raises(SettingsError, match=f"^this user has no home for the run directory; {advice}$"):
        find_run_dir(None, {})
    assert find_run_dir(None, {"XDG_RUNTIME_DIR": "/run/user/5"}) == Path("/run/user/5/upbitd")
