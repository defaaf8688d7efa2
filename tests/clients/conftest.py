from pathlib import Path

import pytest

from tests.clients.environment import CannotInstallError, make_environment


@pytest.fixture(scope="session")
def clients_python() -> Path:
    """The Python of the environment in which pyupbit and ccxt are installed; without it the test is skipped."""
    try:
        return make_environment()
    except CannotInstallError as error:
        pytest.skip(f"other people's clients cannot be installed here: {error}")
