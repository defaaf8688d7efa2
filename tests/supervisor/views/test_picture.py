from typing import Any

import msgspec
import pytest

from supervisor.views.picture import nested, picture, styles
from tests.supervisor.views.statuses import child, ended, group, tree

WHOLE = tree(
    child("public", restarts=1),
    group("consumers", "books", "scanner", restarts=1200, strategy="one_for_one"),
    group("books", "best", group="consumers", state="parked", reason="waits for public"),
    ended("best", group="books", state="parked", reason="ended\n 6 times\twithin 60 s", restarts=6),
    ended("scanner", group="consumers", is_held=True),
    ended("trader", state="pending"),
    uptime_s=3 * 3600.0,
)


def test_the_picture_shows_groups_with_their_members_and_columns_below_one_another() -> None:
    assert picture(WHOLE) == [
        "upbitd (pid 1)  rest_for_one, running, up 3 h 0 min",
        "├── public        ready    pid 100      1 restart       up 10.0 s",
        "├── consumers     ready    one_for_one  1,200 restarts",
        "│   ├── books     parked   one_for_all                  waits for public",
        "│   │   └── best  parked                6 restarts      ended 6 times within 60 s",
        "│   └── scanner   stopped                               stopped by its operator",
        "└── trader        pending",
    ]


def test_a_reason_says_more_than_who_stopped_it_or_how_long_it_is_up() -> None:
    lines = picture(tree(child("a", reason="waits for b", is_held=True)))
    assert lines[1].endswith("waits for b")


def test_a_column_that_no_row_needs_takes_no_room() -> None:
    assert picture(tree(ended("a"), ended("long_name")))[1:] == ["├── a          stopped", "└── long_name  stopped"]


def test_a_tree_without_members_is_its_title() -> None:
    assert picture(tree()) == ["upbitd (pid 1)  rest_for_one, running, up 1 min 40 s"]
    assert styles(tree()) == [""]


def test_a_supervisor_that_tells_no_groups_has_a_picture_without_a_strategy() -> None:
    flat = msgspec.structs.replace(tree(child("a", group="g")), groups=())
    assert picture(flat) == ["upbitd (pid 1)  running, up 1 min 40 s", "└── a  ready  pid 100  up 10.0 s"]
    assert nested(flat)["strategy"] == ""


def test_a_group_without_members_is_one_line() -> None:
    assert picture(tree(group("empty"), child("a")))[1:] == [
        "├── empty  ready  one_for_all",
        "└── a      ready  pid 100      up 10.0 s",
    ]


def test_each_line_has_a_colour_by_its_state() -> None:
    assert styles(WHOLE) == ["", "", "", "yellow", "yellow", "dim", "dim"]


def names(of: dict[str, Any]) -> Any:
    return [(member["name"], names(member)) if "members" in member else member["name"] for member in of["members"]]


def test_for_programs_each_group_has_its_members_inside() -> None:
    assert names(nested(WHOLE)) == ["public", ("consumers", [("books", ["best"]), "scanner"]), "trader"]


def test_for_programs_members_tell_what_they_are() -> None:
    whole = nested(WHOLE)
    assert {key: whole[key] for key in ("pid", "state", "uptime_s", "strategy")} == {
        "pid": 1,
        "state": "running",
        "uptime_s": 3 * 3600.0,
        "strategy": "rest_for_one",
    }
    _public, consumers, trader = whole["members"]
    books, scanner = consumers["members"]
    assert (books["kind"], books["strategy"], books["reason"]) == ("group", "one_for_all", "waits for public")
    assert (scanner["kind"], scanner["is_held"], scanner["pid"], scanner["uptime_s"]) == ("child", True, None, None)
    assert books["members"][0]["reason"] == "ended\n 6 times\twithin 60 s"
    assert trader["state"] == "pending"


@pytest.mark.parametrize("state", ["starting", "ready", "stopping"])
def test_what_goes_its_way_has_no_colour(state: str) -> None:
    assert styles(tree(child("a", state=state))) == ["", ""]
