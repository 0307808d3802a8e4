"""``svfr restore --dry-run``: check a job, find its faces, and say what it will cost. Nothing is written."""

from dataclasses import asdict
from typing import Any

from svfr_client.job import JobSpec
from svfr_client.sizes import counted, size_text
from svfr_restore.job import survey_job
from svfr_restore.plan.estimate import Estimate, estimate_job
from svfr_restore.plan.job_plan import plan_job
from svfr_restore.plan.models import ModelCache, devices_here
from svfr_restore.plan.track_plan import plan_tracks, require_memory_for
from svfr_restore.reports import JobContext


def dry_run(spec: JobSpec) -> Estimate:
    """Check and look at everything the job names, on this machine, and estimate its cost.

    Raises every problem that the job itself would raise before its model runs.
    """
    plan = plan_job(spec, ModelCache())
    tracks = plan_tracks(plan, survey_job(plan, JobContext()))
    device = devices_here()[0]
    require_memory_for(plan, tracks, device)
    return estimate_job(plan, tracks, device)


def to_json(estimate: Estimate) -> dict[str, Any]:
    """Return the estimate as JSON values, times in seconds, sizes in bytes."""
    return asdict(estimate)


def to_text(estimate: Estimate) -> str:
    """Write the estimate for people."""
    spool = size_text(estimate.spool_bytes)
    lines = (
        ("Frames", f"{estimate.frames_read} read, {estimate.frames_written} written"),
        ("Faces", counted(estimate.tracks, "track")),
        ("Model", f"{estimate.unet_calls} evaluations of the UNet"),
        ("Time", f"about {_duration(estimate.seconds)}, within a factor of two or three"),
        ("Memory", f"about {size_text(estimate.memory_bytes)}"),
        ("Disk", f"{size_text(estimate.output_bytes)} for results, {spool} while it runs"),
    )
    return "\n".join(f"{name:<8}{text}" for name, text in lines)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
