"""What the client library's documents say is what happens: each program in them runs, and prints what they show."""

import inspect
from collections.abc import Iterator
from enum import Enum

import msgspec
import pytest

from actors import client
from protocols.upbit.messages import DataMessage
from tests.course.stage import Stage, stage
from tests.docs.client_reference import (
    BEGIN,
    CHAPTERS,
    DOCUMENT,
    OBJECTS,
    entry_of,
    everything,
    own_attributes,
    public_names,
)
from tests.docs.document_blocks import REPOSITORY, blocks_of
from tests.docs.document_runs import SHORT_WAITS, run_all, run_with_outage
from tests.docs.event_fields import FIELDS
from tests.docs.shown_output import complaints, first_missing

DOCUMENTS = ["README.md", "docs/client-guide.md", "docs/scenarios.md"]
RUN_ELSEWHERE = {"own-consumer.md", "control.md"}
"""By tests/actors/consumers/test_own_consumer.py, which runs the actor in a tree, and tests/tree/test_changes.py."""

ENTRIES = [entry for entries in CHAPTERS.values() for entry in entries]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("documents"), "--rate", "300") as found:
        yield found


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_program_of_the_document_runs_and_prints_what_is_shown(machine: Stage, name: str) -> None:
    runs = run_all(machine, blocks_of(REPOSITORY / name), before=SHORT_WAITS if name == "README.md" else "")
    assert runs
    assert "\n".join(fault for run in runs for fault in run.faults) == ""


@pytest.mark.parametrize("connection", ["private", "public"])
def test_a_program_that_is_to_live_through_an_outage_says_what_is_shown(machine: Stage, connection: str) -> None:
    (block,) = [block for block in blocks_of(REPOSITORY / "docs/scenarios.md") if block.outage == connection]
    run = run_with_outage(machine, block)
    assert (run.code, run.stderr) == (0, "")
    assert first_missing(run.lines, block.shown_in_outage) == "", run.lines


def test_no_other_document_has_a_program_that_nobody_runs() -> None:
    paths = [REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")]
    with_programs = {path.name for path in paths if blocks_of(path)}
    assert with_programs == {name.rpartition("/")[2] for name in DOCUMENTS} | RUN_ELSEWHERE


def test_the_shape_of_an_output_is_numbers_markets_and_sides_and_nothing_else() -> None:
    shown = ["KRW-BTC ask 1,000.5 is +1.2e-05 %", "{'a': ...}", "sum -1"]
    assert complaints(["KRW-XRP bid 2 is -3 %", "{'a': x}", "sum 77"], shown) == []
    assert complaints(["BTC-XRP bid 2 is -3 %", "{'a': x}", "sum 77", "more"], shown) == [
        "shown, not printed: KRW-BTC ask 1,000.5 is +1.2e-05 %",
        "printed, not shown: BTC-XRP bid 2 is -3 %",
        "printed, not shown: more",
    ]
    assert complaints(["more", "sum 1"], ["...", "sum 2"]) == []
    assert complaints(["2026-11-26T23:59:59 candle.1m"], ["2026-01-02T03:04:05 candle.1m"]) == []
    assert first_missing(["a 1", "b", "c"], ["a 2", "c"]) == ""
    assert first_missing(["a 1", "b", "c"], ["c", "a 2"]) == "a 2"


def test_the_reference_is_what_the_code_says() -> None:
    assert DOCUMENT.read_text("utf-8").partition(BEGIN)[2] == everything()


def test_the_reference_has_every_name_that_is_exported_and_every_event() -> None:
    exported = {getattr(client, name) for name in client.__all__}
    events = {kind for kind in DataMessage.__args__ if kind.__name__ != "Announcement"}  # No client can subscribe it.
    assert exported | events <= set(ENTRIES)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.__name__)
def test_each_entry_of_the_reference_has_every_public_name_with_what_it_means(entry: object) -> None:
    text = entry_of(entry)
    assert "|  |\n" not in text, "a name without a meaning"
    if isinstance(entry, type):
        fields = entry.__struct_fields__ if issubclass(entry, msgspec.Struct) else ()
        members = entry.__members__ if issubclass(entry, Enum) else ()
        names = [*fields, *members, *public_names(entry), *own_attributes(entry)]
        assert [name for name in names if f"`{name}" not in text and f".{name}`" not in text] == []
        assert inspect.getdoc(entry)


def test_every_class_whose_objects_have_attributes_of_their_own_is_looked_at() -> None:
    made = {type(found) for found in OBJECTS}
    plain = [kind for kind in ENTRIES if isinstance(kind, type) and not issubclass(kind, msgspec.Struct | Enum)]
    with_own_start = {kind for kind in plain if inspect.isfunction(kind.__init__) and kind is not client.Subscription}
    assert with_own_start - {client.BatcherStopped} <= made


def test_what_is_told_of_fields_is_told_of_fields_that_exist() -> None:
    for kind, told in FIELDS.items():
        known = set(kind.__members__) if issubclass(kind, Enum) else set(kind.__struct_fields__)
        assert set(told) <= known, kind
