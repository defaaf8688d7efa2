"""Level 3.1: three clients with one task each, and the state that they keep."""

import asyncio
from collections import deque

from running import run

from actors.client import AuthenticationError, WebSocketClient, krw_markets
from actors.client.pieces import CrossingAlert, LatestValues, OpenOrders, TurnoverAlert
from protocols.upbit.messages import MyOrder, Ticker

MAJORS = ("KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-ADA")
CHANGE_LIMIT = 0.05
TURNOVER_LIMIT_KRW = 1_000_000_000
ALERTS_KEPT = 200


class AdvancedTradingApp:
    """Watches the prices of the majors, the account's orders, and the turnover of all KRW markets.

    Attributes:
        current_prices: market -> last price.
        active_orders: uuid -> newest event of each order that is open; read-only.
        alerts: the last texts, the newest at the end.
        errors: one line for each part that could not be started.
    """

    def __init__(self) -> None:
        self.price_monitor = WebSocketClient("price_monitor")
        self.order_tracker = WebSocketClient("order_tracker")
        self.market_scanner = WebSocketClient("market_scanner")

        self.current_prices: dict[str, float] = {}
        # An order leaves when it is done or cancelled, and a late event does not bring it back; else this would grow
        # for as long as the program runs.
        self._orders = OpenOrders()
        self.active_orders = self._orders.active
        self.alerts: deque[str] = deque(maxlen=ALERTS_KEPT)
        self.errors: list[str] = []

        self._tickers: LatestValues[Ticker] = LatestValues()
        # Told once for each crossing, by `signed_change_rate`: the exchange's `change_rate` has no sign, so `abs` of it
        # does nothing and a fall would be printed as a rise; and a plain comparison is true again at every tick.
        self._changes = CrossingAlert(CHANGE_LIMIT)
        # Turnover is in a market's own quote currency, so a limit in KRW is for KRW markets alone.
        self._turnovers = TurnoverAlert(TURNOVER_LIMIT_KRW)

    async def start_monitoring(self) -> None:
        """Subscribe everything; without keys for the account that part is left out, and says so."""
        await self.price_monitor.subscribe_ticker(MAJORS, self._on_price_update)
        try:
            await self.order_tracker.subscribe_my_order(self._on_order_update)
        except AuthenticationError as error:
            self.errors.append(f"주문 추적 불가: {error}")
            print(self.errors[-1])
        await self.market_scanner.subscribe_ticker(await self._get_all_krw_symbols(), self._on_market_scan)

    async def _get_all_krw_symbols(self) -> tuple[str, ...]:
        return await krw_markets()

    def _on_price_update(self, event: Ticker) -> None:
        if not self._tickers.take(event):
            return  # Older than what is known, as the first events after an outage may be.
        self.current_prices[event.symbol] = event.trade_price
        alert = self._changes.take(event)
        if alert is not None:
            self.alerts.append(f"🚨 {alert.symbol}: {alert.value:+.2%} 변동")
            print(self.alerts[-1])

    def _on_order_update(self, event: MyOrder) -> None:
        self._orders.take(event)
        print(f"주문 업데이트: {event.side} {event.market} {event.state}")

    def _on_market_scan(self, event: Ticker) -> None:
        if self._turnovers.take(event) is not None:
            print(f"💰 고거래량 감지: {event.symbol}")

    async def cleanup_all(self) -> None:
        """Clean up all three at the same time; one that fails keeps no other from it.

        Raises:
            ExceptionGroup: what failed, after all have been tried.
        """
        clients = (self.price_monitor, self.order_tracker, self.market_scanner)
        # Without `return_exceptions` the first failure would come out at once, and nobody would wait for the others.
        results = await asyncio.gather(*(client.cleanup() for client in clients), return_exceptions=True)
        failures = [result for result in results if isinstance(result, Exception)]
        if failures:
            raise ExceptionGroup("cleanup_all", failures)


async def advanced_practice(seconds: float = 300) -> None:
    """Watch prices, orders and turnover at the same time."""
    app = AdvancedTradingApp()
    try:
        await app.start_monitoring()
        await asyncio.sleep(seconds)
    finally:
        await app.cleanup_all()


if __name__ == "__main__":
    run(advanced_practice, seconds=300)
