"""The sampler as published against this project's, official mode, in one process with the same weights.

Prints the largest difference of both passes, the processor seconds of each run (which other load on the
machine disturbs less than the clock's), the ratio of their medians, and, counted by hooks on the modules,
what each of them evaluated; last, the ratio of the operations counted at the official size.

The network has SVD's topology (block types, two layers a block, 49 identity tokens, widths 1 : 2 : 4 : 4) at
a tenth of its width, with random weights, on latents of 16 x 16; the clip has 16 frames, the steps are the
published 50 + 30 at guidance 2.

    OMP_NUM_THREADS=1 python -m benchmarks.sampling.sampler

The exit status is 1 when the results differ by more than 1e-4 or the ratio is under 1.55; then the profile
of a short run of each is printed, which shows where the time goes.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_temporal_decoder import AutoencoderKLTemporalDecoder
from torch.profiler import ProfilerActivity, profile

from benchmarks.sampling.evaluation_counter import EvaluationCounter
from benchmarks.sampling.memory_cards import official
from benchmarks.sampling.official_size import official_size_ratio
from benchmarks.sampling.published_sampler import PublishedPass, published_two_passes
from svfr.diffusion.noise import OfficialNoise
from svfr.diffusion.objectives import Objective
from svfr.models.model import Model
from svfr.models.spec import KlTemporalSpec, NoIdentitySpec, Preset
from svfr.models.svd_folder import SVD_XT_UNET
from svfr.nets.identity import NoIdentity
from svfr.nets.kl_temporal import KlTemporalCodec, build_kl
from svfr.nets.unet import build_unet
from svfr.parity.check import StoredCrops
from svfr.parity.vectors import Vectors
from svfr.sampling.callbacks import NoCallbacks
from svfr.sampling.sampler import SamplePlan, two_passes
from svfr.tasks import TaskSet

FRAMES = 16
TOKENS = 49
TOKEN_CHANNELS = 104  # SVD's 1024 at a tenth, rounded to a multiple of 8
PRESET = Preset(reference_steps=50, steps=30, initial_noise=1.0, guidance=2.0)
SEED = 77
WINDOWS_PASS1, WINDOWS_PASS2 = 53, 33  # in 50 and 30 steps: two in each of the first three, then one
VECTORS = Path(__file__).parents[2] / "tests" / "data" / "golden"
LARGEST_DIFFERENCE = 1e-4
SMALLEST_RATIO = 1.55

UNET = {
    **SVD_XT_UNET,
    "block_out_channels": [32, 64, 128, 128],
    "addition_time_embed_dim": 32,
    "projection_class_embeddings_input_dim": 96,
    "cross_attention_dim": TOKEN_CHANNELS,
    "num_attention_heads": [1, 2, 4, 4],
    "num_frames": FRAMES,
}
VAE = {
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "block_out_channels": [32, 64, 64, 64],
    "layers_per_block": 1,
    "latent_channels": 4,
}


class StockCodec(torch.nn.Module):
    """The picture codec with diffusers' own convolutions, for the published sampler."""

    factor = 8

    def __init__(self, vae: AutoencoderKLTemporalDecoder) -> None:
        super().__init__()
        self.vae = vae
        self.channels = int(vae.config["latent_channels"])
        self.scaling_factor = float(vae.config["scaling_factor"])

    def encode(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return unscaled latents."""
        return self.vae.encode(pictures).latent_dist.mode()

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Return pictures."""
        given = latents.to(next(self.vae.decoder.parameters()).dtype)
        return self.vae.decode(given, num_frames=len(given)).sample.float()

    def in_place(self) -> AbstractContextManager[None]:
        """Return a block without an effect."""
        return nullcontext()


def random_models(crop_px: int) -> dict[str, Model]:
    """Build the model of each sampler from the same seeded random weights."""
    torch.manual_seed(1)
    unet = build_unet(UNET).requires_grad_(False)
    vae = build_kl(VAE).requires_grad_(False)
    spec = replace(
        official(FRAMES),
        name="benchmark",
        crop_px=crop_px,
        unet=UNET,
        codec=KlTemporalSpec(VAE),
        identity=NoIdentitySpec(TOKEN_CHANNELS),
    )
    codecs: dict[str, Any] = {"published": StockCodec(copy.deepcopy(vae)), "ours": KlTemporalCodec(vae)}
    return {
        name: Model(
            spec=spec, unet=unet, codec=codec, objective=Objective("v"), identity=NoIdentity(TOKEN_CHANNELS)
        )
        for name, codec in codecs.items()
    }


class LastLatents(NoCallbacks):
    """Keeps the latents of the last step of each pass."""

    def __init__(self) -> None:
        self.of_pass: dict[str, torch.Tensor] = {}

    def save(self, name: str, value: torch.Tensor) -> None:
        """Keep the value if it is that of a denoise step."""
        if "/step" in name:
            self.of_pass[name.split("/")[0]] = value


@dataclass
class Run:
    """What one run returned: latents and pictures of both passes, as far as both samplers have them."""

    latents: tuple[torch.Tensor, torch.Tensor]
    reference: torch.Tensor
    pictures: torch.Tensor


def run_published(model: Model, crops: torch.Tensor, tokens: torch.Tensor, preset: Preset) -> Run:
    """Sample as published."""
    stream, shape = OfficialNoise(SEED), (4, crops.shape[2] // 8, crops.shape[3] // 8)
    noises = tuple(stream.next_pass(FRAMES, crops.shape[2], shape) for _ in range(2))
    first, second = published_two_passes(
        model,
        crops,
        tokens,
        (1, 0, 0),
        steps=(preset.reference_steps, preset.steps),
        guidance=preset.guidance,
        noises=(noises[0], noises[1]),
    )
    return Run((first.latents, second.latents), first.pictures[-1], second.pictures)


def run_ours(model: Model, crops: torch.Tensor, tokens: torch.Tensor, preset: Preset) -> Run:
    """Sample with this project's official mode."""
    plan = SamplePlan(TaskSet(bfr=True), preset, SEED, "official")
    latents, references = LastLatents(), []

    def identify(reference: torch.Tensor) -> torch.Tensor:
        references.append(reference)
        return tokens

    frames = list(two_passes(model, StoredCrops(crops), identify, plan, latents))
    pictures = torch.stack([picture for _, picture in frames])
    return Run((latents.of_pass["pass1"], latents.of_pass["pass2"]), references[0], pictures)


SAMPLERS = {"published": run_published, "ours": run_ours}


def difference(a: Run, b: Run) -> dict[str, float]:
    """Return the largest differences between two runs."""
    return {
        "latents pass 1": float((a.latents[0] - b.latents[0]).abs().max()),
        "reference": float((a.reference - b.reference).abs().max()),
        "latents pass 2": float((a.latents[1] - b.latents[1]).abs().max()),
        "pictures pass 2": float((a.pictures - b.pictures).abs().max()),
    }


def published_parity(folder: Path) -> float:
    """Return the yardstick's own largest error against the reference vectors, as a share of tolerance."""
    vectors, worst = Vectors.open(folder), 0.0
    allowed = {"latents": vectors.tolerance("latents_max_abs"), "frames": vectors.tolerance("frames_max_abs")}
    for name in vectors.pipeline_cases():
        about, given, model = vectors.case(name), vectors.tensors(f"{name}.safetensors"), vectors.model(name)
        tokens = vectors.tensors("id_proj.safetensors")["id_embedding"]
        first, second = published_two_passes(
            model,
            given["lq"],
            tokens,
            tuple(about["tasks"]),
            steps=(about["steps_pass1"], about["steps_pass2"]),
            guidance=about["guidance"],
            noises=(given["noise_pass1"][0], given["noise_pass2"][0]),
        )
        for number, ours in ((1, first), (2, second)):
            theirs = PublishedPass(
                given[f"latents_pass{number}"][0], given[f"frames_pass{number}"][0].transpose(0, 1)
            )
            worst = max(worst, float((ours.latents - theirs.latents).abs().max()) / allowed["latents"])
            worst = max(worst, float((ours.pictures - theirs.pictures).abs().max()) / allowed["frames"])
    return worst


def print_profiles(models: dict[str, Model], crops: torch.Tensor, tokens: torch.Tensor) -> None:
    """Print where the time of a few steps of each sampler goes."""
    short = Preset(1, 2, initial_noise=PRESET.initial_noise, guidance=PRESET.guidance)
    for name, run in SAMPLERS.items():
        with profile(activities=[ProfilerActivity.CPU]) as record:
            run(models[name], crops, tokens, short)
        table = record.key_averages().table(sort_by="self_cpu_time_total", row_limit=12)
        print(f"\nProfile of 1 + 2 steps, {name}:\n{table}")


def measure(models: dict[str, Model], crop_px: int, repeats: int) -> bool:
    """Run both samplers in turn, print everything, and say whether the claims hold."""
    crops = torch.rand((FRAMES, 3, crop_px, crop_px)) * 2 - 1
    tokens = torch.randn((1, TOKENS, TOKEN_CHANNELS))
    seconds: dict[str, list[float]] = {name: [] for name in SAMPLERS}
    results: dict[str, Run] = {}
    for repeat in range(repeats):
        for name, run in SAMPLERS.items():
            with EvaluationCounter(models[name], FRAMES) as counter:
                start = time.process_time()
                results[name] = run(models[name], crops, tokens, PRESET)
                seconds[name].append(time.process_time() - start)
            if repeat == 0:
                print(f"{name}\n{counter.describe(WINDOWS_PASS1)}", flush=True)
    differences = difference(results["published"], results["ours"])
    for part, value in differences.items():
        print(f"largest difference, {part:16s} {value:.2e}")
    for name, values in seconds.items():
        print(f"processor seconds, {name:10s} {' '.join(f'{v:.1f}' for v in values)}")
    ratio = statistics.median(seconds["published"]) / statistics.median(seconds["ours"])
    print(f"ratio of the medians {ratio:.2f} (wanted: {SMALLEST_RATIO})")
    print(f"ratio of operations at the official size {official_size_ratio(WINDOWS_PASS1, WINDOWS_PASS2):.2f}")
    if ratio < SMALLEST_RATIO:
        print_profiles(models, crops, tokens)
    return ratio >= SMALLEST_RATIO and max(differences.values()) <= LARGEST_DIFFERENCE


def main() -> int:
    """Check the yardstick, then measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="runs of each sampler")
    parser.add_argument("--crop-px", type=int, default=128, help="side of the crops, a multiple of 64")
    parser.add_argument("--vectors", type=Path, default=VECTORS, help="folder of reference vectors")
    arguments = parser.parse_args()
    share = published_parity(arguments.vectors)
    print(f"the published sampler's largest error on the reference vectors: {share:.3f} of the tolerance")
    print(f"{FRAMES} frames of {arguments.crop_px} px, {torch.get_num_threads()} thread(s)", flush=True)
    holds = measure(random_models(arguments.crop_px), arguments.crop_px, arguments.repeats)
    return 0 if holds and share <= 1.0 else 1


if __name__ == "__main__":
    sys.exit(main())
