"""The preview network under training: UNet, identity encoder, codec and objective as one module."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from svfr.diffusion.objectives import Objective
from svfr.models.model import Model
from svfr.models.spec import ConvIdentitySpec, DiffusionSpec, Preset, ScheduleSpec
from svfr.nets.conv_identity import ConvIdentity
from svfr.nets.identity import ConvCropIdentity
from svfr.nets.linear_patch import LinearPatchCodec, LinearPatchSpec
from svfr.training.batches import ClipBatch, StepDraws
from svfr.training.losses.noise import relative_errors, sigma_weights
from svfr.training.nets.preview_unet import build_preview_unet, preview_unet_config, spatial_parts_only
from svfr.training.nets.trainable import DenoisingGoal, TrainableNet
from svfr.training.recipe.config import NetworkConfig, Recipe

LICENCE = (
    "Apache-2.0 as far as SVFR Studio is concerned: no third-party weights are in it. The licences of the "
    "pictures it was trained with apply too, and that of the model it began with."
)

# One step from the low-quality latent is what most of the training is spent on. Sampling in four steps from
# noise measures 0.8 dB below it on bfr, with half again the truth's jitter, so that no preset offers it.
_ONE_STEP = Preset(1, 1, initial_noise=0.0, guidance=1.0)
PRESETS: Mapping[str, Preset] = {"draft": _ONE_STEP, "standard": _ONE_STEP, "final": _ONE_STEP}
_RHO = 7.0


class PreviewNet(TrainableNet):
    """Everything that is trained, and the fixed parts it needs.

    ``output_gain`` (C,) is each latent channel's residual spread: luma means need half the range of chroma.
    It is a constant of the run and is folded into the UNet's last layer when the model is written.
    ``started_from`` has the sha256 of each file of the model that the run started from.
    """

    output_gain: torch.Tensor
    codec: LinearPatchCodec
    started_from: Mapping[str, str] | None = None

    def __init__(self, config: NetworkConfig, codec: LinearPatchSpec, output_gain: torch.Tensor) -> None:
        super().__init__()
        self.config = config
        self.crop_px = config.crop_px
        self.codec = LinearPatchCodec(codec)
        self.objective = Objective("residual", config.sigma_data)
        self.unet_config = preview_unet_config(
            latent_channels=self.codec.channels,
            latent_px=config.crop_px // self.codec.factor,
            widths=config.widths,
            token_channels=config.token_channels,
            window=config.window,
            hole_plane=config.hole_plane,
            layers=config.layers,
            attention=config.attention,
        )
        self.unet = build_preview_unet(self.unet_config)
        self.identity = ConvIdentity(config.token_channels)
        self.register_buffer("output_gain", output_gain.view(1, 1, -1, 1, 1))

    def amplified(self, output: torch.Tensor) -> torch.Tensor:
        """Return the output in the range of the residual it predicts."""
        return output * self.output_gain

    def parts_for(self, frames: int) -> AbstractContextManager[None]:
        """Return the context for clips of so many frames: single frames skip the temporal parts."""
        return spatial_parts_only(self.unet) if frames == 1 else nullcontext()

    def reference_pictures(self, batch: ClipBatch, draws: StepDraws) -> torch.Tensor:
        """Return clean frames, or, where drawn, what the network's own first pass makes of damaged ones."""
        own = draws.own_reference.to(batch.reference.device)
        if not own.any():
            return batch.reference
        with torch.no_grad(), self.parts_for(batch.clean.shape[1]):
            z_lq = self.encode(batch.reference_low_quality[own][:, None])
            sigma = torch.full((len(z_lq),), self.config.sigma_max, device=z_lq.device)
            zeros = self.no_reference(len(z_lq))
            denoised = self.denoise(self.pictured(z_lq), z_lq, sigma, batch.tasks[own], *zeros)
            pictures = batch.reference.clone()
            pictures[own] = self.codec.decode(denoised[:, 0])
        return pictures

    def noise_losses(self, denoised: torch.Tensor, goal: DenoisingGoal) -> tuple[torch.Tensor, torch.Tensor]:
        """Return each sample's weighted relative error (B,), and the relative error itself.

        Where inpainting is the only task and the hole is known, almost nothing else counts: known pixels are
        put back.
        """
        channels = self.codec.channels
        z_lq = goal.low_quality
        places = _places_that_count(z_lq[:, :, channels:], goal.tasks) if self.config.hole_plane else None
        pictured = self.pictured(z_lq)
        errors = relative_errors(denoised, goal.clean, pictured, self.codec.std.flatten(), places)
        return sigma_weights(goal.sigma, self.config.sigma_data) * errors, errors.detach()

    def identify(self, pictures: torch.Tensor, landmarks: torch.Tensor | None = None) -> torch.Tensor:
        """Return the tokens (B, L, K) of reference pictures (B, 3, S, S); landmarks are not needed."""
        with self.autocast():
            return self.identity(pictures).float()

    def no_reference(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the zero reference latent and zero tokens of ``count`` samples."""
        side = self.config.crop_px // self.codec.factor
        tokens = (self.config.crop_px // 16) ** 2
        device = self.output_gain.device
        return (
            torch.zeros(count, self.codec.channels, side, side, device=device),
            torch.zeros(count, tokens, self.config.token_channels, device=device),
        )

    def constants(self) -> Mapping[str, Any]:
        """Return the codec's scaling, the output gain, and what the run started from, if from a model."""
        constants = {"codec": self.codec.spec.to_json(), "output_gain": self.output_gain.flatten()}
        return constants | ({"started_from": dict(self.started_from)} if self.started_from else {})

    def folded_unet(self) -> dict[str, torch.Tensor]:
        """Return the UNet's weights such that its output is the residual without a further gain."""
        weights = dict(self.unet.state_dict())
        gain = self.output_gain.flatten()
        weights["conv_out.weight"] = weights["conv_out.weight"] * gain.view(-1, 1, 1, 1)
        weights["conv_out.bias"] = weights["conv_out.bias"] * gain
        return weights

    def spec(self, recipe: Recipe, training: Mapping[str, Any]) -> DiffusionSpec:
        """Return what model.json says of the network, without its files."""
        network = self.config
        convolutions = [layer for layer in self.identity.body if isinstance(layer, nn.Conv2d)]
        widths = tuple(layer.out_channels for layer in convolutions[:-1])
        return DiffusionSpec(
            name=recipe.name,
            preview=True,
            crop_px=network.crop_px,
            hole_fill=network.hole_fill,
            licence=LICENCE,
            window=network.window,
            overlap=network.overlap,
            hole_plane=network.hole_plane,
            latent_channels=self.codec.channels,
            codec=self.codec.spec,
            unet=self.unet_config,
            objective=self.objective,
            schedule=ScheduleSpec(network.sigma_min, network.sigma_max, _RHO),
            identity=ConvIdentitySpec(network.token_channels, widths),
            presets={
                name: replace(preset, largest_crop_px=None if name == "draft" else network.largest_crop_px)
                for name, preset in PRESETS.items()
            },
            training=training,
            attenuation=network.attenuation,
            colour_framing=network.colour_framing,
        )

    def as_model(self, recipe: Recipe) -> Model:
        """Return a copy of the network as the sampler takes it."""
        unet = copy.deepcopy(self.unet)
        unet.load_state_dict(self.folded_unet())
        identity = ConvCropIdentity(copy.deepcopy(self.identity), self.crop_px)
        for part in (unet, identity):
            part.requires_grad_(False).eval()
        return Model(
            spec=self.spec(recipe, {}),
            unet=unet,
            codec=self.codec,
            objective=self.objective,
            identity=identity,
        )


# Known pixels beside the hole keep their pull, so that the fill meets them without a seam.
_KNOWN_WEIGHT = 0.05
_INPAINT_ALONE = (0.0, 0.0, 1.0)


def _places_that_count(hole_share: torch.Tensor, tasks: torch.Tensor) -> torch.Tensor:
    """Return weights (B, F, 1, h, w) of hole shares of that shape: ones for all tasks but inpaint alone."""
    alone = (tasks == tasks.new_tensor(_INPAINT_ALONE)).all(1).view(-1, 1, 1, 1, 1)
    return torch.where(alone, hole_share.clamp(min=_KNOWN_WEIGHT), torch.ones_like(hole_share))
