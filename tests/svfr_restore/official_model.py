"""The description of the published model at its true size, for what can be counted without its weights."""

from __future__ import annotations

from svfr.diffusion.objectives import Objective
from svfr.models.spec import ArcFaceSpec, DiffusionSpec, KlTemporalSpec, Preset, ScheduleSpec
from svfr.models.svd_folder import SVD_XT_UNET


def official(window: int) -> DiffusionSpec:
    """The published UNet and autoencoder."""
    autoencoder = {
        "block_out_channels": [128, 256, 512, 512],
        "down_block_types": ["DownEncoderBlock2D"] * 4,
        "latent_channels": 4,
        "layers_per_block": 2,
    }
    return DiffusionSpec(
        name="official",
        preview=False,
        crop_px=512,
        hole_fill="white",
        licence="none",
        window=window,
        overlap=3,
        latent_channels=4,
        codec=KlTemporalSpec(autoencoder),
        unet={**SVD_XT_UNET, "num_frames": window},
        objective=Objective("v", 1.0),
        schedule=ScheduleSpec(0.002, 700.0, 7.0),
        identity=ArcFaceSpec(1024, (64, 128, 256, 512), (3, 13, 30, 3)),
        presets={"final": Preset(50, 30, initial_noise=1.0, guidance=2.0)},
    )
