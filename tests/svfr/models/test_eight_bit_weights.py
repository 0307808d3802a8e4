"""Weights of 8 bits: near those they were made of, and refused where their scales are not there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from svfr.errors import CheckpointUnreadable, TensorShapesWrong, TensorsUnexpected
from svfr.models.eight_bit_weights import packed, scale_name
from svfr.models.tensor_files import check_safetensors, check_values, load_weights
from svfr_client.errors import SvfrError

WEIGHT = "0.weight"


def network() -> nn.Sequential:
    torch.manual_seed(2)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.GroupNorm(4, 8), nn.Linear(8, 2))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_file(packed(network().state_dict()), tmp_path / "net.safetensors")
    return tmp_path / "net.safetensors"


def test_weights_come_back_within_half_a_step_and_vectors_bit_for_bit(path: Path) -> None:
    stored = load_file(path)
    assert stored[WEIGHT].dtype == torch.int8 and stored["1.weight"].dtype == torch.float32
    assert check_safetensors(path, network()) == [] and check_values(path) == []
    loaded = network()
    load_weights(loaded, path, "cpu", torch.float32)
    for name, before in network().state_dict().items():
        after = loaded.state_dict()[name]
        if before.ndim < 2:
            assert torch.equal(after, before)
        else:
            step = before.flatten(1).abs().amax(1) / 127
            assert ((after - before).flatten(1).abs().amax(1) <= 0.501 * step).all()
            assert torch.allclose(after.flatten(1).abs().amax(1), 127 * step)


def test_packing_what_is_packed_changes_nothing_and_a_channel_of_zeros_stays(path: Path) -> None:
    stored = load_file(path)
    again = packed(stored)
    assert again.keys() == stored.keys()
    assert all(torch.equal(again[name], stored[name]) for name in stored)
    silent = packed({"w": torch.zeros(2, 3)})
    assert not silent["w"].any() and torch.isfinite(silent[scale_name("w")]).all()


def test_they_are_loaded_in_any_type(path: Path) -> None:
    loaded = network()
    load_weights(loaded, path, "cpu", torch.float16)
    assert {tensor.dtype for tensor in loaded.state_dict().values()} == {torch.float16}


def without_scales(weights: dict[str, torch.Tensor]) -> None:
    del weights[scale_name(WEIGHT)]


def with_few_scales(weights: dict[str, torch.Tensor]) -> None:
    weights[scale_name(WEIGHT)] = weights[scale_name(WEIGHT)][:3].clone()


def with_scales_of_nothing(weights: dict[str, torch.Tensor]) -> None:
    weights[scale_name("1.weight")] = torch.ones(8)


@pytest.mark.parametrize(
    ("harm", "error"),
    [
        (without_scales, CheckpointUnreadable),
        (with_few_scales, TensorShapesWrong),
        (with_scales_of_nothing, TensorsUnexpected),
    ],
)
def test_scales_that_do_not_fit_are_refused(
    path: Path, harm: Callable[[dict[str, torch.Tensor]], None], error: type[SvfrError]
) -> None:
    weights = load_file(path)
    harm(weights)
    save_file(weights, path)
    assert [type(problem) for problem in check_safetensors(path, network())] == [error]
    with pytest.raises(error):
        load_weights(network(), path, "cpu", torch.float32)
