from collections.abc import Callable

import pytest

from actors.exchange.trading.simulation import Simulation

START = "2026-09-21T14:13:20Z"
"""Not near midnight UTC: a market that stands still has no trades of today then."""

START_MS = 1_790_000_000_000
"""The same."""


@pytest.fixture
def new_simulation() -> Callable[..., Simulation]:
    def make(**changes: object) -> Simulation:
        options: dict[str, object] = {
            "seed": 7, "markets": 8, "rate": 100.0, "start_ms": START_MS, "access_key": "key", "kept_events": None,
        }  # fmt: skip
        return Simulation(**(options | changes))  # type: ignore[arg-type]  # options of a test

    return make
