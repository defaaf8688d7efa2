"""The reference of all faults, made from the types that they are checked with.

`python -m tests.docs.fault_reference` writes the table into docs/faults.md anew.
"""

from pathlib import Path
from typing import Any

from actors.exchange.faults.catalogue import kinds_document

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "faults.md"
BEGIN = "<!-- table: python -m tests.docs.fault_reference -->\n"
WHOM = ("target", "connection")


def in_words(parameter: dict[str, Any]) -> str:
    """One parameter with what is allowed and what it is when left out."""
    if parameter["type"] == "choice":
        allowed = ", ".join(str(choice) or "nothing" for choice in parameter["choices"])
    elif "minimum" in parameter:
        # Not as it is: equal annotations are one object, so a bound may be 0 or 0.0, by who was imported first.
        allowed = f"{parameter['minimum']:,.10g} to {parameter['maximum']:,.10g}"
    else:
        allowed = str(parameter["type"])
    default = parameter["default"]
    if default is None or default == "":
        return f"`{parameter['name']}` ({allowed})"
    shown = str(default).lower() if isinstance(default, bool) else default
    return f"`{parameter['name']}` = `{shown}` ({allowed})"


def row(kind: dict[str, Any]) -> str:
    """One kind: whom it may hit, what happens, its parameters."""
    targets = next(parameter for parameter in kind["parameters"] if parameter["name"] == "target")
    whom = ", ".join(targets["choices"])
    own = "; ".join(in_words(parameter) for parameter in kind["parameters"] if parameter["name"] not in WHOM)
    return f"| `{kind['kind']}` | {whom} | {kind['what_happens']} | {own} |"


def table() -> str:
    """The part of the document that is made."""
    rows = ["| kind | targets | what happens | parameters |", "|---|---|---|---|"]
    return "\n" + "\n".join(rows + [row(kind) for kind in kinds_document()]) + "\n"


if __name__ == "__main__":
    head = DOCUMENT.read_text().partition(BEGIN)[0]
    DOCUMENT.write_text(head + BEGIN + table())
