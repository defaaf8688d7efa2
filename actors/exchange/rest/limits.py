"""How often one address may ask, by group of requests."""

from collections import OrderedDict
from typing import Final

from protocols.upbit.limits import SlidingWindow

_MOST_ADDRESSES: Final = 10_000
_ORIGIN_PERIOD_S: Final = 10.0


class AddressLimits:
    """What one address may ask for; the exchange's numbers.

    Args:
        enabled: False lets everything pass.
    """

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._windows: OrderedDict[tuple[str, str], SlidingWindow] = OrderedDict()

    def admit(self, address: str, group: str, now_s: float) -> int | None:
        """Count one request of a group; return how many are left in this second, None when it is refused."""
        limit, period_s = (1, _ORIGIN_PERIOD_S) if group == "origin" else (5 if group == "websocket" else 10, 1.0)
        if not self._enabled:
            return limit - 1
        window = self._windows.pop((address, group), None) or SlidingWindow(limit, period_s)
        self._windows[address, group] = window
        if len(self._windows) > _MOST_ADDRESSES:
            self._windows.popitem(last=False)  # The address that was silent for longest.
        if window.permit_at_s(now_s) > now_s:
            return None
        window.take(now_s)
        return window.free(now_s)


def remaining_header(group: str, left: int) -> tuple[tuple[str, str], ...]:
    """The header that tells how many requests of a group are left; `min` is constant (seen 2026-09-23)."""
    minute = {"websocket": 300, "origin": 6}.get(group, 600)
    return (("remaining-req", f"group={group}; min={minute}; sec={left}"),)
