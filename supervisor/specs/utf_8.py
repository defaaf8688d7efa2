"""Names and values from outside that may be no UTF-8: Python reads such bytes as characters that nothing can encode.

Settings, secrets and paths go to the children and into answers as UTF-8, so what is none is refused before it is used.
"""

import os


def is_utf_8(text: str) -> bool:
    """Whether a variable, an argument or a path, as Python read it, was UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def spell_bytes(text: str) -> str:
    r"""Return such a text as it can be shown, with `\xff` for each byte that is no UTF-8."""
    return os.fsencode(text).decode("utf-8", "backslashreplace")
