from hypothesis import given
from hypothesis import strategies as st

from protocols.restart_budget import RestartBudget

waits = st.lists(st.floats(0, 100) | st.just(0.0), max_size=80)


@given(st.integers(0, 6), st.floats(0.1, 100), st.floats(0, 1e9), waits)
def test_the_budget_is_never_exceeded_and_never_saved_up(
    most: int, period_s: float, start_s: float, pauses: list[float]
) -> None:
    budget, now_s, admitted = RestartBudget(max_restarts=most, period_s=period_s), start_s, []
    for pause_s in pauses:
        now_s += pause_s
        within = sum(now_s - at_s <= period_s for at_s in admitted)
        assert budget.left(now_s) == most - within
        if budget.admit(now_s):
            admitted.append(now_s)
            assert within < most
        else:
            assert within == most


def test_a_budget_of_five_in_a_minute_refuses_the_sixth_until_the_first_is_a_minute_old() -> None:
    budget = RestartBudget(5, 60.0)
    assert [budget.admit(float(second)) for second in range(6)] == [True] * 5 + [False]
    assert not budget.admit(60.0)
    assert budget.admit(60.1)
    assert not budget.admit(60.2)


def test_a_refused_restart_spends_nothing() -> None:
    budget = RestartBudget(1, 10.0)
    assert budget.admit(0.0)
    assert not any(budget.admit(float(second)) for second in range(1, 11))
    assert budget.admit(10.5)


def test_a_budget_of_none_admits_none() -> None:
    assert not RestartBudget(0, 1.0).admit(0.0)
