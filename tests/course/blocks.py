"""The programs of the course, cut out of its document."""

import re
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[1] / "data" / "course" / "learning-roadmap.md"

OLD_IMPORT = (
    "from upbit_auto_trading.infrastructure.external_apis.upbit.websocket.core.websocket_client import WebSocketClient"
)
NEW_IMPORT = "from actors.client import WebSocketClient"

_CHAPTER = re.compile(
    r"^#### \*\*(?P<number>\d\.\d) [^\n]*\n(?P<text>.*?)(?=^#### |^### |^## |\Z)", re.MULTILINE | re.DOTALL
)
_BLOCK = re.compile(r"^```python\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> dict[str, str]:
    """The program of each chapter that has one, with only the line of the import changed."""
    found = {}
    for chapter in _CHAPTER.finditer(DOCUMENT.read_text()):
        programs = [block["code"] for block in _BLOCK.finditer(chapter["text"])]
        if programs:
            (code,) = programs
            found[chapter["number"]] = code.replace(OLD_IMPORT, NEW_IMPORT)
    return found


def program(chapter: str, driver: str = "", *, faster: float) -> str:
    """A whole program: the names that a block does not import, the block itself, and what calls it.

    The course waits for up to five minutes; `asyncio.sleep` is `faster` here, and nothing else of asyncio is touched.
    """
    return "\n".join([_BEFORE.format(faster=faster, new_import=NEW_IMPORT), blocks()[chapter], driver])


_BEFORE = """\
import asyncio as _asyncio
import types
from typing import Set
{new_import}

asyncio = types.ModuleType("asyncio")
asyncio.__getattr__ = lambda name: getattr(_asyncio, name)
asyncio.sleep = lambda seconds: _asyncio.sleep(seconds / {faster})
"""
