"""Whole shots at the official size on a GPU: this project's sampler beside the published one, same weights.

Part of :mod:`benchmarks.gpu`. Random weights of the true size, the published 50 + 30 steps, the published
number types; both samplers in one process. Three questions: how long a shot takes, how busy the device is
meanwhile, and whether ours is as near to the published sampler in float32 as the published one in float16 is
(the same noise is given to all, few steps).
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.sampling.memory_cards import official
from benchmarks.sampling.published_sampler import published_two_passes
from benchmarks.sampling.sampler import StockCodec
from svfr.diffusion.noise import OfficialNoise
from svfr.diffusion.objectives import Objective
from svfr.models.model import Model
from svfr.models.spec import KlTemporalSpec, NoIdentitySpec, Preset
from svfr.nets.identity import NoIdentity
from svfr.nets.kl_temporal import KlTemporalCodec, build_kl
from svfr.nets.unet import build_unet
from svfr.parity.check import StoredCrops
from svfr.precision import STRICT, Precision, apply_switches, precision_for
from svfr.sampling.sampler import SamplePlan, two_passes
from svfr.tasks import TaskSet

_SEED, _TOKENS = 77, 49
_FACTOR = 8


@dataclass(frozen=True)
class ShotSize:
    """Networks, window, crop and steps of what is sampled; ``few`` are the steps of comparisons."""

    unet: Any
    vae: Any
    window: int
    crop_px: int
    lengths: tuple[int, ...]
    steps: tuple[int, int]
    few: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class ShotRow:
    """One sampler over one shot; ``busy`` is the device's share of the time, None where it has no clock."""

    sampler: str
    frames: int
    seconds: float
    peak_gib: float
    finite: bool
    busy: float | None = None


def shot_model(size: ShotSize, precision: Precision, device: torch.device, *, published: bool) -> Model:
    """Return the same random networks for every call, as the published code or as this project has them."""
    torch.manual_seed(_SEED)
    with device:
        unet = build_unet(size.unet).requires_grad_(False)
        vae = build_kl(size.vae).requires_grad_(False)
    unet = torch.nn.Module.to(unet, device, precision.unet)
    channels = size.unet["cross_attention_dim"]
    codec: Any = StockCodec(vae) if published else KlTemporalCodec(vae, precision.decode)
    codec.vae.decoder.to(precision.decode)
    spec = replace(
        official(size.window),
        name="benchmark",
        crop_px=size.crop_px,
        unet=size.unet,
        codec=KlTemporalSpec(size.vae),
        identity=NoIdentitySpec(channels),
    )
    return Model(
        spec=spec,
        unet=unet,
        codec=codec.to(device),
        objective=Objective("v"),
        identity=NoIdentity(channels),
        precision=precision,
    )


def sample(
    model: Model, mode: str, frames: int, steps: tuple[int, int], device: torch.device
) -> torch.Tensor:
    """Return the pictures (T, 3, S, S) of both passes; ``mode`` is published, official or studio."""
    spec, generator = model.spec, torch.Generator().manual_seed(_SEED)
    crops = torch.rand((frames, 3, spec.crop_px, spec.crop_px), generator=generator) * 2 - 1
    tokens = torch.randn((1, _TOKENS, spec.unet["cross_attention_dim"]), generator=generator)
    if mode == "published":
        latent, stream = (4, spec.crop_px // _FACTOR, spec.crop_px // _FACTOR), OfficialNoise(_SEED)
        first = min(spec.window, frames)
        noises = [stream.next_pass(count, spec.crop_px, latent).to(device) for count in (first, frames)]
        _, second = published_two_passes(
            model,
            crops.to(device),
            tokens.to(device),
            (1, 0, 0),
            steps=steps,
            guidance=2.0,
            noises=(noises[0], noises[1]),
        )
        return second.pictures.float().cpu()
    plan = SamplePlan(
        TaskSet(bfr=True),
        Preset(*steps, initial_noise=1.0, guidance=2.0),
        _SEED,
        mode,  # type: ignore[arg-type]
    )
    pictures = two_passes(model, StoredCrops(crops), lambda reference: tokens, plan)
    return torch.stack([picture for _, picture in pictures])


def whole_shots(
    size: ShotSize, device: torch.device, report: Callable[[ShotRow], None], has_time: Callable[[], bool]
) -> list[ShotRow]:
    """Time both samplers over shots of every length, the published one first; what there is no time for is
    left out."""
    precision, rows = precision_for(device), list[ShotRow]()
    apply_switches(precision)
    for is_published, modes in ((True, ("published",)), (False, ("official", "studio"))):
        model = shot_model(size, precision, device, published=is_published)
        for mode in modes:
            sample(model, mode, size.lengths[0], size.few, device)  # warms up
            busy = _busy_share(model, mode, size, device)
            for frames in size.lengths:
                if not has_time():
                    continue
                row = _timed(model, mode, frames, size, device)
                rows.append(replace(row, busy=busy))
                report(rows[-1])
        del model
        _let_go(device)
    return rows


def _timed(model: Model, mode: str, frames: int, size: ShotSize, device: torch.device) -> ShotRow:
    is_cuda = device.type == "cuda"
    if is_cuda:
        torch.cuda.reset_peak_memory_stats(device)
    began = time.perf_counter()
    pictures = sample(model, mode, frames, size.steps, device)  # on the CPU at last: all kernels have ended
    seconds = time.perf_counter() - began
    peak = torch.cuda.max_memory_allocated(device) / 2**30 if is_cuda else 0.0
    finite = bool(torch.isfinite(pictures).all())
    return ShotRow(sampler=mode, frames=frames, seconds=seconds, peak_gib=peak, finite=finite)


def _busy_share(model: Model, mode: str, size: ShotSize, device: torch.device) -> float | None:
    """Return which part of a few steps' time kernels were running, the profiler's own time included."""
    if device.type != "cuda":
        return None
    with profile(activities=[ProfilerActivity.CUDA]) as record:
        began = time.perf_counter()
        sample(model, mode, size.window, size.few, device)
        seconds = time.perf_counter() - began
    kernels = sum(event.self_device_time_total for event in record.key_averages())
    return min(1.0, kernels / 1e6 / seconds)


def nearness_db(
    size: ShotSize, device: torch.device, psnr_db: Callable[[torch.Tensor, torch.Tensor], float | None]
) -> dict[str, float | None]:
    """Return the PSNR to the published sampler in float32: of itself in the device's types, and of ours."""
    runs = {
        "exact": (STRICT, True, "published"),
        "published": (precision_for(device), True, "published"),
        "ours": (precision_for(device), False, "official"),
    }
    pictures = {}
    for name, (precision, is_published, mode) in runs.items():
        apply_switches(precision)
        model = shot_model(size, precision, device, published=is_published)
        pictures[name] = sample(model, mode, size.window, size.few, device)
        del model
        _let_go(device)
    return {name: psnr_db(pictures[name], pictures["exact"]) for name in ("published", "ours")}


def _let_go(device: torch.device) -> None:
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
