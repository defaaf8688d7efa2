"""Is the other end still there? Pings, and what counts as an answer."""

from collections.abc import Callable

import trio

from actors.connections.exchange_settings import ExchangeSettings
from actors.connections.websocket import Connection
from actors.runtime.process.counters import Counter
from protocols.errors import HeartbeatTimeout


async def keep_alive(
    connection: Connection, settings: ExchangeSettings, counters: Counter, received_s: Callable[[], float]
) -> None:
    """Ping at once, then when the link is quiet, and never later than the ping interval; run until cancelled.

    Anything received counts as a sign of life, not only the pong: behind a full pipe a pong may be late. `received_s`
    tells when something came last.

    Raises:
        HeartbeatTimeout: nothing came for `ping_timeout_s` after a ping.
    """
    last_ping_s = float("-inf")
    while True:
        due_s = min(last_ping_s + settings.ping_interval_s, received_s() + settings.quiet_after_s)
        # A quiet link gets one ping for each stretch of silence.
        due_s = max(due_s, last_ping_s + settings.quiet_after_s)
        if due_s > trio.current_time():
            await trio.sleep_until(due_s)
            continue
        last_ping_s = trio.current_time()
        with trio.move_on_after(settings.ping_timeout_s):
            await connection.ping()
            counters.add("pongs")
            continue
        if received_s() < last_ping_s:
            raise HeartbeatTimeout("exchange", trio.current_time() - received_s(), settings.ping_timeout_s)
