"""An actor whose import does not end."""

import threading
from typing import Any

threading.Event().wait()


async def run(actor: Any) -> None:
    """Never reached."""
