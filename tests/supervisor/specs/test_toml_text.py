"""TOML that costs more than its reader has: told in a line, wherever it comes from."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.specs.adding import add_to
from supervisor.specs.problems import SettingsProblems
from supervisor.specs.settings import Settings, load_settings
from supervisor.specs.spec import ChildSpec, SupervisorFlags, TreeSpec
from supervisor.specs.toml_text import MAX_DEPTH, NotToml, parse_toml

CONFIGURED = "tests.tree.sample_actors:configured"
CHILD = f'[[child]]\nname = "one"\nstart = "{CONFIGURED}"\n'

TOO_LONG = (
    "not TOML that can be read: Exceeds the limit (4300 digits) for integer string conversion: value has 5000 digits"
)
TOO_DEEP = f"tables or lists are nested deeper than {MAX_DEPTH} levels"

UNUSABLE = {
    "a number of 5000 digits": ("9" * 5000, TOO_LONG),
    "one in hexadecimal": ("0x" + "f" * 5000, "value: a whole number is too long"),
    "one within a list": (f"[{{ a = 0x{'f' * 5000} }}]", "value: a whole number is too long"),
    "lists that are not closed": ("[" * 5000, TOO_DEEP),
    "lists": ("[" * 5000 + "]" * 5000, TOO_DEEP),
    "tables": ("{ a = " * 5000 + "1" + "}" * 5000, TOO_DEEP),
    "lists that can be read but not sent": ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), f"value: {TOO_DEEP}"),
    "dotted names": (f"{{ {'.'.join('a' * 5000)} = 1 }}", f"value: {TOO_DEEP}"),
}


@pytest.mark.parametrize(("value", "problem"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_what_cannot_be_used_is_a_line_with_the_place_that_was_named(value: str, problem: str) -> None:
    with pytest.raises(SettingsProblems) as caught:
        parse_toml(f"value = {value}", "upbitd.toml")
    assert not isinstance(caught.value, NotToml)
    assert caught.value.lines == (f"upbitd.toml: {problem}",)


def test_every_setting_that_cannot_be_used_is_told() -> None:
    with pytest.raises(SettingsProblems) as caught:
        parse_toml("\n".join(f"{name} = 0x{'f' * 5000}" for name in "abc"))
    assert caught.value.lines == tuple(f"{name}: a whole number is too long" for name in "abc")


@given(st.integers(1, MAX_DEPTH))
def test_what_is_no_deeper_than_the_limit_is_read(depth: int) -> None:
    assert parse_toml("value = " + "[" * depth + "]" * depth)
    assert parse_toml(".".join("a" * depth) + " = 1")


@pytest.mark.parametrize(("value", "problem"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_in_a_file_it_is_told_with_the_file(tmp_path: Path, value: str, problem: str) -> None:
    file = tmp_path / "upbitd.toml"
    file.write_text(f"value = {value}\n{CHILD}")
    with pytest.raises(SettingsProblems) as caught:
        load_settings(file, variables={})
    assert caught.value.lines == (f"{file}: {problem}",)


@pytest.mark.parametrize(("value", "problem"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_in_an_override_it_is_told_with_the_option_or_the_variable(tmp_path: Path, value: str, problem: str) -> None:
    file = tmp_path / "upbitd.toml"
    file.write_text(CHILD)
    with pytest.raises(SettingsProblems) as caught:
        load_settings(file, variables={"UPBITD_ONE__CODE": value}, overrides=(f"one.code={value}",))
    assert caught.value.lines == (f"UPBITD_ONE__CODE: {problem}", f"--set one.code: {problem}")


def test_an_override_of_too_many_names_is_told(tmp_path: Path) -> None:
    file = tmp_path / "upbitd.toml"
    file.write_text(CHILD)
    names = ".".join("a" * 5000)
    with pytest.raises(SettingsProblems) as caught:
        load_settings(file, variables={}, overrides=(f"one.{names}=1",))
    (line,) = caught.value.lines
    assert line == f"--set one.{names}: more than {MAX_DEPTH} names within one another"


def test_text_of_an_override_that_is_no_toml_stays_text(tmp_path: Path) -> None:
    file = tmp_path / "upbitd.toml"
    file.write_text(CHILD)
    with pytest.raises(SettingsProblems, match=r"--set one\.code: one\.code: Expected int, got str"):
        load_settings(file, variables={}, overrides=("one.code=]",))


@pytest.mark.parametrize(("value", "problem"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_in_what_is_added_it_is_a_line(value: str, problem: str) -> None:
    running = Settings(tree=TreeSpec(flags=SupervisorFlags(), children=(ChildSpec(name="a", start=CONFIGURED),)))
    with pytest.raises(SettingsProblems) as caught:
        add_to(running, f"value = {value}\n{CHILD}")
    assert caught.value.lines == (problem,)
