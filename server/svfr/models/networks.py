"""The networks a model description calls for, built without weights.

They are built on torch's meta device: no memory, no random initialisation, and still every key and shape,
which is all that checking needs; loading then assigns the weights.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from diffusers.models.autoencoders.autoencoder_kl_temporal_decoder import AutoencoderKLTemporalDecoder
from diffusers.models.unets.unet_spatio_temporal_condition import UNetSpatioTemporalConditionModel
from torch import nn

from svfr.errors import ModelSpecInvalid
from svfr.models.spec import ArcFaceSpec, ConvIdentitySpec, DiffusionSpec, KlTemporalSpec
from svfr.nets.arcface import IResNet
from svfr.nets.colour_net import ColourNet
from svfr.nets.conv_identity import ConvIdentity
from svfr.nets.detail_net import DetailNet
from svfr.nets.hole_net import HoleNet
from svfr.nets.identity import IdProjection
from svfr.nets.kl_temporal import build_kl
from svfr.nets.unet import build_unet
from svfr_client.reasons import in_one_line

UNET_FILE = "unet.safetensors"
VAE_FILE = "vae.safetensors"
ARCFACE_FILE = "arcface.safetensors"
ID_PROJECTION_FILE = "id_linear.safetensors"
CONV_IDENTITY_FILE = "identity.safetensors"
DETAIL_FILE = "detail.safetensors"
COLOUR_FILE = "colour.safetensors"
HOLE_FILE = "hole.safetensors"
# The networks that a model may have beside its base, by their entries in model.json.
BESIDE_FILES = {"detail": DETAIL_FILE, "colour": COLOUR_FILE, "hole": HOLE_FILE}

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True, kw_only=True)
class Networks:
    """The networks of one diffusion model; None for those that its kind does not have."""

    unet: UNetSpatioTemporalConditionModel
    vae: AutoencoderKLTemporalDecoder | None = None
    recogniser: IResNet | None = None
    id_projection: IdProjection | None = None
    conv_identity: ConvIdentity | None = None
    detail: DetailNet | None = None
    colour: ColourNet | None = None
    hole: HoleNet | None = None

    def by_file(self) -> dict[str, nn.Module]:
        """Return the networks there are, under the names of their weight files."""
        named = {
            UNET_FILE: self.unet,
            VAE_FILE: self.vae,
            ARCFACE_FILE: self.recogniser,
            ID_PROJECTION_FILE: self.id_projection,
            CONV_IDENTITY_FILE: self.conv_identity,
            DETAIL_FILE: self.detail,
            COLOUR_FILE: self.colour,
            HOLE_FILE: self.hole,
        }
        return {name: network for name, network in named.items() if network is not None}


def empty_networks(spec: DiffusionSpec) -> Networks:
    """Return the networks of a diffusion model's spec, on the meta device.

    Raises ModelSpecInvalid when a configuration describes no network.
    """
    _check_keys(UNetSpatioTemporalConditionModel, "unet", spec.unet)
    unet = _built(build_unet, "unet", spec.unet)
    vae = recogniser = projection = conv = detail = colour = hole = None
    if isinstance(spec.codec, KlTemporalSpec):
        _check_keys(AutoencoderKLTemporalDecoder, "codec.config", spec.codec.config)
        vae = _built(build_kl, "codec.config", spec.codec.config)
    identity = spec.identity
    with torch.device("meta"):
        if isinstance(identity, ArcFaceSpec):
            recogniser = IResNet(identity.layers, identity.widths)
            projection = IdProjection(identity.widths[-1], identity.channels)
        elif isinstance(identity, ConvIdentitySpec):
            conv = ConvIdentity(identity.channels, identity.widths)
        if spec.detail is not None:
            detail = DetailNet(spec.detail.sizes)
        if spec.colour is not None:
            colour = ColourNet(spec.colour.sizes)
        if spec.hole is not None:
            hole = HoleNet(spec.hole.sizes)
    return Networks(
        unet=unet,
        vae=vae,
        recogniser=recogniser,
        id_projection=projection,
        conv_identity=conv,
        detail=detail,
        colour=colour,
        hole=hole,
    )


def _check_keys(network: type[nn.Module], where: str, config: Mapping[str, Any]) -> None:
    known = inspect.signature(network.__init__).parameters
    unknown = [f"unknown key {where}.{name}" for name in config if name not in known]
    if unknown:
        raise ModelSpecInvalid(unknown)


def _built(build: Callable[[Mapping[str, Any]], Network], where: str, config: Mapping[str, Any]) -> Network:
    try:
        with torch.device("meta"):
            return build(config)
    # Whatever diffusers stumbles over in a hand-edited configuration, it is the configuration that is wrong.
    except Exception as error:
        raise ModelSpecInvalid([f"{where} describes no network: {in_one_line(error)}"]) from error
