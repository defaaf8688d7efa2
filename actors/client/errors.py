"""What can go wrong for a program that uses the client; each message says what to do.

`AuthenticationError` is the project's own: keys are missing, unreadable or refused.
"""

from protocols.errors import AuthenticationError, UpbitdError

__all__ = ["AuthenticationError", "RateLimitExceededError", "SubscriptionError", "WebSocketConnectionError"]


class WebSocketConnectionError(UpbitdError):
    """No tree can be reached, and none could or may be started."""


class SubscriptionError(UpbitdError, ValueError):
    """A subscription that cannot be: bad arguments, an unknown market, a client that is closed. Nothing was sent."""


class RateLimitExceededError(UpbitdError):
    """The exchange's limit leaves no room for this now.

    Attributes:
        retry_after_s: how long to wait.
    """

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)
