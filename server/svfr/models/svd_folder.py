"""Stable Video Diffusion XT's folder in diffusers' layout: what import and training read of it.

Its configurations are checked for what SVFR's sampler assumes, and its weight files found under either of
the names they are published with. Nothing here loads a weight. All functions raise ModelFileMissing and
OfficialConfigUnsupported.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from svfr.errors import ModelFileMissing, OfficialConfigUnsupported
from svfr.models.spec import ScheduleSpec
from svfr.validation import read_record

WEIGHT_NAMES = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors")
# Where the folder keeps the configurations as they came, so that export gives the same bytes back.
CONFIG_COPIES = {
    "vae/config.json": "vae_config.json",
    "scheduler/scheduler_config.json": "scheduler_config.json",
    "unet/config.json": "unet_config.json",
}

# Stable Video Diffusion XT's unet/config.json; the 12 input channels are SVFR's.
SVD_XT_UNET: Mapping[str, Any] = {
    "sample_size": 96,
    "in_channels": 12,
    "out_channels": 4,
    "down_block_types": ["CrossAttnDownBlockSpatioTemporal"] * 3 + ["DownBlockSpatioTemporal"],
    "up_block_types": ["UpBlockSpatioTemporal"] + ["CrossAttnUpBlockSpatioTemporal"] * 3,
    "block_out_channels": [320, 640, 1280, 1280],
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 768,
    "layers_per_block": 2,
    "cross_attention_dim": 1024,
    "transformer_layers_per_block": 1,
    "num_attention_heads": [5, 10, 20, 20],
    "num_frames": 25,
}

# What the sampler assumes of scheduler_config.json; the sigma range is read from it.
_SCHEDULER_CLAIMS = {
    "prediction_type": "v_prediction",
    "timestep_type": "continuous",
    "use_karras_sigmas": True,
}
_KARRAS_RHO = 7.0
_REMEDY = "Give the folder of Stable Video Diffusion XT in diffusers' layout."


def unet_config(svd_dir: Path) -> dict[str, Any]:
    """Return the UNet's config with SVFR's 12 input channels; SVD-xt's own where the folder has none."""
    path = svd_dir / "unet" / "config.json"
    config = read_diffusers_config(path) if path.is_file() else dict(SVD_XT_UNET)
    latents = config.get("out_channels", 4)
    if config.get("in_channels") not in (2 * latents, 3 * latents):
        text = f"in_channels is {config.get('in_channels')!r}; SVD has {2 * latents}, SVFR {3 * latents}."
        raise OfficialConfigUnsupported(
            text, path=path, remedy="Use the config of Stable Video Diffusion XT."
        )
    # SVFR adds the reference latent to SVD's noisy and conditioning latents.
    return config | {"in_channels": 3 * latents}


def vae_config(svd_dir: Path) -> dict[str, Any]:
    """Return the autoencoder's config."""
    return read_diffusers_config(svd_dir / "vae" / "config.json")


def vae_weights(svd_dir: Path) -> Path:
    """Return the autoencoder's weight file."""
    return _weights(svd_dir / "vae", "The autoencoder's")


def unet_weights(svd_dir: Path) -> Path:
    """Return the UNet's weight file."""
    return _weights(svd_dir / "unet", "The UNet's")


def _weights(folder: Path, whose: str) -> Path:
    for name in WEIGHT_NAMES:
        if (folder / name).is_file():
            return folder / name
    text = f"{whose} weights are missing; looked for {' and '.join(WEIGHT_NAMES)}."
    raise ModelFileMissing(text, path=folder, remedy=_REMEDY)


def schedule(svd_dir: Path) -> ScheduleSpec:
    """Return the noise levels that the scheduler walks; refuses another kind of scheduler."""
    path = svd_dir / "scheduler" / "scheduler_config.json"
    config = read_diffusers_config(path)
    wrong = [
        f"{key} is {config.get(key)!r} and must be {value!r}"
        for key, value in _SCHEDULER_CLAIMS.items()
        if config.get(key) != value
    ]
    low, high = config.get("sigma_min"), config.get("sigma_max")
    for key, value in (("sigma_min", low), ("sigma_max", high)):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
            wrong.append(f"{key} is {value!r} and must be a positive number")
    if wrong:
        text = f"The scheduler is not the one SVFR samples with: {'; '.join(wrong)}."
        raise OfficialConfigUnsupported(text, path=path, remedy="Use Stable Video Diffusion XT's scheduler.")
    assert low is not None and high is not None
    return ScheduleSpec(float(low), float(high), _KARRAS_RHO)


def read_diffusers_config(path: Path) -> dict[str, Any]:
    """Return a diffusers config without its bookkeeping keys, which start with an underscore."""
    if not path.is_file():
        raise ModelFileMissing("A configuration file is missing.", path=path, remedy=_REMEDY)
    body = read_record(path, OfficialConfigUnsupported, "The configuration", _REMEDY)
    return {key: value for key, value in body.items() if not key.startswith("_")}
