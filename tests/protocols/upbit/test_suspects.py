import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from protocols.upbit.suspects import MAX_REFUSALS, RETRIAL_S, SuspectSearch
from protocols.upbit.topics import Topic

MANY = frozenset(Topic(f"candle.{unit}", f"KRW-C{n}") for unit in ("1m", "3m") for n in range(40))


def search_with(refused: frozenset[Topic], wanted: frozenset[Topic]) -> tuple[list[Topic], list[float], set[Topic]]:
    """Run a search to its end against an exchange that refuses some: what stayed out, when it refused, the rest."""
    search, now_s, out, times = SuspectSearch(), 0.0, [], []
    worked: frozenset[Topic] = frozenset()
    while now_s < 20_000.0:
        asked = wanted - search.held
        if asked & refused:
            out += search.refused(asked - worked, wanted, now_s)
            times.append(now_s)
        else:
            worked |= asked
            if not search.all_work(wanted, now_s):
                trial_s = search.next_trial_s(wanted)
                if trial_s == math.inf:
                    break
                now_s = max(now_s, trial_s)
        now_s += 1.0
    return out, times, set(worked)


@given(st.frozensets(st.sampled_from(sorted(MANY)), max_size=4))
def test_everything_but_the_refused_topics_is_served_in_the_end(refused: frozenset[Topic]) -> None:
    out, _times, worked = search_with(refused, MANY)
    assert worked == MANY - refused
    assert set(out) >= refused


@given(st.sampled_from(sorted(MANY)))
def test_one_bad_topic_among_many_is_found_within_eight_refusals(bad: Topic) -> None:
    out, times, _worked = search_with(frozenset({bad}), MANY)
    assert out in ([bad], sorted(set(out)))
    assert len(times) <= MAX_REFUSALS


def test_many_refusals_in_a_row_make_pauses_that_grow() -> None:
    bad = frozenset(topic for topic in MANY if topic.type == "candle.3m")
    out, times, worked = search_with(bad, MANY)
    assert worked == MANY - bad
    assert set(out) == bad
    pauses = [later - sooner for sooner, later in pairwise(times) if later - sooner > RETRIAL_S / 2]
    assert len(pauses) > 3
    assert pauses == sorted(pauses)
    assert all(sum(at_s <= other_s < at_s + 60 for other_s in times) <= MAX_REFUSALS for at_s in times)


def test_what_is_no_longer_wanted_may_still_be_to_blame() -> None:
    good, bad = Topic("ticker", "KRW-BTC"), Topic("candle.3m", "KRW-BTC")
    search = SuspectSearch()
    assert search.refused(frozenset({good, bad}), frozenset({good}), 0.0) == []
    assert search.held == {good, bad}
    assert search.all_work(frozenset({good}), 1.0)
    assert search.held == {bad}
    assert not search.all_work(frozenset({good}), 2.0)
    assert search.held == {bad}
    assert not search.all_work(frozenset({good}), RETRIAL_S)
    assert search.held == frozenset()


def test_a_topic_to_blame_that_nobody_wants_any_more_is_not_reported() -> None:
    bad = Topic("candle.3m", "KRW-BTC")
    search = SuspectSearch()
    assert search.refused(frozenset({bad}), frozenset(), 0.0) == []
    assert search.held == {bad}
    assert search.retrial_s(frozenset()) == math.inf
    assert search.retrial_s(frozenset({bad})) == RETRIAL_S
    assert not search.forgive(RETRIAL_S - 1)
    assert search.forgive(RETRIAL_S)
    assert search.held == frozenset()
