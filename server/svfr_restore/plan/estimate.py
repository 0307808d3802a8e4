"""What a job will cost before it runs: time, memory and disk, as far as it can be known.

The networks' part of the time is counted and measured on the spot (svfr_restore.plan.compute_cost). What
reading, cutting and writing pictures take are round figures that
``server/benchmarks/media/estimate_constants.py`` measures, in processor time on one core of a server, for
half-float EXR with ZIP; a busy machine takes longer. The memory figures are those of
``server/benchmarks/media/stream.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from svfr.diffusion.windows import FrameWindow, official_windows, studio_decode_windows, studio_windows
from svfr.models.spec import DiffusionSpec, Preset
from svfr_restore.crops.spool import crop_bytes
from svfr_restore.memory_budget import (
    BASE_BYTES,
    PLATE_BYTES_PER_PIXEL,
    kept_pixels_bytes,
    kept_squares_bytes,
)
from svfr_restore.plan.compute_cost import WindowCost, sustained_rate, topmost_share, window_cost
from svfr_restore.plan.job_plan import JobPlan
from svfr_restore.plan.memory_cost import (
    SeenAtOnce,
    asked_precision,
    cpu_model_bytes,
    kept_bytes,
    model_memory,
)
from svfr_restore.plan.model_output import OutputPlanes
from svfr_restore.plan.precheck import detects
from svfr_restore.plan.track_plan import TrackPlan, model_for_largest_crop, spool_bytes

# Seconds for each million plate pixels, by what is done with the frame.
SURVEY_SECONDS, DETECT_SECONDS, CROP_PLATE_SECONDS, WRITE_SECONDS = 0.05, 0.25, 0.05, 0.08
# Seconds for each million crop pixels, cut and brought back.
CROP_SECONDS = 0.25
# A worker that starts, and loads its libraries.
START_SECONDS = 6.0
_FLOAT_BYTES = 4


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """``unet_calls`` counts branch evaluations of one window; seconds are wall time.

    ``memory_bytes`` is the peak of host and device together; ``spool_bytes`` are crops on disk while the
    job runs, ``checkpoint_bytes`` stay in the service's cache.
    """

    frames_read: int
    frames_written: int
    tracks: int
    unet_calls: int
    seconds: float
    memory_bytes: int
    spool_bytes: int
    output_bytes: int
    checkpoint_bytes: int


def branch_evaluations(model: DiffusionSpec, preset: Preset, frame_count: int, sampler: str) -> int:
    """Return how often the UNet runs on one window for a track of ``frame_count`` frames, both passes."""
    return sum(deep + top for _, deep, top in _evaluated(model, preset, frame_count, sampler))


def whole_windows(
    model: DiffusionSpec, preset: Preset, frame_count: int, sampler: str, top_share: float = 1.0
) -> float:
    """Return the same in windows of full length: those at the ends of a shot may be shorter.

    An evaluation of the UNet's topmost level alone counts ``top_share``.
    """
    evaluated = _evaluated(model, preset, frame_count, sampler)
    return (
        sum((deep + top_share * top) * len(window.frames) for window, deep, top in evaluated) / model.window
    )


def _evaluated(
    model: DiffusionSpec, preset: Preset, frame_count: int, sampler: str
) -> Iterator[tuple[FrameWindow, int, int]]:
    """Yield every window of both passes, and how many branches go through all levels or the topmost alone."""
    first = min(model.window, frame_count)
    is_official = sampler == "official"

    def windows(count: int, length: int, step: int) -> tuple[FrameWindow, ...]:
        if is_official:
            return official_windows(count, length, model.overlap, step)
        return studio_windows(count, length, model.overlap, step, model.shortest_window)

    for step in range(preset.reference_steps):
        for window in windows(first, first if is_official else model.window, step):
            yield window, *preset.reuse.evaluations(step, 1)
    for step in range(preset.steps):
        for window in windows(frame_count, model.window, step):
            yield window, *preset.reuse.evaluations(step, 1 if preset.guidance == 1.0 else 2)


def estimate_job(plan: JobPlan, tracks: Sequence[TrackPlan], device: str = "cpu") -> Estimate:
    """Estimate a planned job on ``device``, "cpu" or "cuda".

    User references are not taken off. The time holds within a factor of about two while the machine is as
    busy as it is now.
    """
    calls, seconds = 0, _picture_seconds(plan, tracks)
    if plan.preset is not None and isinstance(plan.model, DiffusionSpec):
        preset, sampler = plan.preset, plan.spec.sampler
        calls = sum(branch_evaluations(plan.model, preset, len(t.frames), sampler) for t in tracks)
        calls *= 1 + len(plan.spec.further_seeds)
        operations = sum(
            _operations(plan, replace(plan.model, crop_px=size), preset, [len(t.frames) for t in of_size])
            for size, of_size in _by_size(tracks).items()
        )
        seconds += operations / sustained_rate(device)
    pixels = plan.display.width * plan.display.height
    return Estimate(
        frames_read=len(plan.frames.read),
        frames_written=len(plan.frames.written),
        tracks=len(tracks),
        unet_calls=calls,
        seconds=seconds,
        memory_bytes=BASE_BYTES
        + PLATE_BYTES_PER_PIXEL * pixels
        + kept_pixels_bytes()
        + kept_squares_bytes()
        + _model_bytes(plan, tracks, device),
        spool_bytes=spool_bytes(plan, tracks),
        output_bytes=plan.output.estimated_bytes,
        checkpoint_bytes=_checkpoint_bytes(plan, tracks),
    )


def _by_size(tracks: Sequence[TrackPlan]) -> dict[int, list[TrackPlan]]:
    """Return the tracks by the side of their crops, in which a window's cost goes."""
    return {size: [t for t in tracks if t.crop_px == size] for size in sorted({t.crop_px for t in tracks})}


