"""What docs/operations.md says about settings, units and codes is what there is."""

import re

import pytest

from actors.connections.private import PrivateSettings
from supervisor.service import exit_codes
from supervisor.specs.spec import ChildSpec, SupervisorFlags
from tests.deploy.units import read_unit
from tests.tree.running_tree import REPOSITORY

TEXT = (REPOSITORY / "docs" / "operations.md").read_text()
UNIT = read_unit(REPOSITORY / "deploy" / "systemd" / "upbitd.service")
TABLES = {"supervisor": SupervisorFlags, "child": ChildSpec}


def test_settings_that_are_named_exist() -> None:
    named = re.findall(r"`(supervisor|child)\.(\w+)`", TEXT)
    assert len(named) > 10
    assert [key for table, key in named if key not in TABLES[table].__struct_fields__] == []


@pytest.mark.parametrize("key", ["keys_file", "retry_parked_s", "locks_folder"])
def test_settings_of_private_that_are_named_exist(key: str) -> None:
    assert f"`{key}`" in TEXT
    assert key in PrivateSettings.__struct_fields__


def test_lines_of_the_unit_that_are_named_are_in_it() -> None:
    lines = UNIT["Service"]
    named = re.findall(r"`([A-Z]\w+)=([\w]*)`", TEXT)
    assert named
    for key, value in named:
        if not key.isupper() and not key.startswith("UPBITD_"):
            assert value in lines[key] or not value, key
    for key in re.findall(r"`((?:Memory|Tasks|Limit)\w+)`", TEXT):
        assert key in lines


def test_every_exit_code_is_told() -> None:
    codes = sorted(value for name, value in vars(exit_codes).items() if name.startswith("EXIT_"))
    assert [int(code) for code in re.findall(r"^\| (\d) \|", TEXT, re.MULTILINE)] == codes
