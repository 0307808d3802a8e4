"""Starting a preview run from a model folder instead of from random weights.

The run takes the model's codec and weights and begins its own schedule. A network that asks for a hole plane
can start from one without: the new input channel starts at zero, so that training begins with exactly the
function of the model. So does one with more residual blocks: see :mod:`svfr.training.nets.grown_network`.
One whose codec keeps more coefficients leaves the new ones as they are at first: see
:mod:`svfr.training.nets.grown_codec`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from svfr.diffusion.objectives import Objective
from svfr.models.model import Model
from svfr.models.networks import CONV_IDENTITY_FILE, UNET_FILE
from svfr.models.tensor_files import compare_shapes, expected_shapes
from svfr.nets.identity import ConvCropIdentity
from svfr.nets.linear_patch import LinearPatchCodec, LinearPatchSpec
from svfr.training.errors import StartUnusable
from svfr.training.nets.grown_codec import grown_codec
from svfr.training.nets.grown_network import blocks_of, grown_weights
from svfr.training.nets.preview_net import PreviewNet
from svfr.training.recipe.config import NetworkConfig
from svfr_client.errors import raise_problems
from svfr_client.reasons import in_one_line

_CONV_IN = "conv_in.weight"


def starting_codec(start: Model, config: NetworkConfig) -> LinearPatchSpec:
    """Return the codec of ``start``, which may keep fewer coefficients than the recipe asks for.

    Raises StartUnusable when a preview run cannot begin with it.
    """
    same = (
        isinstance(start.codec, LinearPatchCodec)
        and isinstance(start.identity, ConvCropIdentity)
        and set(start.codec.spec.coefficients) <= set(config.coefficients)
        and start.objective == Objective("residual", config.sigma_data)
    )
    if not same:
        raise StartUnusable(
            f"The model {start.spec.name} has another codec, objective or identity encoder than the recipe.",
            remedy="Start from a model that the same kind of recipe made, or without one.",
        )
    assert isinstance(start.codec, LinearPatchCodec)
    return start.codec.spec


def load_start(net: PreviewNet, start: Model) -> None:
    """Give ``net`` the weights of ``start``; its output gain is taken out of the last layer again.

    Raises TensorsMissing, TensorsUnexpected and TensorShapesWrong for a model of another size, StartUnusable
    for one with more blocks.
    """
    assert isinstance(start.identity, ConvCropIdentity)
    unet = _grown(start, net)
    assert isinstance(start.codec, LinearPatchCodec)
    unet = grown_codec(unet, start.codec.spec.coefficients, net.codec.spec.coefficients)
    unet[_CONV_IN] = _with_hole_channel(unet[_CONV_IN], net)
    gain = net.output_gain.flatten()
    unet["conv_out.weight"] = unet["conv_out.weight"] / gain.view(-1, 1, 1, 1)
    unet["conv_out.bias"] = unet["conv_out.bias"] / gain
    _load(net.unet, unet, Path(UNET_FILE))
    net.started_from = {name: record.sha256 for name, record in start.spec.files.items()}
    _load(net.identity, start.identity.network.state_dict(), Path(CONV_IDENTITY_FILE))


def _grown(start: Model, net: PreviewNet) -> dict[str, torch.Tensor]:
    """Return the UNet's weights of ``start``, with the blocks that ``net`` has more."""
    before, after = blocks_of(start.spec.unet), blocks_of(net.unet_config)
    try:
        return dict(grown_weights(start.unet.state_dict(), net.unet.state_dict(), before, after))
    except ValueError as error:
        raise StartUnusable(
            f"The model {start.spec.name} cannot become the recipe's network: {in_one_line(error)}.",
            remedy="Give [network] layers at least as large as the model's, or start without it.",
        ) from error


def _load(network: nn.Module, weights: Mapping[str, torch.Tensor], file: Path) -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    raise_problems(compare_shapes(file, shapes, expected_shapes(network)))
    network.load_state_dict(weights)


def _with_hole_channel(weight: torch.Tensor, net: PreviewNet) -> torch.Tensor:
    """Return conv_in's weight with a zero column behind the low-quality latent's, if ``net`` has one more."""
    channels = net.codec.channels
    if net.unet.conv_in.weight.shape[1] != weight.shape[1] + 1:
        return weight
    noisy_and_lq, reference = weight.split([2 * channels, weight.shape[1] - 2 * channels], dim=1)
    return torch.cat([noisy_and_lq, torch.zeros_like(weight[:, :1]), reference], dim=1)
