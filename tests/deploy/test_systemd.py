"""The systemd unit fits the settings, the exit codes, and what the processes do."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from actors.connections.keys import CREDENTIAL, CREDENTIALS_VARIABLE, find_keys_file, load_keys
from actors.connections.private import PrivateSettings
from protocols.errors import AuthenticationError
from supervisor.service.exit_codes import EXIT_BAD_INPUT
from supervisor.specs.spec import ChildSpec, SupervisorFlags
from tests.deploy.units import read_unit, seconds, tree_of
from tests.tree.running_tree import REPOSITORY

UNIT = REPOSITORY / "deploy" / "systemd" / "upbitd.service"
SETTINGS = REPOSITORY / "deploy" / "upbitd.toml"

NEEDED_CALLS = {
    "clone3",
    "close_range",
    "execve",
    "flock",
    "memfd_create",
    "pidfd_open",
    "pidfd_send_signal",
    "prctl",
    "prlimit64",
    "recvmsg",
    "sendmsg",
    "setitimer",
    "waitid",
}
"""What the supervisor, its helpers and the actors cannot do without."""


def only(key: str, section: str = "Service") -> str:
    (value,) = read_unit(UNIT)[section][key]
    return value


def environment() -> dict[str, str]:
    return dict(value.split("=", 1) for value in read_unit(UNIT)["Service"]["Environment"])  # type: ignore[misc]


def flags() -> SupervisorFlags:
    return SupervisorFlags(**tomllib.loads(SETTINGS.read_text())["supervisor"])


def test_the_service_manager_waits_longer_than_the_tree_for_its_stop() -> None:
    assert seconds(only("TimeoutStopSec")) > 2 * flags().shutdown_s
    assert seconds(only("TimeoutStopSec")) > 2 * SupervisorFlags().shutdown_s


def test_the_service_manager_waits_longer_than_all_children_for_their_start() -> None:
    limits = [child.get("start_timeout_s", ChildSpec(name="a", start="a:b").start_timeout_s) for child in children()]
    assert seconds(only("TimeoutStartSec")) > sum(limits)


def children() -> list[dict[str, float]]:
    found: list[dict[str, float]] = tomllib.loads(SETTINGS.read_text())["child"]
    return found


def test_the_watchdog_allows_a_loop_to_be_late() -> None:
    assert seconds(only("WatchdogSec")) >= 10 * flags().heartbeat_s


def test_only_bad_settings_are_not_tried_again() -> None:
    assert (only("Restart"), only("RestartPreventExitStatus")) == ("always", str(EXIT_BAD_INPUT))
    assert only("StartLimitIntervalSec", "Unit") == "0"


def test_signals_reach_the_supervisor_alone_and_mean_what_it_does() -> None:
    assert only("KillMode") == "mixed"
    assert only("ExecReload").endswith("kill -HUP $MAINPID")
    assert (only("Type"), only("NotifyAccess")) == ("notify", "main")


def test_a_child_that_the_kernel_ends_does_not_end_the_service() -> None:
    assert only("OOMPolicy") == "continue"


def test_the_run_directory_is_the_one_that_systemd_makes() -> None:
    assert environment()["UPBITD_RUN_DIR"] == f"%t/{only('RuntimeDirectory')}"
    assert only("RuntimeDirectoryMode") == "0700"


def test_locks_go_where_the_service_may_write() -> None:
    # The rest of the file system is read-only.
    assert only("ProtectSystem") == "strict"
    assert environment()["XDG_STATE_HOME"] == "%S"
    assert only("StateDirectory") == "upbitd"


def test_the_keys_are_a_credential_that_private_finds_by_itself() -> None:
    name, _, source = only("LoadCredential").partition(":")
    assert source.startswith("/etc/upbitd/")
    assert name == CREDENTIAL
    assert PrivateSettings().keys_file is None
    # Else the whole service fails where there are no keys.
    assert only("SetCredential").startswith(f"{name}:#")


def test_what_stands_in_for_missing_keys_makes_private_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, _, text = only("SetCredential").partition(":")
    (tmp_path / name).write_text(text)
    (tmp_path / name).chmod(0o400)
    monkeypatch.setenv(CREDENTIALS_VARIABLE, str(tmp_path))
    with pytest.raises(AuthenticationError, match="must hold access_key and secret_key"):
        load_keys({}, find_keys_file(None, os.environ))


@pytest.mark.parametrize("names", [{"public", "private", "price_monitor"}, {"public", "price_monitor"}, {"private"}])
def test_its_variables_fit_settings_with_and_without_each_child(names: set[str]) -> None:
    assert tree_of(names, environment()) == names


def test_no_core_with_keys_is_written() -> None:
    assert only("LimitCORE") == "0"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
class TestBySystemd:
    def analyze(self, *arguments: str) -> str:
        done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def test_the_unit_is_right(self, tmp_path: Path) -> None:
        # It wants the program to be there.
        copy = tmp_path / "upbitd.service"
        copy.write_text(UNIT.read_text().replace("/opt/upbitd/.venv/bin/upbitd", sys.executable))
        self.analyze("verify", "--man=no", str(copy))

    def test_the_calls_that_are_needed_are_allowed(self) -> None:
        allowed = self.calls_of(only("SystemCallFilter"))
        assert allowed >= NEEDED_CALLS

    def calls_of(self, name: str) -> set[str]:
        words = [line.strip() for line in self.analyze("syscall-filter", name).splitlines()[1:]]
        found: set[str] = set()
        for word in words:
            if word.startswith("@"):
                found |= self.calls_of(word)
            elif word and not word.startswith("#"):
                found.add(word)
        return found
