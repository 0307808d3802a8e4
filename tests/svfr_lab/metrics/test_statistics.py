import numpy as np
import pytest

from svfr_lab.errors import ArgumentOutOfRange
from svfr_lab.metrics.statistics import Estimate, bootstrap_interval


def test_the_interval_of_a_normal_sample_is_the_textbook_one():
    values = np.random.default_rng(0).normal(1.0, 2.0, 400)
    mean, low, high = bootstrap_interval(values)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert mean == pytest.approx(values.mean())
    assert low == pytest.approx(mean - half, abs=0.1 * half)
    assert high == pytest.approx(mean + half, abs=0.1 * half)


def test_the_interval_covers_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(2)
    inside = 0
    for _ in range(300):
        _, low, high = bootstrap_interval(rng.normal(0.5, 1.0, 64))
        inside += low <= 0.5 <= high
    assert 0.90 <= inside / 300 <= 0.98


def test_equal_values_have_equal_intervals():
    values = np.random.default_rng(3).normal(size=20)
    assert bootstrap_interval(values) == bootstrap_interval(values.copy())


def test_equal_differences_leave_no_doubt():
    assert bootstrap_interval(np.full(10, 0.25)) == (0.25, 0.25, 0.25)


@pytest.mark.parametrize("values", [np.array([1.0]), np.zeros((3, 3)), np.array([1.0, np.nan])])
def test_too_few_or_broken_differences_are_refused(values):
    with pytest.raises(ArgumentOutOfRange):
        bootstrap_interval(values)


def test_too_few_values_have_a_mean_and_no_interval():
    assert Estimate.of([]).text() == "not measured"
    assert Estimate.of([1.0]).text() == "1.00 (no interval: n = 1)"
    assert not Estimate.of([1.0]).excludes_zero
    assert Estimate.of([1.0, 1.0]).text(1, signed=True) == "+1.0 [+1.0, +1.0]"
    assert Estimate.of([-1.0, -1.0]).excludes_zero


def test_a_difference_that_is_the_same_on_every_clip_has_no_spread():
    better = Estimate.of_difference([21.5, 30.5, 11.5], [20.0, 29.0, 10.0])
    assert (better.mean, better.low, better.high) == pytest.approx((1.5, 1.5, 1.5))
    assert better.share_better == 1.0 and better.n == 3


def test_equal_clips_do_not_count_as_better():
    assert Estimate.of_difference([20.0, 21.0, 25.0, 25.0], [20.0, 20.0, 26.0, 25.0]).share_better == 0.25


def test_what_is_better_may_be_said_clip_by_clip():
    lower = np.array([True, False])
    assert Estimate.of_difference([1.0, 3.0], [2.0, 2.0], lower).share_better == 0.5


def test_the_interval_of_a_difference_holds_its_mean():
    rng = np.random.default_rng(1)
    mixed = Estimate.of_difference(rng.normal(20.3, 1.0, 64), [20.0] * 64)
    assert mixed.low < mixed.mean < mixed.high


def test_methods_of_different_clips_are_not_compared():
    with pytest.raises(ArgumentOutOfRange, match="3 clips cannot be compared with 2"):
        Estimate.of_difference([1.0, 2.0, 3.0], [1.0, 2.0])
