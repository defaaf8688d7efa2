"""The loop of the user's own program, asyncio or trio, behind one small set of verbs."""

from actors.client.hosts.finding import current_host
from actors.client.hosts.host import Bell, Host, HostGone, HostTask

__all__ = ["Bell", "Host", "HostGone", "HostTask", "current_host"]
