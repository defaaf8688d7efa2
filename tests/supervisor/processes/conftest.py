import contextlib
from collections.abc import Iterator

import pytest

from supervisor.processes.spawning import Spawner
from tests.supervisor.processes.stage import WAYS, nothing_left


@pytest.fixture(scope="module", params=WAYS)
def spawner_of_module(request: pytest.FixtureRequest) -> Iterator[Spawner]:
    """One for all tests of a module: to warm a fork server takes longer than most tests."""
    with contextlib.closing(WAYS[request.param]()) as made:
        yield made


@pytest.fixture
def spawner(spawner_of_module: Spawner) -> Iterator[Spawner]:
    """Each way of making processes; after each test no process, zombie or descriptor may be left."""
    with nothing_left(spawner_of_module):
        yield spawner_of_module
