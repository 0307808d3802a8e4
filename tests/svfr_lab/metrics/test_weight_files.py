"""Files of other people's weights: what is no file of the network is named and never run."""

import numpy as np
import pytest
import torch

from svfr.errors import CheckpointHoldsCode, CheckpointUnreadable, ModelFileMissing
from svfr_lab.metrics.arcface import ArcFace
from svfr_lab.metrics.errors import WeightsOfAnotherNetwork
from svfr_lab.metrics.lpips import Lpips

NETWORKS = pytest.mark.parametrize("network", [ArcFace, Lpips])


@NETWORKS
def test_a_missing_weight_file_is_named(tmp_path, network):
    with pytest.raises(ModelFileMissing) as caught:
        network(tmp_path / "weights.pth")
    assert caught.value.path == str(tmp_path / "weights.pth")


@NETWORKS
def test_a_file_that_is_no_checkpoint_is_unreadable(tmp_path, network):
    (tmp_path / "weights.pth").write_bytes(b"not a checkpoint")
    with pytest.raises(CheckpointUnreadable):
        network(tmp_path / "weights.pth")


@NETWORKS
def test_a_file_with_code_is_not_run(tmp_path, network):
    torch.save({"features.0.weight": np.random.default_rng}, tmp_path / "weights.pth")
    with pytest.raises(CheckpointHoldsCode):
        network(tmp_path / "weights.pth")


@pytest.mark.parametrize(
    ("network", "tensor", "shape", "reason"),
    [
        (ArcFace, "features.0.weight", (64, 3, 11, 11), "no insightface IResNet"),
        (Lpips, "conv1.weight", (64, 3, 7, 7), "neither AlexNet nor VGG-16"),
    ],
)
def test_weights_of_another_network_are_refused(tmp_path, network, tensor, shape, reason):
    torch.save({tensor: torch.zeros(shape)}, tmp_path / "weights.pth")
    with pytest.raises(WeightsOfAnotherNetwork, match=reason):
        network(tmp_path / "weights.pth")
