"""Sends weights of the official shapes through import, check, restore and export on the CPU, and times each.

    python -m benchmarks.sampling.true_size --work DIR [--frames 1 3] [--steps 2] [--shortest 8]

The weights are seeded random numbers, the checkpoint of the UNet in float16 as published; they say nothing of
quality. Every stage is a process of its own, so that its peak memory is its own. The presets of the imported
folder get ``--steps`` steps in both passes, and windows at the ends of a shot ``--shortest`` frames: a
one-frame shot is one window of so many. Needs about 12 GB of memory and 14 GB in the folder, which is emptied
again; the exit status is 1 when the exported files are not bit for bit the first ones.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import OpenImageIO as oiio  # noqa: N813 (its own documentation calls it so)
import torch
from safetensors.torch import save_file

from benchmarks.network_sizes import TINY_UNET, TINY_VAE, VAE
from benchmarks.sampling.memory_cards import official
from svfr.models.convert import Recogniser
from svfr.models.folder import read_diffusion_spec
from svfr.models.networks import ARCFACE_FILE, ID_PROJECTION_FILE, UNET_FILE, VAE_FILE, empty_networks
from svfr.models.spec import ArcFaceSpec, KlTemporalSpec, Preset
from svfr.models.svd_folder import SVD_XT_UNET
from svfr_client.files import write_whole

NAME, FIRST, SIDE = "true-size", 1001, 768
CHECKPOINTS = {
    UNET_FILE: "unet.pth",
    ID_PROJECTION_FILE: "id_linear.pth",
    ARCFACE_FILE: "insightface_glint360k.pth",
}
SCHEDULER = {
    "prediction_type": "v_prediction",
    "sigma_max": 700.0,
    "sigma_min": 0.002,
    "timestep_type": "continuous",
    "use_karras_sigmas": True,
}
RESTORE = """
import json, sys
from svfr_client.job import Box, FaceChoice
from svfr_restore import restore
plate, output, frames, model = sys.argv[1:]
result = restore(plate, output, tasks=["bfr"], frames=frames, model=model, preset="draft", space="ACEScg",
                 faces=FaceChoice("box", boxes=(Box(128.0, 128.0, 512.0, 512.0),)))
print(json.dumps(dict(result.counts)))
"""


class Stage(NamedTuple):
    """What one process took: wall and processor seconds, and the most memory that it had."""

    name: str
    seconds: float
    processor_seconds: float
    peak_bytes: int


def measured(name: str, command: Iterable[str], environment: Mapping[str, str]) -> Stage:
    """Run a process to its end and return what it took; raises CalledProcessError for one that fails."""
    began = time.perf_counter()
    words = list(command)
    process = subprocess.Popen(words, env=dict(environment))
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, words)
    stage = Stage(
        name=name,
        seconds=time.perf_counter() - began,
        processor_seconds=usage.ru_utime + usage.ru_stime,
        peak_bytes=usage.ru_maxrss * 1024,
    )
    print(line(stage), flush=True)
    return stage


def line(stage: Stage) -> str:
    """Return a stage as a row of the table."""
    took = f"{stage.seconds:.0f} | {stage.processor_seconds:.0f}"
    return f"| {stage.name} | {took} | {stage.peak_bytes / 2**30:.1f} |"


def random_weights(shapes: Mapping[str, torch.Tensor], dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Return numbers for a network's tensors, as large as keep its activations finite."""
    generator = torch.Generator().manual_seed(5)
    weights = {}
    for name, like in shapes.items():
        shape = tuple(like.shape)
        if name.endswith("num_batches_tracked"):
            weights[name] = torch.zeros(shape, dtype=torch.long)
        elif name.endswith("running_var") or (len(shape) < 2 and name.endswith("weight")):
            weights[name] = torch.ones(shape, dtype=dtype)
        elif len(shape) < 2:
            weights[name] = torch.zeros(shape, dtype=dtype)
        else:
            scale = float(np.prod(shape[1:])) ** -0.5
            weights[name] = (scale * torch.randn(shape, generator=generator)).to(dtype)
    return weights


