"""Orthogonal steps for matrices: against a singular value decomposition, and through the trainer."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from tiny_training import CONFIG, NoisyGradients
from torch import nn

from svfr.training.loop.muon import Muon, nearly_orthogonal, split_matrices
from svfr.training.loop.trainer import Trainer
from svfr.training.nets.preview_net import PreviewNet

WITH_MUON = dataclasses.replace(CONFIG, optimiser=dataclasses.replace(CONFIG.optimiser, kind="muon"))


@pytest.mark.parametrize("shape", [(24, 200), (200, 24), (40, 40), (1, 9)])
def test_a_matrix_keeps_its_directions_and_loses_its_lengths(shape: tuple[int, int]) -> None:
    torch.manual_seed(1)
    matrix = torch.randn(shape)
    left, lengths, right = torch.linalg.svd(matrix, full_matrices=False)
    assert lengths[0] > 1.5 * lengths[-1] or min(shape) == 1
    inner = left.T @ nearly_orthogonal(matrix) @ right.T
    assert inner.diagonal().min() > 0.6 and inner.diagonal().max() < 1.3
    torch.testing.assert_close(inner, torch.diag(inner.diagonal()), rtol=0.0, atol=1e-4)


def test_the_shorter_way_over_the_gram_matrix_is_the_published_iteration() -> None:
    torch.manual_seed(2)
    matrix = torch.randn(16, 60, dtype=torch.float64)
    x = matrix / matrix.norm()
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    torch.testing.assert_close(nearly_orthogonal(matrix), x, rtol=1e-6, atol=1e-7)


def test_a_matrix_without_a_gradient_or_with_a_zero_one_stays_finite() -> None:
    still, zero = nn.Parameter(torch.ones(4, 4)), nn.Parameter(torch.ones(4, 4))
    zero.grad = torch.zeros(4, 4)
    Muon([still, zero], [], lr=0.1, weight_decay=0.0).step()
    assert torch.equal(still, torch.ones(4, 4)) and torch.equal(zero, torch.ones(4, 4))


def test_a_step_has_the_size_of_adamws_whatever_the_shape_and_the_gradient() -> None:
    torch.manual_seed(3)
    for shape in ((32, 16, 3, 3), (64, 64), (8, 400)):
        for scale in (1e-6, 1.0, 1e3):
            weight = nn.Parameter(torch.zeros(shape))
            weight.grad = scale * torch.randn(shape)
            Muon([weight], [], lr=1e-2, weight_decay=0.0).step()
            rms = float(weight.detach().square().mean().sqrt())
            assert rms == pytest.approx(0.2e-2, rel=0.3), (shape, scale)


def test_only_the_matrices_of_the_blocks_are_orthogonal(tmp_path: Path) -> None:
    trainer = Trainer(WITH_MUON, NoisyGradients(), tmp_path)
    net = trainer.net
    matrices, others = split_matrices(net, net.unet)
    assert {id(p) for p in matrices} | {id(p) for p in others} == {id(p) for p in net.parameters()}
    assert all(parameter.ndim >= 2 for parameter in matrices)
    left = {id(p) for p in others}
    for name in ("conv_in.weight", "conv_out.weight", "time_embedding.linear_1.weight"):
        assert id(net.unet.get_parameter(name)) in left, name
    assert isinstance(net, PreviewNet)
    assert all(id(parameter) in left for parameter in net.identity.parameters())


def weights_after(folder: Path, stops: tuple[int, ...]) -> dict[str, torch.Tensor]:
    """Train to the end, in as many processes' lives as there are stops and one more."""
    for stop in stops:
        trainer = Trainer(WITH_MUON, NoisyGradients(), folder)
        trainer.run(lambda row: None, stop=lambda trainer=trainer, stop=stop: trainer.step >= stop)
    trainer = Trainer(WITH_MUON, NoisyGradients(), folder)
    trainer.run(lambda row: None)
    assert trainer.step == WITH_MUON.steps
    return {name: tensor.clone() for name, tensor in trainer.net.state_dict().items()}


def test_a_run_that_stops_and_goes_on_ends_with_the_same_bits(tmp_path: Path) -> None:
    whole, broken = weights_after(tmp_path / "a", ()), weights_after(tmp_path / "b", (2,))
    assert all(torch.equal(whole[name], broken[name]) for name in whole)


def test_training_with_it_lowers_the_loss(tmp_path: Path) -> None:
    rows: list[dict[str, float]] = []
    long = dataclasses.replace(
        WITH_MUON,
        phases=(dataclasses.replace(CONFIG.phases[0], steps=60),),
        run=dataclasses.replace(CONFIG.run, log_every_steps=20),
    )
    Trainer(long, NoisyGradients(), tmp_path).run(rows.append)
    assert rows[-1]["relative_error"] < 0.95 * rows[0]["relative_error"]
