"""Which loop the caller runs in."""

import asyncio
import sys
from weakref import WeakValueDictionary

from actors.client.hosts.asyncio_host import AsyncioHost
from actors.client.hosts.host import Host

_known: "WeakValueDictionary[int, Host]" = WeakValueDictionary()
"""By the identity of the loop; a host is kept by those who use it, and keeps its loop."""


def current_host() -> Host:
    """Return the adapter of the loop that the caller runs in; the same one for as long as somebody keeps it.

    Raises:
        RuntimeError: there is none; the message says how to make one.
    """
    trio_host = _current_trio_host()
    if trio_host is not None:
        return trio_host
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError("no loop runs here; call this from a coroutine run by asyncio.run or trio.run") from None
    known = _known.get(id(loop))
    if known is None:
        known = _known[id(loop)] = AsyncioHost(loop)
    return known


def _current_trio_host() -> Host | None:
    """The trio loop of this thread, if that is what runs; a program that never imported trio is not made to."""
    trio = sys.modules.get("trio")
    if trio is None:
        return None
    try:
        token = trio.lowlevel.current_trio_token()
        trio.lowlevel.current_task()
    except (RuntimeError, AttributeError):  # Another loop, or trio is just being imported by another thread.
        return None
    known = _known.get(id(token))
    if known is None:
        from actors.client.hosts.trio_host import TrioHost  # noqa: PLC0415 - trio is there already

        known = _known[id(token)] = TrioHost(token)
    return known
