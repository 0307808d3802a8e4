"""Rates of jobs whose progress is known."""

import pytest

from svfr_view.server_page.rates import WINDOW_SECONDS, Rate, Rates


def test_a_job_that_did_a_tenth_in_a_minute_does_a_tenth_of_its_frames_a_minute() -> None:
    rates = Rates()
    for minute in range(4):
        rates.note("a", 60.0 * minute, 0.2 + 0.1 * minute)
    rate = rates.of("a", 200)
    assert rate.frames_a_minute == pytest.approx(20.0)
    assert rate.seconds_left == pytest.approx(300.0)


def test_only_the_last_two_minutes_count() -> None:
    rates = Rates()
    rates.note("a", 0.0, 0.0)
    rates.note("a", 1000.0, 0.1)
    rates.note("a", 1000.0 + WINDOW_SECONDS / 2, 0.5)
    assert rates.of("a", 10).frames_a_minute == pytest.approx(4.0)


@pytest.mark.parametrize("points", [[], [(0.0, 0.1)], [(0.0, 0.1), (1.0, 0.2)], [(0.0, 0.1), (60.0, 0.1)]])
def test_what_cannot_be_told_yet_is_none(points: list[tuple[float, float]]) -> None:
    rates = Rates()
    for at, overall in points:
        rates.note("a", at, overall)
    assert rates.of("a", 10) == Rate(None, None)


def test_another_attempt_begins_anew_and_jobs_that_ended_are_forgotten() -> None:
    rates = Rates()
    for at, overall in [(0.0, 0.0), (60.0, 0.8), (70.0, 0.1)]:
        rates.note("a", at, overall)
    assert rates.of("a", 10) == Rate(None, None)
    rates.note("a", 80.0, 0.2)
    assert rates.of("a", 10).seconds_left == pytest.approx(80.0)
    rates.forget_others({"b"})
    assert rates.of("a", 10) == Rate(None, None)
