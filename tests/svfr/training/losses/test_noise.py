import math

import numpy as np
import pytest
import torch
from tiny_training import CONFIG

from svfr.diffusion.objectives import Objective
from svfr.training.batches import draw_log_normal, draw_step
from svfr.training.losses.noise import relative_errors, sigma_weights, v_errors
from svfr.training.recipe.config import NoiseConfig, Phase

SHAPE = (2, 3, 4, 5, 5)
STD = torch.tensor([2.0, 1.0, 0.5, 0.25])


def latents(seed: int) -> torch.Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


def test_doing_nothing_has_a_relative_error_just_below_one() -> None:
    clean, low_quality = latents(0), latents(1)
    nothing = ((STD.view(-1, 1, 1) * (low_quality - clean)) ** 2).mean((1, 2, 3, 4))
    errors = relative_errors(low_quality, clean, low_quality, STD)
    torch.testing.assert_close(errors, nothing / (nothing + 2e-3))


def test_a_perfect_answer_has_no_error_even_where_nothing_was_wrong() -> None:
    clean = latents(0)
    assert relative_errors(clean, clean, latents(1), STD).tolist() == [0.0, 0.0]
    assert relative_errors(clean, clean, clean, STD).tolist() == [0.0, 0.0]


def test_halving_the_distance_quarters_the_error() -> None:
    clean, low_quality = latents(0), latents(1)
    whole = relative_errors(low_quality, clean, low_quality, STD)
    half = relative_errors((clean + low_quality) / 2, clean, low_quality, STD)
    torch.testing.assert_close(half, whole / 4)


def test_an_error_counts_by_the_square_of_its_channels_spread() -> None:
    clean = torch.zeros(1, 1, 4, 2, 2)
    low_quality = torch.ones_like(clean)
    errors = []
    for channel in range(4):
        wrong = clean.clone()
        wrong[:, :, channel] = 1.0
        errors.append(float(relative_errors(wrong, clean, low_quality, STD)))
    whole = float(relative_errors(low_quality, clean, low_quality, STD))
    assert errors == pytest.approx([whole * s**2 / (4 + 1 + 0.25 + 0.0625) for s in (2.0, 1.0, 0.5, 0.25)])


def test_samples_do_not_share_their_errors() -> None:
    clean, low_quality = latents(0), latents(1)
    denoised = low_quality.clone()
    denoised[0] = clean[0]
    first, second = relative_errors(denoised, clean, low_quality, STD)
    assert first == 0.0 and second > 0.9


def test_sigma_weights_are_karras_and_capped_at_six() -> None:
    weights = sigma_weights(torch.tensor([0.05, 0.5, 1.0, 20.0]), 0.5)
    expected = [6.0, (0.25 + 0.25) / 0.25, (1 + 0.25) / 1, (400 + 0.25) / 400]
    assert weights.tolist() == pytest.approx(expected)


@pytest.mark.parametrize("sigma", [0.05, 0.7, 20.0])
def test_the_residual_objective_denoises_exactly_with_the_exact_output(sigma: float) -> None:
    objective = Objective("residual", 0.5)
    z_lq, clean, noise = latents(0).double(), latents(1).double(), latents(2).double()
    x = clean + sigma * noise
    variance = sigma**2 + 0.25
    skip, gain = 0.25 / variance, sigma * 0.5 / math.sqrt(variance)
    output = (clean - z_lq - skip * (x - z_lq)) / gain
    torch.testing.assert_close(objective.denoised(output, x, z_lq, sigma), clean)
    torch.testing.assert_close(objective.network_input(x, z_lq, sigma), (x - z_lq) / math.sqrt(variance))


def test_a_residual_network_that_is_silent_returns_the_low_quality_latent_it_started_from() -> None:
    z_lq = latents(0)
    silent = torch.zeros_like(z_lq)
    torch.testing.assert_close(Objective("residual", 0.5).denoised(silent, z_lq, z_lq, 20.0), z_lq)


@pytest.mark.parametrize("sigma", [0.002, 1.0, 700.0])
def test_the_v_objective_is_the_euler_schedulers_v_prediction(sigma: float) -> None:
    x, output = latents(0), latents(1)
    expected = output * (-sigma / math.sqrt(sigma**2 + 1)) + x / (sigma**2 + 1)
    torch.testing.assert_close(Objective("v").denoised(output, x, latents(2), sigma), expected)


