"""The comparison of one stream, on lists of numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.exchange.journal.comparison import (
    Comparison,
    Missed,
    Noted,
    Outage,
    Place,
    Received,
    Sent,
    compare_stream,
    out_of_order,
)

ALTERED = 1000
"""Added to the digest of a message whose values were changed."""

FINDINGS = ("lost", "doubled", "reordered", "altered", "unknown")


def sent(*identities: int, snapshots: frozenset[int] = frozenset(), connection: int = 1) -> list[Sent]:
    """Messages as sent; `snapshots` are positions."""
    return [
        Sent(identity, identity, Place(at, at), connection, is_snapshot=at in snapshots)
        for at, identity in enumerate(identities)
    ]


def received(*items: int | Noted) -> list[Noted]:
    """Messages as received: a number stands for one that is as it was sent."""
    return [Received(item, item, Place(at, at)) if isinstance(item, int) else item for at, item in enumerate(items)]


def altered(identity: int) -> Received:
    return Received(identity, identity + ALTERED, Place(0, 0))


def found(comparison: Comparison) -> dict[str, list[object]]:
    """Identities by kind of finding, without the kinds that did not occur."""
    kinds = {
        "lost": [message.identity for message in comparison.lost],
        "doubled": [message.identity for message in comparison.doubled],
        "reordered": [message.identity for message in comparison.reordered],
        "altered": [message.identity for message, _ in comparison.altered],
        "unknown": [message.identity for message in comparison.unknown],
    }
    return {kind: identities for kind, identities in kinds.items() if identities}


@pytest.mark.parametrize(
    ("what_came", "expected"),
    [
        ((1, 2, 3, 4, 5), {}),
        ((1, 2, 4, 5), {"lost": [3]}),
        ((1, 5), {"lost": [2, 3, 4]}),
        ((1, 2, 2, 3, 4, 5), {"doubled": [2]}),
        ((1, 2, 3, 4, 5, 2, 2), {"doubled": [2, 2]}),
        ((1, 2, altered(3), 4, 5), {"altered": [3]}),
        ((1, 2, 3, altered(3), 4, 5), {"altered": [3]}),
        ((1, 2, 9, 3, 4, 5), {"unknown": [9]}),
        ((1, 5, 2, 3, 4), {"reordered": [5]}),
        ((2, 3, 4, 5, 1), {"reordered": [1]}),
        ((9,), {"unknown": [9]}),
        ((), {}),
    ],
)
def test_what_differs_is_found_and_nothing_else(
    what_came: tuple[int | Received, ...], expected: dict[str, list[int]]
) -> None:
    assert found(compare_stream(sent(1, 2, 3, 4, 5), received(*what_came))) == expected


def test_of_two_that_changed_places_one_is_out_of_order() -> None:
    assert len(compare_stream(sent(1, 2, 3, 4), received(1, 3, 2, 4)).reordered) == 1


def test_what_was_sent_before_the_first_and_after_the_last_that_came_does_not_count() -> None:
    comparison = compare_stream(sent(1, 2, 3, 4, 5), received(2, 4))
    assert found(comparison) == {"lost": [3]}
    assert comparison.sent == 3


@pytest.mark.parametrize(
    ("told", "announced", "lost"),
    [
        ((Outage(),), 3, []),
        ((Missed(3),), 3, []),
        ((Missed(2),), 2, [4]),
        ((Missed(1), Missed(1)), 2, [4]),
        ((), 0, [2, 3, 4]),
    ],
)
def test_what_the_consumer_was_told_of_is_announced_and_not_lost(
    told: tuple[Noted, ...], announced: int, lost: list[int]
) -> None:
    comparison = compare_stream(sent(1, 2, 3, 4, 5), received(1, *told, 5))
    assert comparison.announced == announced
    assert found(comparison) == ({"lost": lost} if lost else {})


def test_an_outage_excuses_only_what_is_missing_where_it_stands() -> None:
    assert found(compare_stream(sent(1, 2, 3, 4, 5), received(1, 3, Outage(), 5))) == {"lost": [2]}


def test_what_is_missing_was_merged_when_only_the_newest_was_asked_for() -> None:
    comparison = compare_stream(sent(1, 2, 3, 4, 5), received(1, Missed(1), 4, 5), is_merging_right=True)
    assert (comparison.announced, comparison.merged) == (1, 1)
    assert found(comparison) == {}


@pytest.mark.parametrize("flag", ["is_snapshot", "is_cached"])
def test_a_snapshot_or_a_last_known_value_that_repeats_is_no_double(flag: str) -> None:
    again = Received(2, 2, Place(9, 9), **{flag: True})
    comparison = compare_stream(sent(1, 2, 3), received(1, 2, again, 3))
    assert found(comparison) == {}
    assert comparison.repeated == 1


def test_a_message_that_was_sent_twice_may_come_once_or_twice_but_not_three_times() -> None:
    twice = sent(1, 2, 2, 3)
    assert found(compare_stream(twice, received(1, 2, 2, 3))) == {}
    once = compare_stream(twice, received(1, 2, 3))
    assert found(once) == {}
    assert once.resent == 1
    assert found(compare_stream(twice, received(1, 2, 2, 2, 3))) == {"doubled": [2]}


def test_what_two_connections_were_sent_is_due_once() -> None:
    both = [*sent(1, 2), *sent(1, 2, connection=2), *sent(3, 3), *sent(4)]
    assert found(compare_stream(both, received(1, 2, 3, 3, 4))) == {}
    assert found(compare_stream(both, received(1, 2, 1, 2, 3, 4))) == {"doubled": [1, 2]}


def test_a_snapshot_that_is_not_in_the_trace_is_no_loss() -> None:
    comparison = compare_stream(sent(1, 2, 3, snapshots=frozenset({1})), received(1, 3))
    assert found(comparison) == {}
    assert comparison.unseen_snapshots == 1


def test_a_message_that_only_a_snapshot_told_is_no_loss() -> None:
    lost_on_the_way = [*sent(1, 2), Sent(2, 22, Place(2, 2), 2, is_snapshot=True), *sent(3, connection=2)]
    told_by = Received(2, 22, Place(1, 1), is_snapshot=True)
    comparison = compare_stream(lost_on_the_way, received(1, told_by, 3))
    assert found(comparison) == {}
    assert comparison.resent == 1


def test_versions_of_one_identity_are_told_apart_by_their_values() -> None:
    versions = [Sent(1, digest, Place(digest, digest)) for digest in (10, 11, 12)]
    newer, newest = (Received(1, digest, Place(0, 0)) for digest in (11, 12))
    assert found(compare_stream(versions, [newest, newer])) == {"reordered": [1]}
    oldest = Received(1, 10, Place(0, 0))
    assert [message.digest for message in compare_stream(versions, [oldest, newest]).lost] == [11]


def test_what_came_from_rest_or_after_the_journal_is_not_judged() -> None:
    from_rest = Received(7, 7, Place(2, 2), is_recovered=True)
    too_late = Received(8, 8, Place(3, 3), is_after_journal=True)
    comparison = compare_stream(sent(1, 2), received(1, 2, from_rest, too_late))
    assert found(comparison) == {}
    assert (comparison.recovered, comparison.unjudged) == (1, 1)


def test_of_messages_without_a_time_only_those_behind_the_last_known_one_may_be_younger_than_the_journal() -> None:
    first, second = (Received(name, name, Place(at, at), is_after_journal=None) for name, at in ((8, 1), (9, 3)))
    comparison = compare_stream(sent(1, 2), received(1, first, 2, second))
    assert found(comparison) == {"unknown": [8]}
    assert comparison.unjudged == 1
    assert found(compare_stream(sent(1, 2), received(first))) == {"unknown": [8]}


OPERATIONS = st.sampled_from(["keep", "lose", "double", "alter", "swap", "invent"])


@given(st.lists(OPERATIONS, min_size=1, max_size=60))
def test_exactly_what_was_done_to_a_list_is_found(operations: list[str]) -> None:
    """Each operation acts on three messages of its own; the first and the last message of all stay."""
    what_came: list[int | Received] = [0]
    expected: dict[str, list[int]] = {name: [] for name in FINDINGS}
    for at, operation in enumerate(operations):
        one, two, three = range(3 * at + 1, 3 * at + 4)
        match operation:
            case "keep":
                what_came += [one, two, three]
            case "lose":
                what_came += [one, three]
                expected["lost"].append(two)
            case "double":
                what_came += [one, two, two, three]
                expected["doubled"].append(two)
            case "alter":
                what_came += [one, altered(two), three]
                expected["altered"].append(two)
            case "swap":
                what_came += [two, one, three]
                expected["reordered"].append(two)
            case "invent":
                what_came += [one, two, -two, three]
                expected["unknown"].append(-two)
    last = 3 * len(operations) + 1
    comparison = compare_stream(sent(*range(last + 1)), received(*what_came, last))
    assert found(comparison) == {name: identities for name, identities in expected.items() if identities}


RECEIVED = st.builds(
    Received,
    identity=st.integers(0, 6),
    digest=st.integers(0, 2),
    place=st.just(Place(0, 0)),
    is_snapshot=st.booleans(),
    is_cached=st.booleans(),
)
SENT = st.builds(
    Sent,
    identity=st.integers(0, 6),
    digest=st.integers(0, 2),
    place=st.just(Place(0, 0)),
    connection=st.integers(1, 2),
    is_snapshot=st.booleans(),
)


@given(st.lists(SENT, max_size=25), st.lists(RECEIVED | st.just(Outage()) | st.just(Missed(1)), max_size=25))
def test_every_message_is_accounted_for_exactly_once(messages: list[Sent], noted: list[Noted]) -> None:
    merging, strict = (compare_stream(messages, noted, is_merging_right=is_right) for is_right in (True, False))
    leftovers = len(strict.doubled) + strict.repeated + len(strict.unknown) + len(strict.altered)
    equal = strict.received - leftovers
    assert 0 <= equal <= len(messages)
    assert strict.received == sum(isinstance(item, Received) for item in noted)
    counted = strict.sent + strict.resent + strict.unseen_snapshots
    assert equal <= strict.sent
    assert counted <= len(messages)
    assert merging.merged == len(strict.lost)
    assert merging.lost == []
    assert merging.announced == strict.announced


def test_a_stream_compared_with_itself_is_clean_whatever_its_order() -> None:
    comparison = compare_stream(sent(3, 1, 2, 5, 4), received(3, 1, 2, 5, 4))
    assert found(comparison) == {}
    assert (comparison.sent, comparison.received) == (5, 5)


@given(st.lists(st.integers(0, 200), unique=True, max_size=9))
def test_out_of_order_leaves_a_longest_rising_list(numbers: list[int]) -> None:
    flagged = set(out_of_order(numbers))
    staying = [number for index, number in enumerate(numbers) if index not in flagged]
    assert staying == sorted(staying)
    subsets = (
        [number for index, number in enumerate(numbers) if chosen >> index & 1] for chosen in range(1 << len(numbers))
    )
    assert len(staying) == max(len(subset) for subset in subsets if subset == sorted(subset))
