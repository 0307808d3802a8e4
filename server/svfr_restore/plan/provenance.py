"""What a written file says about how it was made: the names of models and settings, never of people."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata

from svfr.models.spec import DiffusionSpec
from svfr_restore.plan.job_plan import JobPlan
from svfr_restore.plan.track_plan import TrackPlan


def provenance(plan: JobPlan, faces: Iterable[TrackPlan]) -> dict[str, str]:
    """Return the ``svfr/...`` attributes of a frame that shows these faces."""
    spec, model = plan.spec, plan.model
    files = model.files.values() if isinstance(model, DiffusionSpec) else ()
    weights = sorted(record.sha256 for record in files)
    config = plan.colour.config
    return {
        "svfr/ai_modified": "1",
        "svfr/version": metadata.version("svfr-studio"),
        "svfr/model": f"{model.name} (preview)" if model.preview else model.name,
        "svfr/weights_sha256": ",".join(weights),
        "svfr/task": "+".join(sorted(spec.tasks)),
        "svfr/preset": spec.preset,
        "svfr/detail": f"{plan.detail:g}",
        "svfr/seed": str(spec.seed),
        "svfr/sampler": spec.sampler,
        "svfr/color": f"{config.uri or config.sha256} {plan.colour.space.name}",
        "svfr/exposure_stops": ",".join(f"{track.domain.exposure_stops:.4f}" for track in faces),
        "svfr/job_hash": spec.pixels_key(),
    }
