"""Whether what a program printed has the shape of the output that its document shows.

Numbers may be others, and so may markets of the same quote currency, sides, directions and states of orders. A line
`...` stands for any lines of any shape, and `...` inside a line for any text. Without a line `...` each printed line
must have the shape of a shown one. Each shown line must have been printed.
"""

import re
from collections.abc import Sequence

_NUMBER = r"[-+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?"
_TOKEN = re.compile(rf"\.\.\.|\s+|(?P<quote>KRW|BTC|USDT)-[A-Z0-9]+|[A-Za-z_]+|(?P<number>{_NUMBER})")

_CHOICES = (
    ("bid", "ask"),
    ("BID", "ASK"),
    ("RISE", "EVEN", "FALL"),
    ("rise", "fall"),
    ("watch", "wait", "trade", "prevented", "done", "cancel"),
)
_CHOICE_OF = {word: f"(?:{'|'.join(words)})" for words in _CHOICES for word in words}


def complaints(printed: Sequence[str], shown: Sequence[str]) -> list[str]:
    """What is wrong, one line each; nothing when the shape is right."""
    shapes = {line: _shape(line) for line in shown if line != "..."}
    found = [f"shown, not printed: {line}" for line, shape in shapes.items() if not any(map(shape.fullmatch, printed))]
    if "..." not in shown:
        strange = [line for line in printed if not any(shape.fullmatch(line) for shape in shapes.values())]
        found += [f"printed, not shown: {line}" for line in strange]
    return found


def first_missing(printed: Sequence[str], shown: Sequence[str]) -> str:
    """The first shown line that was not printed behind the ones before it; empty when all were."""
    left = iter(printed)
    return next((line for line in shown if not any(map(_shape(line).fullmatch, left))), "")


def _shape(line: str) -> re.Pattern[str]:
    pieces, at = [], 0
    for token in _TOKEN.finditer(line):
        pieces += [re.escape(line[at : token.start()]), _shape_of(token)]
        at = token.end()
    return re.compile("".join([*pieces, re.escape(line[at:])]))


def _shape_of(token: re.Match[str]) -> str:
    text = token[0]
    if text == "...":
        return ".*"
    if text.isspace():
        return r"\s+"
    if token["quote"]:
        return f"{token['quote']}-[A-Z0-9]+"
    return _NUMBER if token["number"] else _CHOICE_OF.get(text, re.escape(text))
