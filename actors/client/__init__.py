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
from actors.client.reports import ErrorReport, GapReport, StateReport
from actors.client.subscription import Subscription

__all__ = [
    "AuthenticationError",
    "ClientHealth",
    "ErrorReport",
    "GapReport",
    "RateLimitExceededError",
    "StateReport",
    "Subscription",
    "SubscriptionError",
    "WebSocketClient",
    "WebSocketConnectionError",
    "krw_markets",
    "list_markets",
]
