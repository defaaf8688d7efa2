import pytest

from tests.actors.exchange.sources.hub_stage import NewSimulation, Stage


@pytest.fixture
def stage(new_simulation: NewSimulation) -> Stage:
    return Stage(new_simulation())
