"""ArcFace against outputs of the official code, with weights by formula under the official names."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from svfr.nets.arcface import IResNet

GOLDEN = Path(__file__).parents[2] / "data" / "golden"
RELATIVE_TOLERANCE = 1e-4


def formula_weight(name: str, index: int, like: torch.Tensor) -> torch.Tensor:
    """Return the tensor that golden.json's arcface case defines for the index-th key."""
    place = np.arange(like.numel(), dtype=np.float64)
    raw = np.sin(12.9898 * place + 78.233 * index + 0.5) * 43758.5453
    signed = 2 * (raw - np.floor(raw)) - 1
    if name.endswith("running_var"):
        value = 1 + 0.1 * signed
    elif name.endswith(("running_mean", "bias")):
        value = 0.05 * signed
    elif "prelu" in name:
        value = 0.25 + 0.05 * signed
    elif like.ndim == 1:
        value = 1 + 0.1 * signed
    else:
        value = signed * math.sqrt(3 / like[0].numel())
    return torch.from_numpy(value.astype(np.float32)).view_as(like)


def formula_face(phase: float) -> torch.Tensor:
    y, x = np.mgrid[0:112, 0:112].astype(np.float64)
    planes = [np.sin(0.05 * y * (c + 1) + phase) * np.cos(0.03 * x * (c + 2) - phase) for c in range(3)]
    return torch.from_numpy(np.stack(planes)[None].astype(np.float32))


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.fixture(scope="module")
def network() -> IResNet:
    network = IResNet().eval()
    state = network.state_dict()
    names = [name for name in state if not name.endswith("num_batches_tracked")]
    for index, name in enumerate(names):
        state[name].copy_(formula_weight(name, index, state[name]))
    return network


def test_the_tensors_have_the_official_names_in_the_official_order(network: IResNet) -> None:
    official = json.loads((GOLDEN / "arcface_keys.json").read_text())
    assert [n for n in network.state_dict() if not n.endswith("num_batches_tracked")] == official


@pytest.mark.parametrize(("case", "phase"), [("a", 0.5), ("b", 2.0)])
def test_the_outputs_are_those_of_the_official_code(network: IResNet, case: str, phase: float) -> None:
    golden = load_file(GOLDEN / "arcface.safetensors")
    with torch.no_grad():
        embedding, features = network(formula_face(phase))
    assert relative_error(embedding, golden[f"embedding_{case}"]) < RELATIVE_TOLERANCE
    assert relative_error(features, golden[f"layer4_{case}"]) < RELATIVE_TOLERANCE


def test_swapped_colour_channels_are_noticed(network: IResNet) -> None:
    golden = load_file(GOLDEN / "arcface.safetensors")["layer4_a"]
    with torch.no_grad():
        features = network.layer4_features(formula_face(0.5).flip(1))
    assert float((features - golden).abs().max()) > float(golden.std())


def test_training_statistics_are_noticed(network: IResNet) -> None:
    golden = load_file(GOLDEN / "arcface.safetensors")["layer4_a"]
    face = torch.cat([formula_face(0.5), formula_face(2.0)])
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with torch.no_grad():
        features = network.train().layer4_features(face)
    network.load_state_dict(before)
    network.eval()
    assert relative_error(features[:1], golden) > RELATIVE_TOLERANCE
