"""Whether a URL of the settings can be used at all; asked before anything is dialled."""

from collections.abc import Collection
from urllib.parse import urlsplit


def url_problem(url: str, schemes: Collection[str]) -> str:
    """Say what keeps `url` from being used, or "" when nothing does."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return "it holds a space or a character outside ASCII"
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        host.encode("idna")  # As the resolver will; a label may be too long.
    except ValueError:
        return "it names no valid host"
    if parts.scheme not in schemes or not host:
        return f"it must begin with {' or '.join(f'{scheme}://' for scheme in schemes)} and a host"
    try:
        has_port = parts.port != 0
    except ValueError:
        has_port = False
    return "" if has_port else "its port must be a number from 1 to 65535"
