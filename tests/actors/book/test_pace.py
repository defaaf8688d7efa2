"""Frames by deadline."""

import random

import pytest

from actors.book.pace import FramePace

FPS = 60


def frames(news_s: list[float], *, lateness: random.Random | None = None, drawing_s: float = 0.0) -> list[float]:
    """When frames are drawn for news at these times; each may be late by up to 3 ms."""
    pace, drawn_s, now_s = FramePace(FPS, now_s=0.0), [], 0.0
    waiting = iter(news_s)
    news = next(waiting, None)
    while news is not None:
        now_s = max(now_s, news, pace.due_s) + (lateness.uniform(0, 0.003) if lateness else 0.0)
        drawn_s.append(now_s)
        while news is not None and news <= now_s:
            news = next(waiting, None)
        now_s += drawing_s
        pace.drawn(now_s=now_s)
    return drawn_s


def test_ten_seconds_of_200_books_a_second_are_590_to_600_frames() -> None:
    news_s = [n / 200 for n in range(2000)]
    for drawn_s in (frames(news_s), frames(news_s, lateness=random.Random(7))):
        assert 590 <= sum(at < 10.0 for at in drawn_s) <= 600


def test_without_news_nothing_is_drawn() -> None:
    assert frames([]) == []
    assert len(frames([0.0])) == 1


def test_no_more_frames_than_the_rate_allows_after_a_pause() -> None:
    drawn_s = frames([0.0, 5.0, 5.001, 5.002, 5.003, 5.02])
    assert drawn_s == pytest.approx([0.0, 5.0, 5.0 + 1 / FPS, 5.0 + 2 / FPS])


def test_any_second_has_at_most_one_frame_more_than_the_rate() -> None:
    rng = random.Random(3)
    drawn_s = frames(sorted(rng.uniform(0, 20) for _ in range(3000)), lateness=rng)
    assert all(sum(start <= at < start + 1 for at in drawn_s) <= FPS + 1 for start in drawn_s)


def test_frames_that_take_too_long_are_skipped_and_counted() -> None:
    pace = FramePace(FPS, now_s=0.0)
    pace.drawn(now_s=0.1)
    assert pace.skipped == 6
    assert pace.due_s == pytest.approx(0.1 + 1 / FPS)
    drawn_s = frames([n / 200 for n in range(2000)], drawing_s=0.05)
    assert len(drawn_s) < 200
