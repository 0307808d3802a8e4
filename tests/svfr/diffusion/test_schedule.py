import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from svfr.diffusion.schedule import AYS_SVD_SIGMAS, euler_step, karras_sigmas, timestep, with_final_zero

LEVELS = st.floats(min_value=1e-3, max_value=1e3)


@given(st.integers(1, 100), LEVELS, LEVELS)
def test_karras_levels_fall_from_the_largest_to_the_smallest(steps: int, a: float, b: float) -> None:
    low, high = min(a, b), max(a, b) + 1.0
    sigmas = karras_sigmas(steps, low, high)
    assert len(sigmas) == steps
    assert math.isclose(sigmas[0], high, rel_tol=1e-9)
    assert all(x > y for x, y in itertools.pairwise(sigmas))
    assert steps == 1 or math.isclose(sigmas[-1], low, rel_tol=1e-6)


def test_levels_are_walked_in_float32_and_end_with_zero() -> None:
    assert with_final_zero([700.0, 0.1]) == (700.0, float(torch.tensor(0.1)), 0.0)


def test_the_ten_step_levels_fall() -> None:
    assert len(AYS_SVD_SIGMAS) == 10
    assert sorted(AYS_SVD_SIGMAS, reverse=True) == list(AYS_SVD_SIGMAS)


@pytest.mark.parametrize(("steps", "low", "high"), [(0, 0.1, 1.0), (3, 0.0, 1.0), (3, 2.0, 1.0)])
def test_impossible_schedules_are_refused(steps: int, low: float, high: float) -> None:
    with pytest.raises(ValueError, match="need"):
        karras_sigmas(steps, low, high)


def test_the_condition_is_a_quarter_of_the_logarithm() -> None:
    assert timestep(math.e) == 0.25


@given(st.floats(0.01, 700.0), st.floats(0.0, 1.0))
def test_an_euler_step_keeps_the_clean_part_and_scales_the_noise(sigma: float, share: float) -> None:
    clean, noise = torch.tensor([0.5, -2.0]), torch.tensor([1.0, -0.25])
    moved = euler_step(clean + sigma * noise, clean, sigma, sigma * share)
    torch.testing.assert_close(moved, clean + sigma * share * noise, rtol=1e-4, atol=1e-4 * sigma)


def test_the_last_euler_step_arrives_at_the_denoised_latent() -> None:
    x, denoised = torch.tensor([3.0]), torch.tensor([0.25])
    assert euler_step(x, denoised, 2.0, 0.0) == denoised