def test_without_a_noised_share_every_sample_starts_at_the_largest_sigma() -> None:
    draws = draw_step(CONFIG, Phase(steps=1, frames=1, batch=64, noised_share=0.0), np.random.default_rng(0))
    assert not draws.noised.any()
    assert (draws.sigma == CONFIG.network.sigma_max).all()


def test_noised_samples_keep_to_the_schedules_range_and_some_start_at_its_top() -> None:
    draws = draw_step(
        CONFIG, Phase(steps=1, frames=1, batch=2000, noised_share=1.0), np.random.default_rng(0)
    )
    sigma = draws.sigma
    assert draws.noised.all()
    assert float(sigma.min()) >= 0.6 * CONFIG.network.sigma_min * (1 - 1e-6)
    assert float(sigma.max()) == CONFIG.network.sigma_max
    assert float((sigma == CONFIG.network.sigma_max).float().mean()) == pytest.approx(1 / 3, abs=0.05)


def test_own_references_are_half_of_the_half_that_have_one() -> None:
    draws = draw_step(
        CONFIG, Phase(steps=1, frames=1, batch=4000, noised_share=0.0), np.random.default_rng(0)
    )
    assert not (draws.own_reference & ~draws.has_reference).any()
    assert float(draws.has_reference.float().mean()) == pytest.approx(0.5, abs=0.04)
    assert float(draws.own_reference.float().mean()) == pytest.approx(0.25, abs=0.04)


def test_equal_generators_draw_equal_steps() -> None:
    first, again = (
        draw_step(CONFIG, Phase(steps=1, frames=1, batch=16, noised_share=0.5), np.random.default_rng(3))
        for _ in range(2)
    )
    for name in ("sigma", "noised", "has_reference", "own_reference"):
        assert torch.equal(getattr(first, name), getattr(again, name)), name


@pytest.mark.parametrize("sigma", [0.01, 0.7, 20.0, 700.0])
def test_the_noise_loss_is_the_error_of_the_networks_v(sigma: float) -> None:
    clean, noise, output = (latents(seed).double() for seed in range(3))
    x = clean + sigma * noise
    target = (noise - sigma * clean) / math.sqrt(sigma**2 + 1)
    denoised = Objective("v").denoised(output, x, latents(3).double(), sigma)
    expected = (output - target).square().mean((1, 2, 3, 4))
    actual = v_errors(denoised, clean, torch.full((2,), sigma, dtype=torch.float64))
    torch.testing.assert_close(actual, expected, rtol=1e-7, atol=1e-9)


def test_the_gradient_of_the_noise_loss_is_twice_the_mean_error_of_v() -> None:
    clean, noise = latents(0).double(), latents(1).double()
    output = latents(2).double().requires_grad_()
    sigma = torch.tensor([0.3, 5.0], dtype=torch.float64)
    level = sigma.view(-1, 1, 1, 1, 1)
    denoised = Objective("v").denoised(output, clean + level * noise, clean, level)
    v_errors(denoised, clean, sigma).sum().backward()
    target = (noise - level * clean) / (level**2 + 1).sqrt()
    torch.testing.assert_close(output.grad, 2 * (output.detach() - target) / clean[0].numel())


def test_svds_noise_levels_are_log_normal_and_all_samples_are_diffused() -> None:
    noise = NoiseConfig(log_sigma_mean=0.7, log_sigma_std=1.6)
    draws = draw_log_normal(
        noise, Phase(steps=1, frames=4, batch=4000, noised_share=1.0), 0.5, np.random.default_rng(0)
    )
    logs = draws.sigma.log()
    assert draws.noised.all() and not draws.own_reference.any()
    assert float(logs.mean()) == pytest.approx(0.7, abs=0.1)
    assert float(logs.std()) == pytest.approx(1.6, abs=0.08)
    assert float(draws.has_reference.float().mean()) == pytest.approx(0.5, abs=0.04)


def test_all_versions_of_a_clip_share_their_draws() -> None:
    pairs = Phase(steps=1, frames=1, batch=40, noised_share=0.5, tasks_per_clip=2)
    for draws in (
        draw_step(CONFIG, pairs, np.random.default_rng(0)),
        draw_log_normal(NoiseConfig(0.7, 1.6), pairs, 0.5, np.random.default_rng(0)),
    ):
        assert draws.tasks_per_clip == 2
        for values in (draws.sigma, draws.noised, draws.has_reference, draws.own_reference):
            assert len(values) == 40 and torch.equal(values[::2], values[1::2])
        assert len(draws.has_reference.unique()) == 2
