"""What msgspec raises for bytes it cannot read; every decoder at an edge catches exactly this.

A document that is malformed or of another type raises `DecodeError` (`ValidationError` is one), text that is not UTF-8
raises `UnicodeDecodeError`, and a document nested too deep raises `RecursionError`. Only the first is msgspec's own, so
it alone is not enough: one bad byte of a peer would end the process.
"""

from typing import Final

import msgspec

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
