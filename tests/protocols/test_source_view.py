from protocols.channel.messages import Down, Gap, Up, WantProblem
from protocols.source_view import MAX_PROBLEMS, SourceView

S = 1_000_000_000


def up_view() -> SourceView:
    view = SourceView("public", now_ns=0)
    view.take(Up(7, 0.0, S), now_ns=S)
    return view


def test_before_the_first_word_the_link_is_connecting_and_nothing_is_in_doubt() -> None:
    view = SourceView("public", now_ns=0)
    assert view.describe(now_ns=2 * S)["link"] == "connecting"
    assert view.describe(now_ns=2 * S)["for_s"] == 2.0
    assert view.describe_doubt(now_ns=2 * S) is None


def test_a_source_that_is_down_from_the_start_has_lost_nothing() -> None:
    view = SourceView("private", now_ns=0)
    view.take(Down(0, "no keys", S, parked=True), now_ns=S)
    assert view.describe(now_ns=3 * S) == {
        "server": "private",
        "link": "parked",
        "reason": "no keys",
        "for_s": 2.0,
        "epoch": 0,
        "outages": 0,
        "missed": 0,
        "problems": {},
    }
    assert view.describe_doubt(now_ns=3 * S) is None


def test_doubt_begins_with_the_first_outage_and_outlives_the_reconnect() -> None:
    view = up_view()
    view.take(Down(7, "1006", 5 * S), now_ns=6 * S)
    view.take(Up(8, 1.0, 7 * S), now_ns=7 * S)
    view.take(Down(8, "again", 8 * S), now_ns=8 * S)
    assert view.describe_doubt(now_ns=10 * S) == {"for_s": 5.0, "reason": "1006"}
    assert (view.outages, view.link, view.epoch) == (2, "down", 8)


def test_an_outage_that_turns_to_parked_is_one_outage() -> None:
    view = up_view()
    view.take(Down(7, "1006", 5 * S), now_ns=5 * S)
    view.take(Down(7, "no keys", 5 * S, parked=True), now_ns=6 * S)
    assert (view.outages, view.link, view.reason) == (1, "parked", "no keys")


def test_a_gap_counts_what_was_missed_and_casts_doubt() -> None:
    view = up_view()
    view.take(Gap("myOrder", 7, 3, 5, "subscriber too slow"), now_ns=4 * S)
    assert view.missed == 3
    assert view.uncertain_why == "3 events of myOrder missed: subscriber too slow"
    assert view.link == "up"


def test_a_problem_is_gone_once_its_topic_is_served_or_no_longer_wanted() -> None:
    view = up_view()
    for code in ("KRW-A1", "KRW-B1", "KRW-C1"):
        view.take(WantProblem(f"ticker/{code}", "no data"), now_ns=S)
    view.served("ticker/KRW-A1")
    view.keep_problems_of(frozenset({"ticker/KRW-B1"}))
    assert view.problems == {"ticker/KRW-B1": "no data"}


def test_problems_are_bounded() -> None:
    view = up_view()
    for n in range(MAX_PROBLEMS + 5):
        view.take(WantProblem(f"ticker/KRW-{n}", "no data"), now_ns=S)
    view.take(WantProblem("ticker/KRW-0", "still none"), now_ns=S)
    assert len(view.problems) == MAX_PROBLEMS
    assert view.problems["ticker/KRW-0"] == "still none"
