from collections.abc import Callable

import pytest

from tests.actors.exchange.rest.rest_client import RestClient


@pytest.fixture
def new_client() -> Callable[..., RestClient]:
    return RestClient


@pytest.fixture(scope="module")
def client() -> RestClient:
    """One that tests share; they move its clock forward at most."""
    return RestClient()
