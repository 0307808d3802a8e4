"""A loaded model: the networks of a model folder, checked and ready to sample with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers.models.unets.unet_spatio_temporal_condition import UNetSpatioTemporalConditionModel

from svfr.diffusion.objectives import Objective
from svfr.models.folder import check_files, read_networks
from svfr.models.networks import UNET_FILE, Networks
from svfr.models.spec import ArcFaceSpec, DiffusionSpec, KlTemporalSpec
from svfr.models.tensor_files import load_weights
from svfr.nets.detail_net import DetailNet
from svfr.nets.identity import ArcFaceIdentity, ConvCropIdentity, IdentityEncoder, NoIdentity
from svfr.nets.kl_temporal import KlTemporalCodec
from svfr.nets.linear_patch import LinearPatchCodec
from svfr_client.errors import raise_problems

Codec = LinearPatchCodec | KlTemporalCodec


@dataclass(frozen=True)
class Model:
    """One model in memory.

    ``unet`` has the type it was asked for; codec and identity encoder are float32, in which their results
    are stable. All are frozen and in ``eval`` mode.
    """

    spec: DiffusionSpec
    unet: UNetSpatioTemporalConditionModel
    codec: Codec
    objective: Objective
    identity: IdentityEncoder
    detail: DetailNet | None = None


def load_model(folder: Path, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32) -> Model:
    """Load a model folder after checking every file's hash and every tensor's name and shape.

    Raises ModelMissing, ModelSpecInvalid, ModelHasNoNetwork for the built-in models without weights, and,
    together where there are several, ModelFileMissing, ModelFileCorrupted, TensorsMissing,
    TensorsUnexpected, TensorShapesWrong.
    """
    spec, networks = read_networks(folder)
    raise_problems(check_files(folder, spec))
    for name, network in networks.by_file().items():
        load_weights(network, folder / name, device, dtype if name == UNET_FILE else torch.float32)
    codec = _codec(spec, networks).to(device).eval().requires_grad_(False)
    identity = _identity(spec, networks).to(device).eval().requires_grad_(False)
    detail = None if networks.detail is None else networks.detail.to(device).eval().requires_grad_(False)
    return Model(spec, networks.unet, codec, spec.objective, identity, detail)


def _codec(spec: DiffusionSpec, networks: Networks) -> Codec:
    if isinstance(spec.codec, KlTemporalSpec):
        assert networks.vae is not None
        return KlTemporalCodec(networks.vae)
    return LinearPatchCodec(spec.codec)


def _identity(spec: DiffusionSpec, networks: Networks) -> IdentityEncoder:
    if isinstance(spec.identity, ArcFaceSpec):
        assert networks.recogniser is not None and networks.id_projection is not None
        return ArcFaceIdentity(networks.recogniser, networks.id_projection, spec.identity.id_crop)
    if networks.conv_identity is not None:
        return ConvCropIdentity(networks.conv_identity, spec.crop_px)
    return NoIdentity(spec.identity.channels)
