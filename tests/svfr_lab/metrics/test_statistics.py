import numpy as np
import pytest

from svfr_lab.errors import ArgumentOutOfRange
from svfr_lab.metrics.statistics import paired_bootstrap, psnr_db


def grey(value, shape=(2, 8, 8, 3)):
    return np.full(shape, value, np.float32)


def test_psnr_of_a_constant_error_is_its_formula():
    assert psnr_db(grey(0.5), grey(0.6)) == pytest.approx(20.0, abs=1e-4)


def test_psnr_of_equal_clips_is_finite():
    assert psnr_db(grey(0.5), grey(0.5)) == pytest.approx(100.0)


def test_psnr_counts_only_the_pixels_of_the_mask():
    clip, mask = grey(0.5), np.zeros((8, 8), bool)
    mask[2, 3] = True
    clip[:, ~mask] = 0.0
    assert psnr_db(clip, grey(0.6), mask) == pytest.approx(20.0, abs=1e-4)


@pytest.mark.parametrize("mask", [np.zeros((8, 8), bool), np.ones((4, 4), bool)])
def test_an_empty_or_foreign_mask_is_refused(mask):
    with pytest.raises(ArgumentOutOfRange):
        psnr_db(grey(0.5), grey(0.6), mask)


def test_clips_of_different_length_are_refused():
    with pytest.raises(ArgumentOutOfRange, match="Shapes differ"):
        psnr_db(grey(0.5), grey(0.5, (1, 8, 8, 3)))


def test_the_interval_of_a_normal_sample_is_the_textbook_one():
    values = np.random.default_rng(0).normal(1.0, 2.0, 400)
    mean, low, high = paired_bootstrap(values, seed=1)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert mean == pytest.approx(values.mean())
    assert low == pytest.approx(mean - half, abs=0.1 * half)
    assert high == pytest.approx(mean + half, abs=0.1 * half)


def test_the_interval_covers_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(2)
    inside = 0
    for trial in range(300):
        _, low, high = paired_bootstrap(rng.normal(0.5, 1.0, 64), seed=trial, draws=500)
        inside += low <= 0.5 <= high
    assert 0.90 <= inside / 300 <= 0.98


def test_a_bootstrap_is_decided_by_its_seed():
    values = np.random.default_rng(3).normal(size=20)
    assert paired_bootstrap(values, seed=1) == paired_bootstrap(values, seed=1)
    assert paired_bootstrap(values, seed=1) != paired_bootstrap(values, seed=2)


def test_equal_differences_leave_no_doubt():
    assert paired_bootstrap(np.full(10, 0.25), seed=0) == (0.25, 0.25, 0.25)


@pytest.mark.parametrize("values", [np.array([1.0]), np.zeros((3, 3)), np.array([1.0, np.nan])])
def test_too_few_or_broken_differences_are_refused(values):
    with pytest.raises(ArgumentOutOfRange):
        paired_bootstrap(values, seed=0)
