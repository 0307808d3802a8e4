"""What a job will cost before it runs: time, memory and disk, said as plainly as it can be known."""

from __future__ import annotations

from dataclasses import dataclass

from svfr.model_spec import ModelSpec, Preset
from svfr.windows import official_windows, studio_windows
from svfr_restore.job_plan import JobPlan
from svfr_restore.track_plan import TrackPlan

# One multiply-add of the UNet on one latent pixel of one frame costs its parameters once, as a first guess: the
# lowest levels hold most parameters and few pixels, the highest the reverse, and the two come out alike.
_FLOPS_PER_PARAMETER = 2.0
# Sustained float operations a second: measured on one core of a Zen 4 server in float32 with the preview model,
# and half of an H200's measured bfloat16 rate.
_FLOPS = {"cpu": 6.0e10, "cuda": 4.0e14}
_BYTES_PER_PARAMETER = {"cpu": 4, "cuda": 2}
_ACTIVATION_BYTES_PER_LATENT = 6000.0


@dataclass(frozen=True)
class Estimate:
    """``unet_calls`` counts branch evaluations of one window; bytes are peak, seconds are wall time."""

    frames_read: int
    frames_written: int
    tracks: int
    unet_calls: int
    seconds: float
    memory_bytes: int
    spool_bytes: int
    output_bytes: int


def branch_evaluations(model: ModelSpec, preset: Preset, frame_count: int, sampler: str) -> int:
    """Return how often the UNet runs on one window for a track of ``frame_count`` frames, both passes."""
    cut = official_windows if sampler == "official" else studio_windows
    first = min(model.window, frame_count)
    length = first if sampler == "official" else model.window
    reference = sum(len(cut(first, length, model.overlap, s)) for s in range(preset.reference_steps))
    main = sum(len(cut(frame_count, model.window, model.overlap, s)) for s in range(preset.steps))
    return reference + main * (1 if preset.guidance == 1.0 else 2)


def estimate_job(plan: JobPlan, tracks: list[TrackPlan], parameters: int, device: str = "cpu") -> Estimate:
    """Estimate a planned job; ``parameters`` are the UNet's, ``device`` "cpu" or "cuda".

    The time is a guess from operation counts, right within a factor of two or three; bytes are nearer.
    """
    kind = "cuda" if device.startswith("cuda") else "cpu"
    calls = 0
    if plan.preset is not None:
        calls = sum(
            branch_evaluations(plan.model, plan.preset, len(t.frames), plan.spec.sampler) for t in tracks
        )
    side = plan.crop_px
    # latent pixels at the UNet's mean level: a quarter of those at its top
    latent_pixels = (side / (plan.model.codec.factor if plan.model.codec else 1)) ** 2 / 4.0
    window_flops = _FLOPS_PER_PARAMETER * parameters * latent_pixels * plan.model.window
    reading_seconds = 0.1 * len(plan.frames.read) * 3 * _megapixels(plan) / 2.0
    crops = sum(len(track.frames) for track in tracks)
    activations = latent_pixels * 4.0 * plan.model.window * _ACTIVATION_BYTES_PER_LATENT
    frame_bytes = plan.display.width * plan.display.height * 4 * 12
    return Estimate(
        len(plan.frames.read),
        len(plan.frames.written),
        len(tracks),
        calls,
        calls * window_flops / _FLOPS[kind] + reading_seconds,
        int(parameters * _BYTES_PER_PARAMETER[kind] + activations + frame_bytes * 8),
        crops * side * side * 3 * 4 * 3,
        plan.output.estimated_bytes,
    )


def _megapixels(plan: JobPlan) -> float:
    return plan.display.width * plan.display.height / 1e6
