"""Level 3.1 on trio: the same application; only what waits for several things at once is the loop's own."""

from collections.abc import Awaitable, Callable

import l3_1_trading_app
import trio
from running import run


class AdvancedTradingApp(l3_1_trading_app.AdvancedTradingApp):
    """The application of level 3.1, cleaned up by a nursery."""

    async def cleanup_all(self) -> None:
        """Clean up all three at the same time; one that fails keeps no other from it.

        Raises:
            ExceptionGroup: what failed, after all have been tried.
        """
        failures: list[Exception] = []

        async def clean(cleanup: Callable[[], Awaitable[None]]) -> None:
            try:
                await cleanup()
            except Exception as error:  # noqa: BLE001 - raised below; out of here it would cancel the others
                failures.append(error)

        async with trio.open_nursery() as nursery:
            for client in (self.price_monitor, self.order_tracker, self.market_scanner):
                nursery.start_soon(clean, client.cleanup)
        if failures:
            raise ExceptionGroup("cleanup_all", failures)


async def advanced_practice(seconds: float = 300) -> None:
    """Watch prices, orders and turnover at the same time."""
    app = AdvancedTradingApp()
    try:
        await app.start_monitoring()
        await trio.sleep(seconds)
    finally:
        await app.cleanup_all()


if __name__ == "__main__":
    run(advanced_practice, seconds=300, loop="trio")
