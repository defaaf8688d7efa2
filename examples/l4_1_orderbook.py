"""Level 4.1: an order book in real time; `upbitd book KRW-BTC` is the same with a window in the terminal."""

import asyncio

from running import run

from actors.client import WebSocketClient
from protocols.errors import UpbitdError
from protocols.upbit.messages import Orderbook

FRAME_S = 1 / 60


class RealTimeOrderbook:
    """The newest book of one market, drawn whenever it changes, at most 60 times a second.

    Attributes:
        current_symbol: the market.
        orderbook_data: its newest book; None until the first one came.
        draws: how often it was drawn.
    """

    def __init__(self) -> None:
        self.client = WebSocketClient("realtime_orderbook")
        self.current_symbol = "KRW-BTC"
        self.orderbook_data: Orderbook | None = None
        self.ui_update_timer: asyncio.Task[None] | None = None
        self.draws = 0
        self._has_changed = asyncio.Event()
        self._switching = asyncio.Lock()

    async def start(self) -> None:
        """Subscribe the first market and begin to draw."""
        await self.client.subscribe_orderbook([self.current_symbol], self._on_orderbook)
        if self.ui_update_timer is None:
            self.ui_update_timer = asyncio.create_task(self._ui_update_loop())

    async def change_symbol(self, new_symbol: str) -> bool:
        """Show another market instead; return whether it is shown, which is always, also for the present one.

        Raises:
            SubscriptionError: the exchange has no such market; the present one goes on.
        """
        async with self._switching:
            if new_symbol == self.current_symbol:
                return True
            before = self.current_symbol, self.orderbook_data
            # Name and book change together; else the old book would be drawn under the new name until the first new
            # one comes. What still comes of the old market is told by its symbol, and left out.
            self.current_symbol, self.orderbook_data = new_symbol, None
            try:
                await self.client.subscribe_orderbook([new_symbol], self._on_orderbook)
            except UpbitdError:
                self.current_symbol, self.orderbook_data = before
                raise
            print(f"호가창 심볼 변경: {new_symbol}")
            return True

    async def stop(self) -> None:
        """End the loop and the subscription; twice is fine. Without it the task would go on for ever."""
        try:
            await self.client.cleanup()
        finally:
            if self.ui_update_timer is not None:
                self.ui_update_timer.cancel()
                await asyncio.wait([self.ui_update_timer])
                if not self.ui_update_timer.cancelled():
                    self.ui_update_timer.result()  # Raises what had ended it before.

    def _on_orderbook(self, event: Orderbook) -> None:
        if event.symbol == self.current_symbol:
            self.orderbook_data = event
            self._has_changed.set()

    async def _ui_update_loop(self) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            # A wait for news, then for the next frame's own time: nothing is drawn twice, a sleep that took longer
            # does not put off all later frames, and frames that were missed are left out.
            await self._has_changed.wait()
            await asyncio.sleep(due_s - loop.time())
            self._has_changed.clear()
            self._update_orderbook_display()
            now_s = loop.time()
            due_s = (due_s if now_s - due_s < FRAME_S else now_s) + FRAME_S

    def _update_orderbook_display(self) -> None:
        if self.orderbook_data is not None and self.orderbook_data.orderbook_units:
            self.draws += 1
            best = self.orderbook_data.orderbook_units[0]
            print(f"호가 업데이트: {self.current_symbol} {best.bid_price:,.10g} / {best.ask_price:,.10g}")


async def orderbook_practice(seconds: float = 30) -> None:
    """Show the book of one market, then of another, then of the first one again."""
    orderbook = RealTimeOrderbook()
    try:
        await orderbook.start()
        for symbol in ("KRW-BTC", "KRW-ETH", "KRW-BTC"):
            await orderbook.change_symbol(symbol)
            await asyncio.sleep(seconds / 3)
    finally:
        await orderbook.stop()


if __name__ == "__main__":
    run(orderbook_practice, seconds=30)
