"""A tree for each module that asks for one."""

from collections.abc import Iterator

import pytest

from tests.actors.client.house import KEYS, House, house


@pytest.fixture(autouse=True)
def no_tree_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """No client of the test process starts a tree: each is meant for the one of its module."""
    monkeypatch.setenv("UPBITD_AUTOSTART", "0")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A tree with keys."""
    with house(tmp_path_factory.mktemp("served"), keys=KEYS) as running:
        yield running


@pytest.fixture(scope="module")
def keyless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A tree without keys."""
    with house(tmp_path_factory.mktemp("keyless")) as running:
        yield running
