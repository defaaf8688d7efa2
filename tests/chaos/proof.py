"""Was anything lost? What the exchange wrote down against what the tracers kept, as `upbitd verify` compares them."""

from msgspec import Struct

from actors.exchange.journal.streams import Selection
from actors.exchange.journal.verification import Verifier
from protocols.errors import SettingsError
from tests.chaos.kinds import TRACERS
from tests.chaos.settings import Places

SHOWN = 5


class Proof(Struct):
    """The comparison of all tracers.

    Attributes:
        lost: without an announcement.
        wrong: doubled, reordered, altered, unknown, or unreadable.
        announced: missing, and told to be.
        compared: messages.
        stories: the first findings, and what could not be compared.
    """

    lost: int = 0
    wrong: int = 0
    announced: int = 0
    compared: int = 0
    stories: list[str] = []


def compare(places: Places) -> Proof:
    """Compare; the exchange has ended, so its journal is whole."""
    proof = Proof(stories=[])
    for name in TRACERS:
        try:
            result = Verifier(
                places.journal,
                places.trace(name),
                selection=Selection(frozenset(), frozenset(), frozenset()),
                is_merging_right=False,
                shown=SHOWN,
                progress=lambda _size: None,
            ).verify()
        except SettingsError as error:
            proof.wrong += 1
            proof.stories.append(f"{name}: {error}")
            continue
        totals = result.totals
        proof.lost += totals.lost
        proof.wrong += totals.doubled + totals.reordered + totals.altered + totals.unknown + result.unreadable
        proof.announced += totals.announced
        proof.compared += totals.sent
        proof.stories += [f"{name}: {kind}: {found}" for kind, several in result.findings.items() for found in several]
        proof.stories += [f"{name}: {note}" for note in result.notes]
    return proof
