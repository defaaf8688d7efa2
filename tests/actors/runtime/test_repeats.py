from actors.runtime.repeats import Repeats


def test_lines_become_rarer_while_it_fails_and_begin_anew_once_it_worked() -> None:
    repeats = Repeats()
    told = [times for _ in range(2000) if (times := repeats.failed("busy"))]
    assert told == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1536]
    repeats.worked()
    assert repeats.failed("busy") == 1


def test_another_reason_is_told_at_once() -> None:
    repeats = Repeats()
    assert [repeats.failed(reason) for reason in ("busy", "busy", "busy", "refused", "refused", "busy")] == [
        1,
        2,
        0,
        1,
        2,
        1,
    ]
