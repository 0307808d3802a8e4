"""The official SVFR weights into a model folder, and back out under their official names.

What the authors publish: ``unet.pth``, ``id_linear.pth`` and ``insightface_glint360k.pth`` in one folder,
and Stable Video Diffusion XT's ``vae`` and ``scheduler`` (and, optionally, ``unet/config.json``) in another.
Nothing is downloaded here, nothing is loaded as code, and every key and shape is checked before anything is
written. Numbers are kept in the type they came in, so that export gives every bit back.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from svfr.diffusion.objectives import Objective
from svfr.diffusion.schedule import AYS_SVD_SIGMAS
from svfr.errors import LicenceNotAccepted, OfficialConfigUnsupported
from svfr.models.checkpoints import read_state_dict
from svfr.models.folder import check_files, read_spec, write_folder
from svfr.models.networks import ARCFACE_FILE, ID_PROJECTION_FILE, UNET_FILE, VAE_FILE, empty_networks
from svfr.models.new_folder import new_folder
from svfr.models.spec import ArcFaceSpec, DiffusionSpec, KlTemporalSpec, Preset, spec_from_json
from svfr.models.svd_folder import (
    CONFIG_COPIES,
    WEIGHT_NAMES,
    schedule,
    unet_config,
    vae_config,
    vae_weights,
)
from svfr.models.tensor_files import check_safetensors, compare_shapes, expected_shapes
from svfr.nets.arcface import IRESNET100_LAYERS, IRESNET_WIDTHS
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

# The official sampler (SVFR infer.py and config/infer.yaml): clips of 16 frames at 512 px, overlap 3,
# guidance 2, 50 steps for the reference pass and 30 for the second.
_WINDOW, _OVERLAP, _CROP_PX, _GUIDANCE = 16, 3, 512, 2.0
# The published code evaluates a first pass of as few frames as a clip has; half a window is well inside that.
_SHORTEST_WINDOW = 8
_AYS_STEPS = len(AYS_SVD_SIGMAS)


def _preset(reference_steps: int, steps: int, **more: Any) -> Preset:
    return Preset(reference_steps, steps, initial_noise=1.0, guidance=_GUIDANCE, **more)


PRESETS = {
    "draft": _preset(_AYS_STEPS, _AYS_STEPS, sigmas=AYS_SVD_SIGMAS),
    "standard": _preset(30, 30),
    "final": _preset(50, 30),
}
# Experimental: without the level of 700, where the low-quality latents decide everything, and with the
# unconditional branch and the lower levels of the UNet in every second step.
FAST_DRAFT = _preset(
    _AYS_STEPS - 1, _AYS_STEPS - 1, sigmas=AYS_SVD_SIGMAS[1:], guidance_every=2, deep_every=2
)


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
    *,
    fast_draft: bool = False,
) -> DiffusionSpec:
    """Convert the official files to a model folder ``out``, which must not exist yet.

    ``fast_draft``: its preset "draft" is :data:`FAST_DRAFT`, which no true weights have judged yet.
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
    if fast_draft:
        spec = replace(spec, presets={**spec.presets, "draft": FAST_DRAFT})
    vae_path = vae_weights(svd_dir)
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


def _describe(svd_dir: Path, name: str, recogniser: Recogniser) -> DiffusionSpec:
    """Return the spec that the configurations beside the weights call for, without files."""
    unet, vae = unet_config(svd_dir), vae_config(svd_dir)
    spec = DiffusionSpec(
        name=name,
        preview=False,
        crop_px=_CROP_PX,
        hole_fill="white",
        licence=LICENCE,
        window=_WINDOW,
        overlap=_OVERLAP,
        shortest_window=_SHORTEST_WINDOW,
        latent_channels=unet.get("out_channels", 4),
        codec=KlTemporalSpec(vae),
        unet=unet,
        objective=Objective("v", 1.0),
        schedule=schedule(svd_dir),
        identity=ArcFaceSpec(unet.get("cross_attention_dim", 1024), recogniser.widths, recogniser.layers),
        presets=PRESETS,
        training={"origin": "official SVFR weights (wangzhiyaoo/SVFR), converted without change"},
    )
    spec_from_json(spec.to_json(), svd_dir)  # checks that the configurations agree with each other
    return spec


def export_official(folder: Path, out: Path) -> tuple[Path, ...]:
    """Write a folder made by :func:`import_official` back as ``out/svd`` and ``out/svfr``, bit for bit.

    Returns the written files. Checks every hash first; raises what that finds, FolderExists, and
    OfficialConfigUnsupported for a model that is not of the official architecture.
    """
    spec = read_spec(folder)
    files = spec.files if isinstance(spec, DiffusionSpec) else {}
    needed = [*CHECKPOINTS.values(), VAE_FILE, "vae_config.json", "scheduler_config.json"]
    absent = [name for name in needed if name not in files]
    if absent or not isinstance(spec, DiffusionSpec):
        text = f"The model {spec.name!r} was not imported from the official weights: no {', '.join(absent)}."
        raise OfficialConfigUnsupported(text, path=folder, remedy="Only imported weights can be exported.")
    raise_problems(check_files(folder, spec))
    copies = {official: name for official, name in CONFIG_COPIES.items() if name in files}
    copies[f"vae/{WEIGHT_NAMES[0]}"] = VAE_FILE
    with new_folder(out) as draft:
        for official, name in copies.items():
            (draft / "svd" / official).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name, draft / "svd" / official)
        (draft / "svfr").mkdir()
        for official, name in CHECKPOINTS.items():
            torch.save(load_file(folder / name), draft / "svfr" / official)
    return tuple(sorted(path for path in out.rglob("*") if path.is_file()))
