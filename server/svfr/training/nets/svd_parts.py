"""What a run from Stable Video Diffusion starts with: its networks, and the recogniser of faces.

SVFR adds the latent of a reference frame to SVD's input (section 3, Self-Referred Refinement): the first
convolution grows from 8 to 12 channels. The new channels start at zero, so that training begins with exactly
the network it was given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from diffusers.models.unets.unet_spatio_temporal_condition import UNetSpatioTemporalConditionModel
from safetensors.torch import load_file

from svfr.models.checkpoints import read_state_dict
from svfr.models.convert import Recogniser
from svfr.models.spec import ScheduleSpec
from svfr.models.svd_folder import schedule, unet_config, unet_weights, vae_config, vae_weights
from svfr.models.tensor_files import (
    compare_shapes,
    expected_shapes,
    is_counter,
    load_weights,
    safetensors_shapes,
)
from svfr.nets.arcface import IResNet
from svfr.nets.kl_temporal import KlTemporalCodec, build_kl
from svfr.nets.unet import build_unet
from svfr_client.errors import raise_problems

_CONV_IN = "conv_in.weight"


@dataclass(frozen=True)
class SvdSource:
    """Where the starting weights are: SVD's folder, and ArcFace's checkpoint with the shape it must have.

    ``arcface`` is needed by recipes with the identity "iresnet100" alone.
    """

    svd_folder: Path
    arcface: Path | None = None
    recogniser: Recogniser = field(default_factory=Recogniser)


@dataclass(frozen=True, kw_only=True)
class FrozenParts:
    """The networks that are used and not trained, in float32, and what SVD's folder says of them.

    A copy of a network under training shares them: they never change.
    """

    source: SvdSource
    codec: KlTemporalCodec
    vae_config: Mapping[str, Any]
    schedule: ScheduleSpec
    recogniser: IResNet | None

    def __deepcopy__(self, memo: dict[int, Any]) -> FrozenParts:
        return self


def grown_conv_in(weight: torch.Tensor, channels_in: int) -> torch.Tensor:
    """Return a first convolution's weight (out, in, k, k) with zero channels added up to ``channels_in``."""
    extra = channels_in - weight.shape[1]
    if extra < 0:
        raise ValueError(f"cannot shrink {weight.shape[1]} input channels to {channels_in}")
    return torch.cat([weight, weight.new_zeros(weight.shape[0], extra, *weight.shape[2:])], dim=1)


def load_unet(svd_folder: Path) -> UNetSpatioTemporalConditionModel:
    """Return SVD's UNet in float32 with SVFR's input channels, ready to train.

    A file that has them already, of SVFR itself, is taken as it is. Raises ModelFileMissing,
    OfficialConfigUnsupported, CheckpointUnreadable, TensorsMissing, TensorsUnexpected, TensorShapesWrong.
    """
    config, path = unet_config(svd_folder), unet_weights(svd_folder)
    with torch.device("meta"):
        unet = build_unet(config)
    expected, found = expected_shapes(unet), safetensors_shapes(path)
    out, _, *kernel = expected[_CONV_IN]
    is_svd = found.get(_CONV_IN) == (out, 2 * config["out_channels"], *kernel)
    if is_svd:
        found = found | {_CONV_IN: expected[_CONV_IN]}
    raise_problems(compare_shapes(path, found, expected))
    weights = {name: tensor.float() for name, tensor in load_file(path).items()}
    weights[_CONV_IN] = grown_conv_in(weights[_CONV_IN], config["in_channels"])
    unet.load_state_dict(weights, assign=True)
    return unet.requires_grad_(True).train()


def load_frozen_parts(source: SvdSource) -> FrozenParts:
    """Return the autoencoder and, where a checkpoint is given, the recogniser.

    Raises as :func:`load_unet` does, and CheckpointHoldsCode.
    """
    folder = source.svd_folder
    config = vae_config(folder)
    with torch.device("meta"):
        vae = build_kl(config)
    load_weights(vae, vae_weights(folder), "cpu", torch.float32)
    codec = KlTemporalCodec(vae).requires_grad_(False).eval()
    recogniser = None if source.arcface is None else _load_recogniser(source.arcface, source.recogniser)
    return FrozenParts(
        source=source, codec=codec, vae_config=config, schedule=schedule(folder), recogniser=recogniser
    )


def _load_recogniser(path: Path, shape: Recogniser) -> IResNet:
    recogniser = IResNet(shape.layers, shape.widths)
    tensors = read_state_dict(path)
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    raise_problems(compare_shapes(path, found, expected_shapes(recogniser)))
    weights = {name: tensor.float() for name, tensor in tensors.items() if not is_counter(name)}
    recogniser.load_state_dict(recogniser.state_dict() | weights)
    return recogniser.requires_grad_(False).eval()
