"""Restoring the crops of one face track within one shot: SVFR's two passes.

Pass 1 restores the first window without a reference; a frame of it becomes the reference of the track
(Self-Referred Refinement, SVFR section 3.4). Pass 2 restores the whole shot with the reference's latent and
identity tokens. A reference of the user's own replaces pass 1.

Mode "official" is numerically faithful to the published pipeline. Mode "studio" differs from it in windows
that do not join the ends of a shot, any number of frames from one, noise keyed by the absolute frame, decode
windows that overlap, and the colour network of a model that has one. Both leave out work whose result is
known: see ``unet`` and ``Conditioning.has_two_branches``; the low-quality crops are encoded once for both
passes when both are given the same :class:`EncodedShot`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import torch

from svfr.diffusion.noise import OfficialNoise, studio_noise
from svfr.diffusion.schedule import karras_sigmas, with_final_zero
from svfr.diffusion.windows import (
    FrameWindow,
    official_decode_windows,
    official_windows,
    segment_windows,
    studio_decode_windows,
    studio_windows,
)
from svfr.errors import CropShapeMismatch, NotFinite, ShotTooShort
from svfr.models.model import Model
from svfr.models.spec import DiffusionSpec, Preset
from svfr.nets.unet import FastUNet
from svfr.sampling.callbacks import NoCallbacks, SamplingCallbacks
from svfr.sampling.colour_reference import colour_reference
from svfr.sampling.decode import decode_stream
from svfr.sampling.denoise import PassSchedule, denoise, start_latents
from svfr.sampling.encoded_shot import CropSource, EncodedShot
from svfr.sampling.hole_reference import paint_hole
from svfr.sampling.step_evaluator import Conditioning
from svfr.tasks import TaskSet
from svfr_client.vocabulary import Sampler

__all__ = [
    "CropSource",
    "EncodedShot",
    "NoCallbacks",
    "SamplePlan",
    "SamplingCallbacks",
    "decode_latents",
    "encode_shot",
    "make_reference",
    "restore",
    "two_passes",
]


@dataclass(frozen=True)
class SamplePlan:
    """What to do with a track: tasks, effort, seed of the noise, and how faithful to the published code."""

    tasks: TaskSet
    preset: Preset
    seed: int
    mode: Sampler = "studio"


def encode_shot(model: Model, source: CropSource) -> EncodedShot:
    """Return the source as one that encodes each crop once; give it to both passes."""
    if isinstance(source, EncodedShot):
        return source
    spec = model.spec
    shape = (spec.planes, spec.crop_px, spec.crop_px)
    return EncodedShot(
        codec=model.codec, source=source, shape=shape, chunk=spec.window, device=FastUNet(model.unet).device
    )


@torch.no_grad()
def make_reference(
    model: Model, source: CropSource, plan: SamplePlan, callbacks: SamplingCallbacks | None = None
) -> torch.Tensor:
    """Run pass 1 and return the reference picture (3, S, S) float32 CPU, unclamped.

    It is the last frame of the first window; where the model has such networks, its hole is painted and it is
    coloured (:meth:`DiffusionSpec.hole_of_reference`, :meth:`DiffusionSpec.colour_of_reference`).
    Raises ShotTooShort in official mode for a shot of no more frames than windows overlap, where the
    published pipeline returns NaN or fails.
    """
    callbacks = callbacks or NoCallbacks()
    saved = callbacks.load("pass1/reference")
    if saved is not None:
        return saved
    shot = encode_shot(model, source)
    latents = pass_latents(
        model, shot, plan, sampling_pass=1, reference=None, tokens=None, callbacks=callbacks
    )
    # one window is also one chunk of the decoder, in both modes
    reference = model.codec.decode(latents / model.codec.scaling_factor)[-1].float().cpu()
    hole = model.spec.hole_of_reference(plan.tasks.names, plan.mode)
    if hole is not None and model.hole is not None:
        last = latents.shape[0] - 1
        plane = shot.source.read(last, last + 1)[0, -1]
        reference = paint_hole(model.hole, hole.side_px, reference, plane > 0)
    colour = model.spec.colour_of_reference(plan.tasks.names, plan.mode)
    if colour is not None and model.colour is not None:
        reference = colour_reference(model.colour, colour.side_px, reference)
    callbacks.save("pass1/reference", reference)
    return reference


@torch.no_grad()
def restore(
    model: Model,
    source: CropSource,
    reference: torch.Tensor | None,
    tokens: torch.Tensor | None,
    *,
    plan: SamplePlan,
    callbacks: SamplingCallbacks | None = None,
) -> Iterator[tuple[int, torch.Tensor]]:
    """Run pass 2 and yield (absolute frame, picture (3, S, S) float32 CPU, unclamped), in order.

    ``reference`` (3, S, S) in [-1, 1] is the frame of :func:`make_reference` or the user's own; ``tokens``
    (1, L, channels) are its identity. Latents are held for the whole shot, pictures for a window.
    """
    callbacks = callbacks or NoCallbacks()
    shot = encode_shot(model, source)
    latents = pass_latents(
        model, shot, plan, sampling_pass=2, reference=reference, tokens=tokens, callbacks=callbacks
    )
    yield from decode_latents(model, shot.frames, latents, plan.mode, callbacks)


@torch.no_grad()
def decode_latents(
    model: Model, frames: range, latents: torch.Tensor, mode: Sampler, callbacks: SamplingCallbacks
) -> Iterator[tuple[int, torch.Tensor]]:
    """Yield (absolute frame, picture (3, S, S) float32 CPU, unclamped) of scaled latents (n, C, h, w)."""
    cut = official_decode_windows if mode == "official" else studio_decode_windows
    windows = cut(latents.shape[0], model.spec.window)
    pictures = decode_stream(model.codec, latents / model.codec.scaling_factor, windows, callbacks)
    with model.codec.in_place():
        yield from zip(frames, pictures, strict=True)


def two_passes(
    model: Model,
    source: CropSource,
    identify: Callable[[torch.Tensor], torch.Tensor | None],
    plan: SamplePlan,
    callbacks: SamplingCallbacks | None = None,
) -> Iterator[tuple[int, torch.Tensor]]:
    """Run both passes; ``identify`` turns the reference picture into tokens, or None for zero tokens."""
    shot = encode_shot(model, source)
    reference = make_reference(model, shot, plan, callbacks)
    yield from restore(model, shot, reference, identify(reference), plan=plan, callbacks=callbacks)


@torch.no_grad()
def pass_latents(
    model: Model,
    shot: EncodedShot,
    plan: SamplePlan,
    *,
    sampling_pass: Literal[1, 2],
    reference: torch.Tensor | None,
    tokens: torch.Tensor | None,
    callbacks: SamplingCallbacks,
    noise: torch.Tensor | None = None,
    shot_frames: range | None = None,
) -> torch.Tensor:
    """Denoise one pass and return its scaled latents (n, C, h, w) float32.

    Pass 1 covers the first window, pass 2 the shot. ``noise`` (n, C, h, w), unit variance, stands in for
    the plan's own; the parity check gives it. ``shot_frames`` are those of the track that ``shot`` is a part
    of: pass 2 then has the windows of the whole; studio mode only.
    """
    frame_count = len(shot.frames)
    count = min(model.spec.window, frame_count) if sampling_pass == 1 else frame_count
    with model.codec.in_place():
        lq = shot.latents(count, callbacks)
        reference_latent = None if reference is None else _reference_latent(model, reference, lq.device)
    schedule = _pass_schedule(model, plan, sampling_pass, count)
    if shot_frames is not None:
        first, spec = shot.frames[0] - shot_frames[0], model.spec
        of_whole = partial(segment_windows, length=spec.window, overlap=spec.overlap)
        windows = partial(of_whole, len(shot_frames), first, count, shortest=spec.shortest_window)
        schedule = replace(schedule, windows=windows)
    networks = [FastUNet(unet, model.chosen) for unet in model.unets]
    conditioning = Conditioning(
        lq=lq,
        scale=model.codec.scaling_factor,
        channels=model.codec.channels,
        reference=reference_latent,
        tokens=None if tokens is None else _checked_tokens(model, tokens),
        added_time_ids=plan.tasks.added_time_ids().to(lq.device),
        guidance=plan.preset.guidance,
    )

    def start() -> torch.Tensor:
        pictured, unit = lq[:, : conditioning.channels], noise
        if unit is None and plan.preset.initial_noise > 0.0:
            unit = _noise(plan, sampling_pass, shot, model.spec, pictured)
        sigma = plan.preset.initial_noise * schedule.sigmas[0]
        return start_latents(conditioning.scale * pictured, unit, sigma)

    return denoise(
        networks,
        model.objective,
        start(),  # not under a name here, which would keep it while the passes go on
        conditioning=conditioning,
        schedule=schedule,
        callbacks=callbacks,
        fallback=model.precision.fallback,
        batch=model.at_once,
    )


def _pass_schedule(model: Model, plan: SamplePlan, sampling_pass: int, count: int) -> PassSchedule:
    """Return the levels and windows of a pass over ``count`` frames."""
    spec, preset = model.spec, plan.preset
    steps = preset.reference_steps if sampling_pass == 1 else preset.steps
    length, overlap = spec.window, spec.overlap
    if plan.mode == "official":
        preset.require_exact("of this run")
        length = count if sampling_pass == 1 else length
        if length <= overlap or count <= overlap:
            raise ShotTooShort(
                f"Official mode needs at least {overlap + 1} frames, this shot has {count}.",
                remedy="Use the studio sampler, which restores any number of frames.",
            )

    def windows(step: int) -> tuple[FrameWindow, ...]:
        if plan.mode == "official":
            return official_windows(count, length, overlap, step)
        return studio_windows(count, length, overlap, step, spec.shortest_window)

    highest = preset.sigma_start or spec.schedule.sigma_max
    sigmas = preset.sigmas or karras_sigmas(steps, spec.schedule.sigma_min, highest, spec.schedule.rho)
    stage = "reference" if sampling_pass == 1 else "denoise"
    return PassSchedule(
        stage=stage,
        name=f"pass{sampling_pass}",
        sigmas=with_final_zero(sigmas),
        windows=windows,
        reuse=preset.reuse,
    )


def _noise(
    plan: SamplePlan, sampling_pass: int, shot: EncodedShot, spec: DiffusionSpec, lq: torch.Tensor
) -> torch.Tensor:
    """Return the plan's unit noise for the frames of ``lq``, in its shape."""
    shape = tuple(lq.shape[1:])
    if plan.mode == "studio":
        return studio_noise(plan.seed, sampling_pass, shot.frames[: lq.shape[0]], shape)
    stream = OfficialNoise(plan.seed)
    unit = stream.next_pass(min(spec.window, len(shot.frames)), spec.crop_px, shape)
    return unit if sampling_pass == 1 else stream.next_pass(lq.shape[0], spec.crop_px, shape)


def _reference_latent(model: Model, reference: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Encode a reference picture, in float32 as the crops."""
    side = model.spec.crop_px
    if tuple(reference.shape) != (3, side, side):
        raise CropShapeMismatch(
            f"The reference has the shape {tuple(reference.shape)}, the model needs {(3, side, side)}."
        )
    if not bool(torch.isfinite(reference).all()):
        raise NotFinite("The reference picture holds NaN or infinity.", remedy="Choose another reference.")
    return model.codec.encode(reference[None].float().to(device))[0].float()


def _checked_tokens(model: Model, tokens: torch.Tensor) -> torch.Tensor:
    """Return the tokens if the UNet can attend to them."""
    channels = model.spec.identity.channels
    if tokens.ndim != 3 or tokens.shape[0] != 1 or tokens.shape[2] != channels:
        raise CropShapeMismatch(
            f"Identity tokens have the shape {tuple(tokens.shape)}, the model needs (1, any, {channels})."
        )
    return tokens
