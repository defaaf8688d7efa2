"""What the rules judge by."""

from collections.abc import Callable

from msgspec import Struct

from actors.learning.grading.findings import Finding
from actors.learning.grading.record import ExchangeRecord
from actors.learning.grading.run import ProgramRun
from actors.learning.grading.source import SourceFacts


class Evidence(Struct):
    """What one run of a program left behind: at the exchange, as a process, and in its source."""

    record: ExchangeRecord
    run: ProgramRun
    source: SourceFacts


Rule = Callable[[Evidence], Finding]
"""Judges one item; a plain function of the evidence."""
