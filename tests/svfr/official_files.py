"""The official files' layout with small random weights, as the import tests find them on disk."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from svfr.models.convert import Recogniser, import_official
from svfr.models.spec import DiffusionSpec
from svfr.nets.arcface import IResNet
from svfr.nets.identity import IdProjection
from svfr.nets.kl_temporal import build_kl
from svfr.nets.unet import build_unet

RECOGNISER = Recogniser(layers=(1, 2, 1, 1), widths=(4, 4, 8, 16))

UNET: dict[str, Any] = {
    "sample_size": 8,
    "in_channels": 12,
    "out_channels": 4,
    "down_block_types": ["CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"],
    "up_block_types": ["UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"],
    "block_out_channels": [32, 64],
    "addition_time_embed_dim": 32,
    "projection_class_embeddings_input_dim": 96,
    "layers_per_block": 1,
    "cross_attention_dim": 64,
    "transformer_layers_per_block": 1,
    "num_attention_heads": [2, 2],
    "num_frames": 4,
}
VAE: dict[str, Any] = {
    "in_channels": 3,
    "out_channels": 3,
    "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D"],
    "block_out_channels": [32, 32],
    "layers_per_block": 1,
    "latent_channels": 4,
    "sample_size": 64,
    "scaling_factor": 0.18215,
    "force_upcast": True,
}
SCHEDULER: dict[str, Any] = {
    "_class_name": "EulerDiscreteScheduler",
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "sigma_max": 700.0,
    "sigma_min": 0.002,
    "timestep_type": "continuous",
    "use_karras_sigmas": True,
}


@dataclass(frozen=True)
class OfficialFiles:
    """Where the files lie, and the networks they were saved from."""

    svd: Path
    svfr: Path
    unet: nn.Module
    vae: nn.Module
    recogniser: nn.Module
    projection: nn.Module


def write_official_files(folder: Path, unet_in_channels: int = 8) -> OfficialFiles:
    """Write all files the authors publish; unet/config.json is SVD's, which has 8 input channels."""
    files = OfficialFiles(
        svd=folder / "svd",
        svfr=folder / "svfr",
        unet=build_unet(UNET),
        vae=build_kl(VAE),
        recogniser=IResNet(RECOGNISER.layers, RECOGNISER.widths).eval(),
        projection=IdProjection(RECOGNISER.widths[-1], 64).eval(),
    )
    for part in ("vae", "unet", "scheduler"):
        (files.svd / part).mkdir(parents=True)
    files.svfr.mkdir()
    write_json(files.svd / "vae" / "config.json", VAE)
    write_json(files.svd / "unet" / "config.json", UNET | {"in_channels": unet_in_channels, "_name": "x"})
    write_json(files.svd / "scheduler" / "scheduler_config.json", SCHEDULER)
    save_file(files.vae.state_dict(), files.svd / "vae" / "diffusion_pytorch_model.safetensors")
    # One checkpoint in half precision: types must survive the way in and out.
    torch.save({k: t.half() for k, t in files.unet.state_dict().items()}, files.svfr / "unet.pth")
    torch.save(files.recogniser.state_dict(), files.svfr / "insightface_glint360k.pth")
    torch.save(files.projection.state_dict(), files.svfr / "id_linear.pth")
    return files


def write_json(path: Path, body: dict[str, Any]) -> None:
    """Write a configuration as diffusers does."""
    path.write_text(json.dumps(body, indent=2), encoding="utf-8")


def import_to(files: OfficialFiles, out: Path, fast_draft: bool = False) -> DiffusionSpec:
    """Import with the licence accepted."""
    return import_official(files.svd, files.svfr, out, lambda text: True, RECOGNISER, fast_draft=fast_draft)
