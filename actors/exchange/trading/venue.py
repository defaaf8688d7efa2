"""The exchange as REST sees it: one simulation, the clock that drives it, and the accounts."""

from collections.abc import Callable, Mapping

from actors.exchange.trading.account import Account
from actors.exchange.trading.simulation import Simulation


class Venue:
    """A simulation together with its clock.

    Args:
        simulation: markets and accounts; whoever else lets it advance must use the same clock.
        now_ms: tells the time, in milliseconds since the epoch; time never goes back.
        advance: lets everything happen that is due until a time; whoever tells of it has to see each step. By default
            the simulation does it alone.
    """

    def __init__(
        self, simulation: Simulation, now_ms: Callable[[], int], advance: Callable[[int], None] | None = None
    ) -> None:
        self.simulation = simulation
        self._now_ms = now_ms
        self._advance = advance or simulation.advance

    @property
    def accounts(self) -> Mapping[str, Account]:
        """Accounts by access key."""
        return self.simulation.desk.accounts

    def catch_up(self) -> int:
        """Let everything happen that is due by now, and return the time at which the simulation stands.

        To be called before anything is asked or ordered: an order then comes after all that happened before it.
        """
        self._advance(self._now_ms())
        return self.simulation.now_ms
