"""What was added to a running tree, when the settings file is read again: checked with it, as one whole."""

from pathlib import Path

import pytest

from supervisor.specs.adding import add_to
from supervisor.specs.plan import make_plan
from supervisor.specs.problems import SettingsProblems
from supervisor.specs.settings import Settings, load_settings

IDLE = "tests.tree.sample_actors:idle"
SHARED = "tests.tree.sample_actors:with_shared_table"

EXCHANGE = '[exchange]\nurl = "ws://old"\n'
FIRST = f'[[child]]\nname = "first"\nstart = "{SHARED}"\n'
UNSHARED = f'[[child]]\nname = "first"\nstart = "{IDLE}"\n'
LATE = f'[[child]]\nname = "late"\nstart = "{SHARED}"\n'
REMOVE = "; late was added while the tree ran: `upbitd remove late`"


class Tree:
    """A tree whose settings are changed as its operator changes them."""

    def __init__(self, folder: Path, text: str) -> None:
        self.file = folder / "upbitd.toml"
        self.file.write_text(text)
        self._of_start = self.settings = load_settings(self.file, variables={})

    def add(self, text: str, group: str = "") -> None:
        self.settings = add_to(self.settings, text, group=group)

    def read_again(self, text: str) -> Settings:
        self.file.write_text(text)
        return load_settings(self.file, variables={}, of_start=self._of_start, running=self.settings)

    def refusal(self, text: str) -> tuple[str, ...]:
        with pytest.raises(SettingsProblems) as caught:
            self.read_again(text)
        return caught.value.lines


def test_an_added_child_takes_a_shared_table_as_it_is_now_each_time(tmp_path: Path) -> None:
    tree = Tree(tmp_path, EXCHANGE + FIRST)
    tree.add(LATE)
    for url in ("ws://new", "ws://newer"):
        settings = tree.read_again(EXCHANGE.replace("ws://old", url) + FIRST)
        assert [child.settings for child in settings.children] == [{"exchange": {"url": url}}] * 2
        assert make_plan(tree.settings, settings).names("restart") == ["first", "late"]
        tree.settings = settings
    assert make_plan(tree.settings, tree.read_again(tree.file.read_text())).names("keep") == ["first", "late"]


def test_a_table_of_its_own_is_not_replaced_by_a_shared_one_of_that_name(tmp_path: Path) -> None:
    tree = Tree(tmp_path, EXCHANGE + FIRST)
    tree.add(LATE + 'settings = { exchange = { url = "ws://own" } }\n')
    settings = tree.read_again(EXCHANGE.replace("old", "new") + FIRST)
    assert settings.children[-1].settings == {"exchange": {"url": "ws://own"}}
    assert make_plan(tree.settings, settings).names("restart") == ["first"]


def test_an_added_child_keeps_a_shared_table_in_use_that_no_child_of_the_file_takes(tmp_path: Path) -> None:
    tree = Tree(tmp_path, EXCHANGE + FIRST)
    tree.add(LATE)
    assert tree.read_again(EXCHANGE + UNSHARED).children[-1].settings == {"exchange": {"url": "ws://old"}}


def test_a_shared_table_that_is_gone_is_missed_by_an_added_child_that_needs_it(tmp_path: Path) -> None:
    tree = Tree(tmp_path, EXCHANGE + FIRST)
    tree.add(LATE)
    assert tree.refusal(UNSHARED) == (f"late.exchange: missing{REMOVE}",)


def test_a_shared_table_that_only_an_added_child_cannot_use_is_told_at_its_line(tmp_path: Path) -> None:
    tree = Tree(tmp_path, EXCHANGE + FIRST)
    tree.add(LATE)
    lines = tree.refusal("[exchange]\nurl = 1\n" + UNSHARED)
    assert lines == (f"{tree.file}:2: exchange.url: Expected str, got int",)


def test_what_no_longer_fits_the_rules_of_the_tree_is_refused(tmp_path: Path) -> None:
    tree = Tree(tmp_path, UNSHARED)
    tree.add(f'[[child]]\nname = "late"\nstart = "{IDLE}"\nshutdown_s = 3.5\n')
    lines = tree.refusal("[supervisor]\nshutdown_s = 2\n" + UNSHARED)
    assert lines == (f"child late.shutdown_s: 3.5 is more than the whole tree has (2){REMOVE}",)


def test_an_added_child_that_cannot_be_imported_any_more_is_told_as_one_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    own = tmp_path / "own_late_actor.py"
    own.write_text("async def run(actor): ...\n")
    tree = Tree(tmp_path, UNSHARED)
    tree.add('[[child]]\nname = "late"\nstart = "own_late_actor:run"\n')
    own.write_text("")
    (line,) = tree.refusal(UNSHARED)
    assert line.startswith("child late: start = 'own_late_actor:run': module own_late_actor has no 'run'")
    assert line.endswith(REMOVE)


def test_a_child_of_the_file_that_has_the_name_of_an_added_one_is_read_like_any_other(tmp_path: Path) -> None:
    tree = Tree(tmp_path, EXCHANGE + FIRST)
    tree.add(LATE)
    settings = tree.read_again(EXCHANGE + FIRST + f'[[child]]\nname = "late"\nstart = "{IDLE}"\n')
    assert (settings.children[-1].settings, settings.added, settings.takes) == ({}, frozenset(), {})
    (line,) = tree.refusal(EXCHANGE + FIRST + LATE + "shutdown_s = 99\n")
    assert line == f"{tree.file}:9: child late.shutdown_s: 99 is more than the whole tree has (4)"


def test_an_added_child_whose_group_goes_is_not_looked_at(tmp_path: Path) -> None:
    grouped = '[[group]]\nname = "pair"\n' + EXCHANGE + FIRST + 'group = "pair"\n'
    tree = Tree(tmp_path, grouped)
    tree.add(LATE, group="pair")
    assert [child.name for child in tree.read_again(UNSHARED).children] == ["first"]


def test_a_file_that_is_nothing_without_what_was_added_is_refused(tmp_path: Path) -> None:
    grouped = '[[group]]\nname = "pair"\n' + UNSHARED
    tree = Tree(tmp_path, grouped + 'group = "pair"\n')
    tree.add(f'[[child]]\nname = "late"\nstart = "{IDLE}"\ngroup = "pair"\n')
    (line,) = tree.refusal(grouped)
    assert line.startswith(f"{tree.file}:2: group pair.name: it has no members")


def test_an_added_group_that_lost_its_last_member_does_not_stand_in_the_way(tmp_path: Path) -> None:
    tree = Tree(tmp_path, UNSHARED)
    tree.add(f'[[group]]\nname = "more"\n[[child]]\nname = "late"\nstart = "{IDLE}"\ngroup = "more"\n')
    tree.settings = tree.settings.without("late")
    assert [group.name for group in tree.read_again(UNSHARED).groups] == ["more"]


def test_what_is_removed_takes_along_what_was_known_of_its_tables(tmp_path: Path) -> None:
    tree = Tree(tmp_path, EXCHANGE + FIRST)
    tree.add(LATE)
    assert tree.settings.takes == {"late": ("exchange",)}
    assert tree.settings.without("late").takes == {}
