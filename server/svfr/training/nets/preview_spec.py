"""What model.json says of a preview model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import nn

from svfr.models.spec import CodecSpec, IdentitySpec, ModelSpec, Preset, ScheduleSpec
from svfr.training.recipe.config import TrainConfig

if TYPE_CHECKING:
    from svfr.training.nets.preview_net import PreviewNet

LICENCE = "Apache-2.0. The weights were trained by this project on rendered heads; no third-party weights."

# One step from the low-quality latent is what most of the training is spent on. Sampling in four steps from
# noise measures 0.8 dB below it on bfr, with half again the truth's jitter, so that no preset offers it.
_ONE_STEP = Preset(1, 1, initial_noise=0.0, guidance=1.0)
PRESETS: Mapping[str, Preset] = {"draft": _ONE_STEP, "standard": _ONE_STEP, "final": _ONE_STEP}
_RHO = 7.0


def preview_spec(net: PreviewNet, config: TrainConfig, training: Mapping[str, Any]) -> ModelSpec:
    """Return the description of a preview network, without its files."""
    network = net.config
    codec = {key: value for key, value in net.codec.spec.to_json().items() if key != "kind"}
    convolutions = [layer for layer in net.identity.body if isinstance(layer, nn.Conv2d)]
    widths = tuple(layer.out_channels for layer in convolutions[:-1])
    return ModelSpec(
        name=config.name,
        kind="diffusion",
        preview=True,
        crop_px=network.crop_px,
        hole_fill=network.hole_fill,
        licence=LICENCE,
        window=network.window,
        overlap=network.overlap,
        hole_plane=network.hole_plane,
        latent_channels=net.codec.channels,
        codec=CodecSpec("linear_patch", codec),
        unet=net.unet_config,
        objective=net.objective,
        schedule=ScheduleSpec(network.sigma_min, network.sigma_max, _RHO),
        identity=IdentitySpec("conv", network.token_channels, widths),
        presets=PRESETS,
        training=training,
    )
