"""The client library for an owner's own program, on asyncio and on trio: see `WebSocketClient`."""

from actors.client.client import WebSocketClient
from actors.client.errors import (
    AuthenticationError,
    RateLimitExceededError,
    SubscriptionError,
    WebSocketConnectionError,
)
from actors.client.health import ClientHealth
from actors.client.markets import krw_markets, list_markets
from actors.client.pieces import (
    Alert,
    Batcher,
    BatcherStopped,
    CrossingAlert,
    LatestValues,
    OpenOrders,
    PriceGap,
    TopVolume,
    TurnoverAlert,
)
from actors.client.reports import ErrorReport, GapReport, StateReport
from actors.client.subscription import Subscription

__all__ = [
    "Alert",
    "AuthenticationError",
    "Batcher",
    "BatcherStopped",
    "ClientHealth",
    "CrossingAlert",
    "ErrorReport",
    "GapReport",
    "LatestValues",
    "OpenOrders",
    "PriceGap",
    "RateLimitExceededError",
    "StateReport",
    "Subscription",
    "SubscriptionError",
    "TopVolume",
    "TurnoverAlert",
    "WebSocketClient",
    "WebSocketConnectionError",
    "krw_markets",
    "list_markets",
]
