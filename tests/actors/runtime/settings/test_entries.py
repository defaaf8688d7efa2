import sys

import msgspec
import pytest

from actors.runtime.settings.check import CheckRequest, ChildToCheck, check
from actors.runtime.settings.entries import load_entry
from actors.runtime.settings.problems import find_problems, suggestion
from protocols.errors import SettingsError
from tests.tree.sample_actors import SampleSettings, configured, idle


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    limit: int


class Table(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    inner: Inner | None = None
    low: int = 0
    high: int = 1

    def __post_init__(self) -> None:
        if self.low >= self.high:
            raise ValueError("low must be below high")


async def three_parameters(actor: object, one: int, two: int) -> None: ...


async def unannotated(actor, settings) -> None: ...  # type: ignore[no-untyped-def]  # noqa: ANN001 - the point


def test_an_entry_knows_its_settings_type() -> None:
    assert load_entry("tests.tree.sample_actors:configured").settings_type is SampleSettings
    assert load_entry("tests.tree.sample_actors:configured").function is configured
    entry = load_entry("tests.tree.sample_actors:idle")
    assert (entry.function, entry.settings_type) == (idle, None)


@pytest.mark.parametrize(
    ("function", "expected"),
    [("three_parameters", "takes 3 parameters"), ("unannotated", "must be annotated with a msgspec.Struct class")],
)
def test_a_function_of_another_shape_is_refused(function: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "entries_of_this_test", sys.modules[__name__])
    with pytest.raises(SettingsError, match=expected):
        load_entry(f"entries_of_this_test:{function}")


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"name": "x"}, []),
        ({}, ["t.name: missing"]),
        ({"name": 1, "nam": 2}, ["t.nam: unknown setting; did you mean 'name'?", "t.name: Expected str, got int"]),
        ({"name": "x", "inner": {"limit": "y"}}, ["t.inner.limit: Expected int, got str"]),
        ({"name": "x", "low": 5}, ["t: low must be below high"]),
    ],
)
def test_problems_are_named_with_their_full_path(table: dict[str, object], expected: list[str]) -> None:
    assert find_problems(table, Table, where="t") == expected


def test_a_name_unlike_any_other_gets_the_list() -> None:
    assert suggestion("zzz", ["b", "a"]) == "; known here: a, b"
    assert suggestion("zzz", []) == "; nothing can be set here"


def test_the_check_names_problems_of_all_children() -> None:
    request = CheckRequest(
        children=[
            ChildToCheck("one", "tests.tree.sample_actors:configured", {"code": "x"}),
            ChildToCheck("two", "no_such:run", {}),
            ChildToCheck("three", "tests.tree.sample_actors:with_shared_table", {}),
        ],
        shared={"exchange": {"url": 5}, "unused": {}},
    )
    answer = check(request)
    assert answer.problems == [
        "one.code: Expected int, got str",
        "child two: start = 'no_such:run': no module named 'no_such'",
        "exchange.url: Expected str, got int",
    ]
    assert answer.takes == {"one": [], "three": ["exchange"]}
