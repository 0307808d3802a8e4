"""The official SVFR weights into a model folder, and back out under their official names.

What the authors publish: ``unet.pth``, ``id_linear.pth`` and ``insightface_glint360k.pth`` in one folder,
and Stable Video Diffusion XT's ``vae`` and ``scheduler`` (and, optionally, ``unet/config.json``) in another.
Nothing is downloaded here, nothing is loaded as code, and every key and shape is checked before anything is
written. Numbers are kept in the type they came in, so that export gives every bit back.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from svfr.arcface import IRESNET100_LAYERS, IRESNET_WIDTHS
from svfr.checkpoints import read_state_dict
from svfr.errors import LicenceNotAccepted, ModelFileMissing, OfficialConfigUnsupported
from svfr.model_folder import check_files, read_spec, write_folder
from svfr.model_spec import CodecSpec, IdentitySpec, ModelSpec, Preset, ScheduleSpec
from svfr.networks import ARCFACE_FILE, ID_PROJECTION_FILE, UNET_FILE, VAE_FILE, empty_networks
from svfr.new_folder import new_folder
from svfr.objectives import Objective
from svfr.schedule import AYS_SVD_SIGMAS
from svfr.tensor_files import check_safetensors, compare_shapes, expected_shapes
from svfr_client.errors import SvfrError, raise_problems

LICENCE = (
    "SVFR weights: for non-commercial research purposes only (README of wangzhiyaoo/SVFR). They build on "
    "Stable Video Diffusion XT, under Stability AI's licence for it, and on ArcFace weights of insightface, "
    "for non-commercial research purposes only. Accepting means that your use keeps all three."
)

CHECKPOINTS = {
    "unet.pth": UNET_FILE,
    "id_linear.pth": ID_PROJECTION_FILE,
    "insightface_glint360k.pth": ARCFACE_FILE,
}
VAE_WEIGHTS = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors")
# Where the folder keeps the configurations as they came, so that export gives the same bytes back.
CONFIG_COPIES = {
    "vae/config.json": "vae_config.json",
    "scheduler/scheduler_config.json": "scheduler_config.json",
    "unet/config.json": "unet_config.json",
}

# The official sampler (SVFR infer.py and config/infer.yaml): clips of 16 frames at 512 px, overlap 3,
# guidance 2, 50 steps for the reference pass and 30 for the second.
_WINDOW, _OVERLAP, _CROP_PX, _GUIDANCE = 16, 3, 512, 2.0
_AYS_STEPS = len(AYS_SVD_SIGMAS)
PRESETS = {
    "draft": Preset(_AYS_STEPS, _AYS_STEPS, 1.0, _GUIDANCE, AYS_SVD_SIGMAS),
    "standard": Preset(30, 30, 1.0, _GUIDANCE),
    "final": Preset(50, 30, 1.0, _GUIDANCE),
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


@dataclass(frozen=True)
class Recogniser:
    """The shape of the ArcFace network that ``insightface_glint360k.pth`` must have."""

    layers: tuple[int, ...] = IRESNET100_LAYERS
    widths: tuple[int, ...] = IRESNET_WIDTHS


def import_official(
    svd_dir: Path,
    svfr_dir: Path,
    out: Path,
    accept_licence: Callable[[str], bool],
    recogniser: Recogniser = Recogniser(),
) -> ModelSpec:
    """Convert the official files to a model folder ``out``, which must not exist yet.

    ``accept_licence`` is shown the licence text and says whether the user accepts it. All problems of all
    files are raised together; on any, nothing is written. Raises LicenceNotAccepted, FolderExists,
    ModelFileMissing, OfficialConfigUnsupported, ModelSpecInvalid, CheckpointHoldsCode, CheckpointUnreadable,
    TensorsMissing, TensorsUnexpected, TensorShapesWrong.
    """
    if not accept_licence(LICENCE):
        raise LicenceNotAccepted(
            "The licence of the official weights was not accepted; nothing was imported.",
            remedy="Read it and accept it, or use the embedded preview model.",
        )
    spec = _describe(svd_dir, out.name, recogniser)
    vae_path = _vae_weights(svd_dir)
    networks = empty_networks(spec).by_file()
    problems = check_safetensors(vae_path, networks[VAE_FILE])
    tensors: dict[str, dict[str, torch.Tensor]] = {}
    for official, name in CHECKPOINTS.items():
        path = svfr_dir / official
        try:
            tensors[name] = read_state_dict(path)
        except SvfrError as problem:
            problems.append(problem)
            continue
        found = {key: tuple(tensor.shape) for key, tensor in tensors[name].items()}
        problems += compare_shapes(path, found, expected_shapes(networks[name]))
    raise_problems(problems)
    configs = {copy: svd_dir / official for official, copy in CONFIG_COPIES.items()}
    copies = {VAE_FILE: vae_path} | {copy: path for copy, path in configs.items() if path.is_file()}
    return write_folder(out, spec, tensors, copies)


def _describe(svd_dir: Path, name: str, recogniser: Recogniser) -> ModelSpec:
    """Return the spec that the configurations beside the weights call for, without files."""
    unet, vae = _unet_config(svd_dir), _vae_config(svd_dir)
    spec = ModelSpec(
        name=name,
        kind="diffusion",
        preview=False,
        crop_px=_CROP_PX,
        hole_fill="white",
        licence=LICENCE,
        window=_WINDOW,
        overlap=_OVERLAP,
        latent_channels=unet.get("out_channels", 4),
        codec=CodecSpec("kl_temporal", vae),
        unet=unet,
        objective=Objective("v", 1.0),
        schedule=_schedule(svd_dir),
        identity=IdentitySpec(
            "iresnet100", unet.get("cross_attention_dim", 1024), recogniser.widths, recogniser.layers
        ),
        presets=PRESETS,
        training={"origin": "official SVFR weights (wangzhiyaoo/SVFR), converted without change"},
    )
    # Reading it back checks that the configurations agree with each other.
    return ModelSpec.from_json(spec.to_json(), svd_dir)


def _unet_config(svd_dir: Path) -> dict[str, Any]:
    path = svd_dir / "unet" / "config.json"
    config = _read_config(path) if path.is_file() else dict(SVD_XT_UNET)
    latents = config.get("out_channels", 4)
    if config.get("in_channels") not in (2 * latents, 3 * latents):
        text = f"in_channels is {config.get('in_channels')!r}; SVD has {2 * latents}, SVFR {3 * latents}."
        raise OfficialConfigUnsupported(
            text, path=path, remedy="Use the config of Stable Video Diffusion XT."
        )
    # SVFR adds the reference latent to SVD's noisy and conditioning latents.
    return config | {"in_channels": 3 * latents}


def _vae_config(svd_dir: Path) -> dict[str, Any]:
    return _read_config(svd_dir / "vae" / "config.json")


def _vae_weights(svd_dir: Path) -> Path:
    for name in VAE_WEIGHTS:
        if (svd_dir / "vae" / name).is_file():
            return svd_dir / "vae" / name
    text = f"The autoencoder's weights are missing; looked for {' and '.join(VAE_WEIGHTS)}."
    remedy = "Give the folder of Stable Video Diffusion XT in diffusers' layout."
    raise ModelFileMissing(text, path=svd_dir / "vae", remedy=remedy)


def _schedule(svd_dir: Path) -> ScheduleSpec:
    path = svd_dir / "scheduler" / "scheduler_config.json"
    config = _read_config(path)
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


def _read_config(path: Path) -> dict[str, Any]:
    """Return a diffusers config without its bookkeeping keys, which start with an underscore."""
    remedy = "Give the folder of Stable Video Diffusion XT in diffusers' layout."
    if not path.is_file():
        raise ModelFileMissing("A configuration file is missing.", path=path, remedy=remedy)
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        text = f"The configuration is not JSON: {error}."
        raise OfficialConfigUnsupported(text, path=path, remedy=remedy) from error
    if not isinstance(body, dict):
        raise OfficialConfigUnsupported("The configuration is no JSON object.", path=path, remedy=remedy)
    return {key: value for key, value in body.items() if not key.startswith("_")}


def export_official(folder: Path, out: Path) -> tuple[Path, ...]:
    """Write a folder made by :func:`import_official` back as ``out/svd`` and ``out/svfr``, bit for bit.

    Returns the written files. Checks every hash first; raises what that finds, FolderExists, and
    OfficialConfigUnsupported for a model that is not of the official architecture.
    """
    spec = read_spec(folder)
    needed = [*CHECKPOINTS.values(), VAE_FILE, "vae_config.json", "scheduler_config.json"]
    absent = [name for name in needed if name not in spec.files]
    if absent:
        text = f"The model {spec.name!r} was not imported from the official weights: no {', '.join(absent)}."
        raise OfficialConfigUnsupported(text, path=folder, remedy="Only imported weights can be exported.")
    raise_problems(check_files(folder, spec))
    copies = {official: name for official, name in CONFIG_COPIES.items() if name in spec.files}
    copies[f"vae/{VAE_WEIGHTS[0]}"] = VAE_FILE
    with new_folder(out) as draft:
        for official, name in copies.items():
            target = draft / "svd" / official
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name, target)
        (draft / "svfr").mkdir()
        for official, name in CHECKPOINTS.items():
            torch.save(load_file(folder / name), draft / "svfr" / official)
    return tuple(sorted(path for path in out.rglob("*") if path.is_file()))
