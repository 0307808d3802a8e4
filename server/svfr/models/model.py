"""A loaded model: the networks of a model folder, checked and ready to sample with."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from diffusers.models.unets.unet_spatio_temporal_condition import UNetSpatioTemporalConditionModel

from svfr.compiled.networks import ChosenPackages, CompiledNetworks
from svfr.devices import require_device
from svfr.diffusion.objectives import Objective
from svfr.models.folder import check_files, read_networks
from svfr.models.networks import UNET_FILE, Networks
from svfr.models.spec import ArcFaceSpec, DiffusionSpec, KlTemporalSpec
from svfr.models.tensor_files import load_weights
from svfr.nets.colour_net import ColourNet
from svfr.nets.detail_net import DetailNet
from svfr.nets.device_memory import usable_bytes
from svfr.nets.hole_net import HoleNet
from svfr.nets.identity import ArcFaceIdentity, ConvCropIdentity, IdentityEncoder, NoIdentity
from svfr.nets.kl_temporal import KlTemporalCodec
from svfr.nets.linear_patch import LinearPatchCodec
from svfr.nets.unet import FastUNet
from svfr.precision import STRICT, Precision, apply_switches, device_name, precision_for
from svfr_client.errors import raise_problems

Codec = LinearPatchCodec | KlTemporalCodec


@dataclass(frozen=True, kw_only=True)
class Model:
    """One model in memory.

    UNet and picture decoder have the types of ``precision``; the encoders are float32. All are frozen and in
    ``eval`` mode. ``copies`` are the UNet again on further devices, which share a shot's windows with it.
    Each evaluates up to ``at_once`` branches of windows in one go: ``batch``, or what the memory holds.
    ``compiled`` is what there is of its networks compiled; only what is ``chosen`` of it is run.
    """

    spec: DiffusionSpec
    unet: UNetSpatioTemporalConditionModel
    codec: Codec
    objective: Objective
    identity: IdentityEncoder
    detail: DetailNet | None = None
    colour: ColourNet | None = None
    hole: HoleNet | None = None
    precision: Precision = STRICT
    copies: tuple[UNetSpatioTemporalConditionModel, ...] = ()
    batch: int = 1
    at_once: int = 1
    compiled: CompiledNetworks | None = None
    chosen: ChosenPackages | None = None

    @property
    def unets(self) -> tuple[UNetSpatioTemporalConditionModel, ...]:
        """The UNet on every device that computes windows."""
        return (self.unet, *self.copies)

    def with_crop_px(self, crop_px: int) -> Model:
        """Return the same networks for crops of another side; see :meth:`DiffusionSpec.crop_sizes`."""
        if crop_px == self.spec.crop_px:
            return self
        identity = self.identity
        if isinstance(identity, ConvCropIdentity):
            identity = ConvCropIdentity(identity.network, crop_px)
        return replace(self, spec=replace(self.spec, crop_px=crop_px), identity=identity)

    def using(self, chosen: ChosenPackages | None) -> Model:
        """Return the same model with compiled networks for the calls that there are some for."""
        if chosen is None or self.chosen is not None:
            return self
        codec = self.codec
        if isinstance(codec, KlTemporalCodec):
            codec = cast(Any, _CompiledCodec(codec, chosen))
        return replace(self, chosen=chosen, codec=codec)

    @property
    def computes_on(self) -> str:
        """What its numbers depend on beside its weights: the device's name and the precision's recipe."""
        together = f"; up to {self.batch} branches at once" if self.batch > 1 else ""
        return f"{device_name(FastUNet(self.unet).device)}; {self.precision.recipe}{together}"


class _CompiledCodec:
    """A codec that decodes with what is compiled of it."""

    def __init__(self, codec: KlTemporalCodec, chosen: ChosenPackages) -> None:
        self._codec, self._chosen = codec, chosen

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Decode as the codec itself does, up to rounding."""
        return self._codec.decode(latents, self._chosen)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codec, name)


def load_model(
    folder: Path,
    device: str | torch.device = "cpu",
    precision: Precision | None = None,
    *,
    further_devices: Sequence[str] = (),
    usable_bytes: Callable[[torch.device], int | None] = usable_bytes,
) -> Model:
    """Load a model folder after checking every file's hash and every tensor's name and shape.

    ``precision`` None is the folder's or the device's own. torch's switches are set to it for the whole
    process. The UNet is also put on ``further_devices``, of the same kind, and a shot's windows are spread
    over all of them. ``usable_bytes`` says what decoding a window may take of a device.

    Raises DeviceUnavailable, ModelMissing, ModelSpecInvalid, ModelHasNoNetwork for the built-in models
    without weights, and, together where there are several, ModelFileMissing, ModelFileCorrupted,
    TensorsMissing, TensorsUnexpected, TensorShapesWrong.
    """
    for one in (device, *further_devices):
        require_device(one)
    spec, networks = read_networks(folder)
    precision = precision or precision_for(device, of_model=spec.precision)
    apply_switches(precision)
    raise_problems(check_files(folder, spec))
    for name, network in networks.by_file().items():
        load_weights(network, folder / name, device, precision.unet if name == UNET_FILE else torch.float32)
    codec = _codec(spec, networks, precision, usable_bytes).to(device).eval().requires_grad_(False)
    identity = _identity(spec, networks).to(device).eval().requires_grad_(False)
    for optional in (networks.detail, networks.colour, networks.hole):
        if optional is not None:
            optional.to(device).eval().requires_grad_(False)
    copies = tuple(_copied(networks.unet, other) for other in further_devices)
    return Model(
        spec=spec,
        unet=networks.unet,
        codec=codec,
        objective=spec.objective,
        identity=identity,
        detail=networks.detail,
        colour=networks.colour,
        hole=networks.hole,
        precision=precision,
        copies=copies,
    )


def _copied(unet: UNetSpatioTemporalConditionModel, device: str) -> UNetSpatioTemporalConditionModel:
    copied = copy.deepcopy(unet)
    return torch.nn.Module.to(copied, device)


def _codec(
    spec: DiffusionSpec,
    networks: Networks,
    precision: Precision,
    usable_bytes: Callable[[torch.device], int | None],
) -> Codec:
    if isinstance(spec.codec, KlTemporalSpec):
        assert networks.vae is not None
        return KlTemporalCodec(networks.vae, precision.decode, usable_bytes)
    return LinearPatchCodec(spec.codec)


def _identity(spec: DiffusionSpec, networks: Networks) -> IdentityEncoder:
    if isinstance(spec.identity, ArcFaceSpec):
        assert networks.recogniser is not None and networks.id_projection is not None
        return ArcFaceIdentity(networks.recogniser, networks.id_projection, spec.identity.id_crop)
    if networks.conv_identity is not None:
        return ConvCropIdentity(networks.conv_identity, spec.crop_px)
    return NoIdentity(spec.identity.channels)
