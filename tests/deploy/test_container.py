"""The container files fit the settings and the repository."""

import re
import shlex
import tomllib

import pytest

from actors.connections.keys import CREDENTIAL, CREDENTIALS_VARIABLE
from supervisor.specs.spec import SupervisorFlags
from tests.deploy.units import seconds, tree_of
from tests.tree.running_tree import REPOSITORY

FOLDER = REPOSITORY / "deploy" / "container"
DOCKERFILE = (FOLDER / "Dockerfile").read_text()
COMPOSE = (FOLDER / "compose.yaml").read_text()
README = (FOLDER / "README.md").read_text()


def instructions() -> list[tuple[str, str]]:
    joined = re.sub(r"\\\n", " ", DOCKERFILE)
    lines = [line for line in joined.splitlines() if line and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def only(name: str) -> str:
    (value,) = [rest for word, rest in instructions() if word == name]
    return value


def test_everything_that_is_copied_exists_and_reaches_the_builder() -> None:
    ignore = (FOLDER / "Dockerfile.dockerignore").read_text().splitlines()
    copied = [
        source
        for word, rest in instructions()
        if word == "COPY" and "--from" not in rest
        for source in shlex.split(rest)[:-1]
    ]
    assert copied
    for source in copied:
        assert (REPOSITORY / source).exists(), source
        assert f"!{source.rstrip('/')}" in ignore, source


def test_the_wheel_can_be_made_from_what_is_copied() -> None:
    text = (REPOSITORY / "pyproject.toml").read_text()
    (included,) = re.findall(r"only-include = \[(.*)\]", text)
    for name in re.findall(r'"([^"]+)"', included):
        assert re.search(rf"^COPY .*\b{re.escape(name)}", DOCKERFILE, re.MULTILINE), name


def test_packages_are_taken_by_their_hashes_only() -> None:
    installs = re.findall(r"pip install [^&\n]*", DOCKERFILE)
    assert installs
    assert all("--require-hashes" in line or "--no-index" in line for line in installs)
    assert "://" not in DOCKERFILE + COMPOSE


def test_it_does_not_run_as_root_and_keeps_its_files_to_itself() -> None:
    assert only("USER") == "10001:10001"
    assert "-m 0700 /run/upbitd /var/lib/upbitd" in DOCKERFILE
    assert "uid=10001,gid=10001" in COMPOSE


def test_it_is_pid_1_and_hears_the_signal() -> None:
    assert (only("ENTRYPOINT"), only("CMD"), only("STOPSIGNAL")) == ('["upbitd"]', '["run"]', "SIGTERM")
    assert "init: false" in COMPOSE


def test_its_health_is_asked_by_a_command_that_exists() -> None:
    assert only("HEALTHCHECK").endswith('CMD ["upbitd", "status"]')


def test_it_is_not_killed_before_the_tree_has_stopped() -> None:
    (period,) = re.findall(r"stop_grace_period: (\S+)", COMPOSE)
    shutdown_s = SupervisorFlags(
        **tomllib.loads((REPOSITORY / "deploy" / "upbitd.toml").read_text())["supervisor"]
    ).shutdown_s
    assert seconds(period) > 2 * shutdown_s
    assert f"shutdown_s of [supervisor], which is {shutdown_s:g} s" in COMPOSE


def test_run_directory_state_and_keys_are_where_the_files_say() -> None:
    assert "UPBITD_RUN_DIR=/run/upbitd" in DOCKERFILE
    assert "- /run/upbitd:" in COMPOSE
    assert "XDG_STATE_HOME=/var/lib" in DOCKERFILE
    assert "- state:/var/lib/upbitd" in COMPOSE
    assert f"{CREDENTIALS_VARIABLE}: /run/secrets\n" in COMPOSE
    assert f"secrets:\n  {CREDENTIAL}:" in COMPOSE


@pytest.mark.parametrize("names", [{"public", "private"}, {"public", "price_monitor"}])
def test_its_variables_fit_settings_with_and_without_each_child(names: set[str]) -> None:
    (block,) = re.findall(r"\n    environment:\n((?:      .*\n)+)", COMPOSE)
    variables = dict(re.findall(r"^ +(\w+): (\S+)$", block, re.MULTILINE))
    assert variables
    assert tree_of(names, variables) == names


def test_the_readme_names_files_that_exist() -> None:
    for name in set(re.findall(r"deploy/[\w./]+\.(?:yaml|md)", README)):
        assert (REPOSITORY / name).exists(), name
