"""What a running supervisor reads with the variables and options of its start, which nobody can change any more."""

import os
from pathlib import Path
from typing import Any

import pytest

from supervisor.specs.adding import add_to
from supervisor.specs.problems import SettingsProblems
from supervisor.specs.settings import Settings, load_settings, settings_from

IDLE = "tests.tree.sample_actors:idle"
CONFIGURED = "tests.tree.sample_actors:configured"
SHARED = "tests.tree.sample_actors:with_shared_table"

FIRST = {"name": "first", "start": IDLE}


def tables(*children: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"child": [{**child} for child in children], **more}


def reread(
    start: dict[str, Any], later: dict[str, Any], *, variables: dict[str, str], overrides: tuple[str, ...] = ()
) -> Settings:
    of_start = settings_from(start, variables=variables, overrides=overrides)
    return settings_from(later, variables=variables, overrides=overrides, of_start=of_start)


@pytest.mark.parametrize(
    "later",
    [tables(FIRST), tables(FIRST, {"name": "second", "start": IDLE, "secrets": ["UPBITD_BAR"]})],
    ids=["the child is gone", "its secret has another name"],
)
@pytest.mark.parametrize("name", ["UPBITD_FOO", "UPBITD_FOO__OF_MINE"])
def test_a_variable_that_was_a_secret_at_the_start_is_no_problem_later(later: dict[str, Any], name: str) -> None:
    start = tables(FIRST, {"name": "second", "start": IDLE, "secrets": [name]})
    settings = reread(start, later, variables={name: "value"})
    assert settings.shared == {}
    assert all(settings.secrets_of(child) == {} for child in settings.children)


def test_such_a_secret_is_there_for_a_child_that_is_added_later() -> None:
    start = tables(FIRST, {"name": "second", "start": IDLE, "secrets": ["UPBITD_FOO"]})
    settings = reread(start, tables(FIRST), variables={"UPBITD_FOO": "value"})
    added = add_to(settings, f'[[child]]\nname = "late"\nstart = "{IDLE}"\nsecrets = ["UPBITD_FOO"]')
    assert added.secrets_of(added.children[-1]) == {"UPBITD_FOO": "value"}
    # And it keeps it over the next reload.
    again = settings_from(tables(FIRST), variables={"UPBITD_FOO": "value"}, of_start=settings, running=added)
    assert again.secrets_of(again.children[-1]) == {"UPBITD_FOO": "value"}


def test_the_keys_of_the_account_are_there_for_a_child_that_is_added_later() -> None:
    settings = settings_from(tables(FIRST), variables={"UPBITD_ACCESS_KEY": "value"})
    added = add_to(settings, f'[[child]]\nname = "late"\nstart = "{IDLE}"\nsecrets = ["UPBITD_ACCESS_KEY"]')
    assert added.secrets_of(added.children[-1]) == {"UPBITD_ACCESS_KEY": "value"}


@pytest.mark.parametrize(
    ("variables", "overrides"),
    [({"UPBITD_SECOND__CODE": "5"}, ()), ({}, ("second.code=5",))],
    ids=["variable", "--set"],
)
def test_a_setting_of_a_child_that_is_gone_waits_until_it_comes_back(
    variables: dict[str, str], overrides: tuple[str, ...]
) -> None:
    both = tables(FIRST, {"name": "second", "start": CONFIGURED})
    of_start = settings_from(both, variables=variables, overrides=overrides)
    for later, codes in ((tables(FIRST), []), (both, [5])):
        settings = settings_from(later, variables=variables, overrides=overrides, of_start=of_start)
        assert [child.settings["code"] for child in settings.children[1:]] == codes


def test_a_shared_table_of_a_variable_waits_for_a_child_that_takes_it() -> None:
    start = tables({"name": "first", "start": SHARED})
    settings = reread(start, tables(FIRST), variables={"UPBITD_EXCHANGE__URL": "ws://x"})
    added = add_to(settings, f'[[child]]\nname = "late"\nstart = "{SHARED}"')
    assert added.children[-1].settings == {"exchange": {"url": "ws://x"}}


def test_a_table_of_the_file_that_no_child_takes_is_a_problem_also_later() -> None:
    with pytest.raises(SettingsProblems, match="exchange: no child takes this table"):
        reread(tables(FIRST), tables(FIRST, exchange={"url": "ws://x"}), variables={})


def test_a_variable_that_does_not_fit_what_the_file_says_now_needs_a_new_start() -> None:
    start = tables({"name": "second", "start": CONFIGURED})
    with pytest.raises(SettingsProblems) as caught:
        reread(start, tables({"name": "second", "start": IDLE}), variables={"UPBITD_SECOND__CODE": "5"})
    (line,) = caught.value.lines
    assert line.startswith("UPBITD_SECOND__CODE: second.code: ")
    assert line.endswith("; change or unset this environment variable, which needs a new start of the supervisor")


FILE = f'[[child]]\nname = "first"\nstart = "{IDLE}"\n'


def test_a_pipe_is_read_at_the_start_and_refused_later_instead_of_waited_for() -> None:
    reader, writer = os.pipe()
    pipe = Path(f"/dev/fd/{reader}")
    try:
        os.write(writer, FILE.encode())
        os.close(writer)
        of_start = load_settings(pipe, variables={})
        with pytest.raises(SettingsProblems) as caught:
            load_settings(pipe, variables={}, of_start=of_start)
    finally:
        os.close(reader)
    (line,) = caught.value.lines
    assert line == f"{pipe}: no regular file, so it cannot be read again; start the supervisor with one to reload"


def test_a_fifo_without_a_writer_does_not_hold_up_a_reload(tmp_path: Path) -> None:
    fifo = tmp_path / "upbitd.toml"
    os.mkfifo(fifo)
    of_start = settings_from(tables(FIRST), variables={})
    # Opened like a file, it would never come back.
    with pytest.raises(SettingsProblems, match=f"^{fifo}: no regular file"):
        load_settings(fifo, variables={}, of_start=of_start)


def test_a_file_that_is_gone_is_told_as_at_the_start(tmp_path: Path) -> None:
    of_start = settings_from(tables(FIRST), variables={})
    with pytest.raises(SettingsProblems, match=r"none\.toml: No such file or directory"):
        load_settings(tmp_path / "none.toml", variables={}, of_start=of_start)


@pytest.mark.parametrize("text", ["", "[supervisor]\nintensity = 3\n"])
def test_a_file_without_children_is_told_with_its_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "upbitd.toml"
    file.write_text(text)
    with pytest.raises(SettingsProblems, match=f"^{file}: child: nothing to start"):
        load_settings(file, variables={})
