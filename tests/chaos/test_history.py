from tests.chaos.history import History, LifecycleEvent


def told(*events: tuple[str, str, int | None]) -> History:
    history = History()
    for at, (event, child, pid) in enumerate(events, start=1):
        history.feed(LifecycleEvent(event, child, pid, at))
    return history


def state(history: History, child: str = "a") -> tuple[str, int, int]:
    standing = history.standing(child)
    return standing.state, standing.pid, standing.since_ns


def test_a_child_is_where_its_newest_event_says() -> None:
    assert state(told()) == ("none", 0, 0)
    assert state(told(("child_started", "a", 7))) == ("starting", 7, 1)
    assert state(told(("child_started", "a", 7), ("child_ready", "a", 7))) == ("ready", 7, 2)
    assert state(told(("child_ready", "a", 7), ("child_exited", "a", 7))) == ("ended", 7, 2)
    assert state(told(("child_ready", "a", 7), ("child_stopped", "a", 7))) == ("ended", 7, 2)


def test_parked_without_a_process_is_parked_and_with_one_it_goes_on() -> None:
    assert state(told(("child_exited", "a", 7), ("child_parked", "a", None))) == ("parked", 7, 2)
    assert state(told(("child_ready", "a", 7), ("child_parked", "a", 7))) == ("ready", 7, 1)


def test_events_of_groups_and_of_the_tree_change_no_child() -> None:
    history = told(("child_ready", "a", 7), ("group_stopped", "g", None))
    history.feed(LifecycleEvent("supervisor_stopped", None, 1, 9))
    assert state(history) == ("ready", 7, 1)
    assert state(history, "g") == ("none", 0, 0)


def test_ends_that_no_fault_explains_are_told() -> None:
    history = told(("child_exited", "a", 7), ("child_exited", "b", 8), ("child_stopped", "c", 9))
    assert history.unexplained(0, frozenset("abc")) == []
    assert [end[:9] for end in history.unexplained(0, frozenset("a"))] == ["b (pid 8)", "c (pid 9)"]
    assert [end[:9] for end in history.unexplained(2, frozenset("a"))] == ["c (pid 9)"]


def test_a_killed_supervisor_leaves_ends_but_no_children() -> None:
    history = told(("child_ready", "a", 7), ("child_exited", "b", 8))
    history.forget()
    assert state(history) == ("none", 0, 0)
    assert len(history.ends) == 1


def test_only_the_newest_events_are_kept() -> None:
    history = told(*[("child_ready", "a", n) for n in range(1, 200)])
    assert len(history.newest) == 60
    assert history.newest[-1].pid == 199