def _picture_seconds(plan: JobPlan, tracks: Sequence[TrackPlan]) -> float:
    """Return the time of everything but the networks."""
    plate_mpx = plan.display.width * plan.display.height / 1e6
    crops_mpx = sum(len(track.frames) * track.crop_px**2 for track in tracks) / 1e6
    survey = SURVEY_SECONDS + (DETECT_SECONDS if detects(plan.spec) else 0.0)
    cropped_frames = min(sum(len(track.frames) for track in tracks), len(plan.frames.read))
    plates = survey * len(plan.frames.read) + WRITE_SECONDS * len(plan.frames.written)
    plates += CROP_PLATE_SECONDS * cropped_frames
    return START_SECONDS + plates * plate_mpx + CROP_SECONDS * crops_mpx


def _operations(plan: JobPlan, model: DiffusionSpec, preset: Preset, lengths: Sequence[int]) -> float:
    """Return the float operations of both passes over tracks of these lengths, of what goes beside."""
    cost: WindowCost = window_cost(model)
    share = 1.0 if preset.deep_every == 1 else topmost_share(model)
    windows = sum(whole_windows(model, preset, length, plan.spec.sampler, share) for length in lengths)
    chunks = sum(-(-length // model.window) for length in lengths)
    decodes = sum(1 + len(studio_decode_windows(length, model.window)) for length in lengths)
    detail = sum(lengths) * cost.detail if any(OutputPlanes.of(plan).amounts) else 0.0
    tasks, sampler = plan.spec.tasks, plan.spec.sampler
    reference = (cost.colour if model.colour_of_reference(tasks, sampler) else 0.0) + (
        cost.hole if model.hole_of_reference(tasks, sampler) else 0.0
    )
    pictures = decodes * cost.decode + detail + len(lengths) * reference
    seeds = 1 + len(plan.spec.further_seeds)
    return seeds * (windows * cost.unet + pictures) + chunks * cost.encode


def _model_bytes(plan: JobPlan, tracks: Sequence[TrackPlan], device: str) -> int:
    """Return the weights, the largest feature maps of a window, and what is kept of every frame: latents, and
    what steps leave for each other."""
    model = model_for_largest_crop(plan.model, tracks)
    if not isinstance(model, DiffusionSpec):
        return 0
    precision = asked_precision(model, device)
    longest = max((len(track.frames) for track in tracks), default=0)
    memory = model_memory(model, precision, SeenAtOnce.of(model, longest, plan.spec.sampler))
    kept = memory.latents + (0 if plan.preset is None else kept_bytes(model, plan.preset, precision))
    return longest * kept + (cpu_model_bytes(memory) if device == "cpu" else memory.whole)


def _checkpoint_bytes(plan: JobPlan, tracks: Sequence[TrackPlan]) -> int:
    """Return the latents kept: the encoded crops, and those after each denoise step of both passes."""
    model = plan.model
    if plan.preset is None or not isinstance(model, DiffusionSpec):
        return 0
    total = 0
    for track in tracks:
        length = len(track.frames)
        plane = (track.crop_px // model.codec.factor) ** 2 * _FLOAT_BYTES
        passes = plan.preset.steps * length + plan.preset.reference_steps * min(length, model.window)
        kept = length + passes * (1 + len(plan.spec.further_seeds))
        total += plane * (model.latent_channels * kept + length * model.hole_plane)
        total += crop_bytes(track.crop_px)
    return total