def write_official(folder: Path, unet: Mapping[str, Any], autoencoder: Mapping[str, Any]) -> None:
    """Write every file that the authors publish, for these configurations."""
    recogniser = Recogniser()
    identity = ArcFaceSpec(unet["cross_attention_dim"], recogniser.widths, recogniser.layers)
    spec = replace(official(), unet=unet, codec=KlTemporalSpec(autoencoder), identity=identity)
    networks = empty_networks(spec).by_file()
    for part in ("vae", "unet", "scheduler"):
        (folder / "svd" / part).mkdir(parents=True)
    (folder / "svfr").mkdir()
    vae = {**autoencoder, "in_channels": 3, "out_channels": 3, "sample_size": 768, "scaling_factor": 0.18215}
    configs: dict[str, Any] = {
        "vae/config.json": {**vae, "force_upcast": True},
        "unet/config.json": {**unet, "in_channels": 8},
        "scheduler/scheduler_config.json": SCHEDULER,
    }
    for name, config in configs.items():
        write_whole(folder / "svd" / name, json.dumps(config, indent=2))
    weights = random_weights(networks[VAE_FILE].state_dict(), torch.float32)
    save_file(weights, folder / "svd" / "vae" / "diffusion_pytorch_model.safetensors")
    for name, published in CHECKPOINTS.items():
        dtype = torch.float16 if name == UNET_FILE else torch.float32
        torch.save(random_weights(networks[name].state_dict(), dtype), folder / "svfr" / published)


def write_plate(folder: Path, count: int) -> str:
    """Write a drifting texture as half-float EXR; return the pattern."""
    folder.mkdir()
    pattern = str(folder / "plate.%04d.exr")
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) / SIDE
    for number in range(count):
        waves = [0.2 + 0.15 * np.sin(9.0 * (x + 0.01 * number) + c) * np.cos(7.0 * y) for c in range(3)]
        picture = oiio.ImageBuf(np.ascontiguousarray(np.stack(waves, axis=-1), np.float32))
        picture.set_write_format("half")
        if not picture.write(pattern % (FIRST + number)):
            raise OSError(picture.geterror())
    return pattern


def shorten(folder: Path, steps: int, shortest: int) -> None:
    """Give the imported folder presets of a few steps, and short windows at the ends of a shot."""
    spec = read_diffusion_spec(folder)
    preset = Preset(steps, steps, initial_noise=1.0, guidance=2.0)
    spec = replace(spec, presets=dict.fromkeys(spec.presets, preset), shortest_window=shortest)
    write_whole(folder / "model.json", json.dumps(spec.to_json(), indent=1))


def numbers_of(path: Path) -> str:
    """Return a hash of a file's bytes, of a .pth of its tensors, sorted: their container may differ."""
    if path.suffix != ".pth":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    digest = hashlib.sha256()
    for name, tensor in sorted(torch.load(path, weights_only=True, mmap=True).items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def differences(before: Path, after: Path) -> list[str]:
    """Return the files that export did not give back bit for bit."""
    names = [path.relative_to(before) for path in before.rglob("*") if path.is_file()]
    return [str(name) for name in names if numbers_of(before / name) != numbers_of(after / name)]


def run(work: Path, frames: Iterable[int], steps: int, shortest: int, is_tiny: bool) -> list[str]:
    """Run all stages inside ``work``; return the files that came back otherwise."""
    files, home = work / "official", work / "home"
    environment = {**os.environ, "XDG_DATA_HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    svfr = [sys.executable, "-c", "from svfr_cli.main import main; main()", "model"]
    print("| stage | seconds | processor seconds | peak GiB |\n|---|---|---|---|", flush=True)
    write_official(files, *((TINY_UNET, TINY_VAE) if is_tiny else (SVD_XT_UNET, VAE)))
    given = [f"--svd={files / 'svd'}", f"--svfr={files / 'svfr'}", f"--name={NAME}", "--accept-licence"]
    measured("`svfr model import`", [*svfr, "import", *given], environment)
    measured("`svfr model check`", [*svfr, "check", NAME], environment)
    measured("`svfr model export`", [*svfr, "export", NAME, f"--out={work / 'back'}"], environment)
    found = differences(files, work / "back")
    shutil.rmtree(work / "back")
    shutil.rmtree(files)
    shorten(home / "svfr" / "models" / NAME, steps, shortest)
    for count in frames:
        plate = write_plate(work / f"plate{count}", count)
        output = str(work / f"out{count}" / "restored.%04d.exr")
        name = f"restore {count}, {steps} + {steps} steps, windows of {shortest} at the ends"
        asked = [plate, output, f"{FIRST}-{FIRST + count - 1}", NAME]
        measured(name, [sys.executable, "-c", RESTORE, *asked], environment)
    return found


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="a new or empty folder")
    parser.add_argument("--frames", type=int, nargs="*", default=[1, 3], help="of each shot restored")
    parser.add_argument("--steps", type=int, default=2, help="of each pass")
    parser.add_argument("--shortest", type=int, default=8, help="frames of the shortest window")
    parser.add_argument("--tiny", action="store_true", help="a rehearsal with narrow networks")
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    if any(asked.work.iterdir()):
        parser.error(f"{asked.work} is not empty, and all in it would be removed at the end.")
    try:
        found = run(asked.work.resolve(), asked.frames, asked.steps, asked.shortest, asked.tiny)
    finally:
        shutil.rmtree(asked.work)
    print(f"Exported bit for bit: {'no: ' + ', '.join(found) if found else 'yes'}.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
