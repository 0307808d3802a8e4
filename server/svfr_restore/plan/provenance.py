"""What a written file says about how it was made: the names of models and settings, never of people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from svfr.models.spec import DiffusionSpec
from svfr_client.version import VERSION
from svfr_restore.plan.job_plan import JobPlan
from svfr_restore.plan.track_plan import TrackPlan


def provenance(
    plan: JobPlan,
    faces: Sequence[TrackPlan],
    frame: int,
    alike: Mapping[int, float | None] | None = None,
) -> dict[str, str]:
    """Return the ``svfr/...`` attributes of a ``frame`` that shows these faces.

    ``alike`` says how alike each is to its reference, by the track's index; None where that cannot be told.
    """
    spec, model = plan.spec, plan.model
    files = model.files.values() if isinstance(model, DiffusionSpec) else ()
    weights = sorted(record.sha256 for record in files)
    config = plan.colour.config
    asked = {} if alike is None else {"svfr/identity": identity_words(alike)}
    return asked | {
        "svfr/ai_modified": "1",
        "svfr/version": VERSION,
        "svfr/model": f"{model.name} (preview)" if model.preview else model.name,
        "svfr/weights_sha256": ",".join(weights),
        "svfr/task": "+".join(sorted(spec.tasks)),
        "svfr/preset": spec.preset,
        "svfr/detail": f"{plan.detail:g}",
        "svfr/seed": str(spec.seed),
        "svfr/sampler": spec.sampler,
        "svfr/color": f"{config.uri or config.sha256} {plan.colour.space.name}",
        "svfr/exposure_stops": ",".join(f"{track.domain.exposure_stops:.4f}" for track in faces),
        "svfr/crops": crop_words(faces, frame, plan.pixel_aspect),
        "svfr/job_hash": spec.pixels_key(),
    }


def crop_words(faces: Sequence[TrackPlan], frame: int, pixel_aspect: float) -> str:
    """Return the squares of faces in a frame, such as ``0=612.5 80 300 300,2=...``: left, top, width, height.

    They are in the plate's own pixels, as its windows are.
    """
    places = [(face.index, face.crop.transform(frame, 1, pixel_aspect)) for face in faces]
    return ",".join(
        f"{index}={place.left:.7g} {place.top:.7g} {place.scale_x:.7g} {place.scale_y:.7g}"
        for index, place in places
    )


def identity_words(alike: Mapping[int, float | None]) -> str:
    """Return the attribute's text, such as ``0=0.9731,2=unknown``: the track's index and its likeness."""
    return ",".join(
        f"{index}={'unknown' if value is None else format(value, '.4f')}"
        for index, value in sorted(alike.items())
    )
