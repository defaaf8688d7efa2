from actors.runtime.repeats import Repeats


def test_lines_become_rarer_while_it_fails_and_begin_anew_once_it_worked() -> None:
    repeats = Repeats()
    assert [times for _ in range(1000) if (times := repeats.failed())] == [2**n for n in range(10)]
    repeats.worked()
    assert repeats.failed() == 1
