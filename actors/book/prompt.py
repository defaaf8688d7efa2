"""From bytes of the keyboard to commands. No I/O."""

import string
from typing import Final, Literal

from msgspec import Struct

MAX_TYPED: Final = 20

KeyName = Literal["up", "down", "left", "right", "enter", "backspace", "escape", "end of input", "other"]

_SEQUENCES: Final[dict[str, KeyName]] = {"A": "up", "B": "down", "C": "right", "D": "left"}
_CONTROLS: Final[dict[str, KeyName]] = {
    "\r": "enter",
    "\n": "enter",
    "\x7f": "backspace",
    "\b": "backspace",
    "\x04": "end of input",
}
_STEPS: Final = {"n": 1, "N": 1, "down": 1, "right": 1, "p": -1, "P": -1, "up": -1, "left": -1}
_OF_MARKETS: Final = frozenset(string.ascii_letters + string.digits + "-")


class Quit(Struct, frozen=True):
    """Leave."""


class Step(Struct, frozen=True):
    """Go so many markets forward, or back."""

    by: int


class Go(Struct, frozen=True):
    """Go to this market."""

    symbol: str


Command = Quit | Step | Go


def market_of(text: str) -> str:
    """Return the market that somebody means: `btc` is `KRW-BTC`, `krw-btc` too."""
    code = text.strip().upper()
    return code if "-" in code else f"KRW-{code}"


def read_keys(data: bytes) -> list[str]:
    """Split what one read brought into keys: characters, and names of special keys.

    A terminal sends a special key's bytes at once, so an escape character at the end is the escape key.
    """
    keys: list[str] = []
    text = data.decode("utf-8", "replace")
    while text:
        key, text = _first_key(text)
        keys.append(key)
    return keys


def _first_key(text: str) -> tuple[str, str]:
    if text[0] != "\x1b":
        return _CONTROLS.get(text[0], text[0]), text[1:]
    if len(text) < 2 or text[1] not in "[O":
        return "escape", text[1:]
    # The parameters of a sequence end with the first byte from @ to ~ (ECMA-48, 5.4).
    end = next((at for at, char in enumerate(text[2:], 2) if "@" <= char <= "~"), len(text) - 1)
    return _SEQUENCES.get(text[2 : end + 1], "other"), text[end + 1 :]


class Prompt:
    """What is being typed: the name of a market, ended by Enter.

    While nothing is typed `n`, `p` and `q` are commands; `/` begins a name that begins with one of these, and so does a
    capital Q.

    Attributes:
        text: what was typed, in capitals.
        is_open: whether something is being typed.
    """

    def __init__(self) -> None:
        self.text = ""
        self.is_open = False

    def take(self, key: str) -> Command | None:
        """Take one key in; return the command that it completes."""
        if key == "end of input":
            return Quit()
        if self.is_open:
            return self._take_typed(key)
        if key == "q":
            return Quit()
        if key in _STEPS:
            return Step(_STEPS[key])
        self.is_open = key == "/" or key in _OF_MARKETS
        self.text = key.upper() if key in _OF_MARKETS else ""
        return None

    def _take_typed(self, key: str) -> Command | None:
        if key == "enter":
            text = self.text
            self._close()
            return Go(market_of(text)) if text else None
        if key == "escape":
            self._close()
        elif key == "backspace":
            self.text = self.text[:-1]
            self.is_open = bool(self.text)
        elif key in _OF_MARKETS and len(self.text) < MAX_TYPED:
            self.text += key.upper()
        return None

    def _close(self) -> None:
        self.text, self.is_open = "", False
