"""From a job's choice of faces to the crops that are restored: one plan for each face in each shot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from svfr.models.framing_spec import PUBLISHED, Framing
from svfr.models.spec import ModelSpec
from svfr_client.vocabulary import DETECTING_MODES
from svfr_ocio.domain import ModelDomain
from svfr_restore.crops.crop_track import CropTrack, track_of_box, track_of_frame
from svfr_restore.crops.smoothing import smooth_track
from svfr_restore.crops.spool import crop_bytes
from svfr_restore.faces.box import FaceBox
from svfr_restore.faces.choose import choose_tracks, tracks_at, tracks_by_id
from svfr_restore.faces.tracks import FaceTrack, build_tracks, filled_track, unseen_ends, without_blank_ends
from svfr_restore.mattes.matte import matte_box
from svfr_restore.plan.crop_size import crop_size
from svfr_restore.plan.job_plan import JobPlan
from svfr_restore.plan.memory_cost import require_job_memory
from svfr_restore.plan.model_output import OutputPlanes
from svfr_restore.plan.people import Warn, people_in_shots, track_portraits
from svfr_restore.plan.precheck import mask_is_empty, no_face_found
from svfr_restore.plan.survey import Survey

# Roto shapes are drawn around what is to be restored; the crop shows as much again around them.
_MASK_EXPAND = 0.5


@dataclass(frozen=True, kw_only=True)
class TrackPlan:
    """One face in one shot: where its crop lies and how it enters the model domain.

    ``index`` numbers the faces of a job from 0, through all its shots. ``domain`` holds the exposure, which
    is constant within the shot. The model sees crops of ``crop_px`` a side.
    """

    index: int
    crop: CropTrack
    domain: ModelDomain
    crop_px: int

    @property
    def frames(self) -> range:
        """The absolute frames restored, consecutive."""
        return self.crop.frames


@dataclass(frozen=True)
class _Region:
    """A crop in one shot of a survey, and the boxes in which it is metered."""

    survey: Survey
    crop: CropTrack
    metered: Mapping[int, FaceBox]


def _say_nothing(text: str) -> None:
    """Stand where nobody listens."""


def plan_tracks(plan: JobPlan, surveys: Sequence[Survey], warn: Warn = _say_nothing) -> list[TrackPlan]:
    """Return the tracks to restore, in the order of their shots and numbers.

    ``warn`` is told of a choice that is doubtful.

    Raises NoFaceFound when the job's frames show no face at all, FaceTrackNotFound for a number, id, place or
    person that they do not show, MaskIsEmpty when the crop should follow a mask that is empty everywhere.
    """
    regions = _regions(plan, surveys, warn)
    if not regions:
        raise mask_is_empty(plan.frames) if _follows_mask(plan) else no_face_found(plan.plate, plan.frames)
    return [track_plan(plan, region.crop, _exposed(plan, region)) for region in regions]


def track_plan(plan: JobPlan, crop: CropTrack, domain: ModelDomain) -> TrackPlan:
    """Return the plan of a whole track, with the size that its crops have in the job."""
    return TrackPlan(index=crop.index, crop=crop, domain=domain, crop_px=crop_size(plan.crop_sizes, crop))


def spool_bytes(plan: JobPlan, tracks: Sequence[TrackPlan]) -> int:
    """Return the disk space of all tracks' crops and of their results, in the planes that the job has."""
    planes = plan.model.planes + OutputPlanes.of(plan).count
    return sum(len(track.frames) * crop_bytes(track.crop_px, planes) for track in tracks)


def model_for_largest_crop(model: ModelSpec, tracks: Sequence[TrackPlan]) -> ModelSpec:
    """Return the model as it sees the largest crop of a job: what its memory goes by."""
    largest = max((track.crop_px for track in tracks), default=model.crop_px)
    return replace(model, crop_px=largest)


def require_memory_for(plan: JobPlan, tracks: Sequence[TrackPlan], device: str) -> None:
    """Raise JobNeedsMoreMemory unless plate, model and the longest track's latents fit together."""
    display = plan.display
    require_job_memory(
        model_for_largest_crop(plan.model, tracks),
        plate_pixels=display.width * display.height,
        longest_track=max((len(track.frames) for track in tracks), default=0),
        device=device,
        preset=plan.preset,
        sampler=plan.spec.sampler,
    )


def all_face_tracks(surveys: Sequence[Survey]) -> list[tuple[Survey, FaceTrack]]:
    """Return every detected face of every shot, numbered from 0 through all shots.

    A track that is held towards its shot's ends stops where there is nothing but an even tone: a face that
    was only missed shows at least a blur.
    """
    found: list[tuple[Survey, FaceTrack]] = []
    for survey in surveys:
        for shot in survey.shots:
            for track in build_tracks(survey.faces, shot):
                shown = without_blank_ends(track, survey.shows_nothing)
                found.append((survey, replace(shown, index=len(found))))
    return found


def _exposed(plan: JobPlan, region: _Region) -> ModelDomain:
    stops = plan.spec.colour.exposure_stops
    if stops is None:
        stops = 0.0 if plan.domain.is_passthrough else region.survey.exposure(region.metered)
    return ModelDomain.build(plan.colour.config, plan.colour.space, stops) if stops else plan.domain


def _follows_mask(plan: JobPlan) -> bool:
    return plan.spec.faces.mode == "mask" and plan.crop_tracks is None


def _regions(plan: JobPlan, surveys: Sequence[Survey], warn: Warn) -> list[_Region]:
    if plan.crop_tracks is None and plan.spec.faces.mode in DETECTING_MODES:
        return _detected(plan, surveys, warn)
    return [
        _Region(survey, crop, _middles(crop, plan.pixel_aspect))
        for survey in surveys
        for shot in survey.shots
        for crop in _given(plan, shot.frames)
    ]


def _detected(plan: JobPlan, surveys: Sequence[Survey], warn: Warn) -> list[_Region]:
    """Return the chosen ones of the detected faces."""
    numbered = all_face_tracks(surveys)
    wanted = {track.index for track in _chosen(plan, surveys, numbered, warn)} if numbered else set()
    _warn_of_unseen_ends([pair for pair in numbered if pair[1].index in wanted], warn)
    framing = plan.model.framing(plan.spec.tasks)
    return [_region(plan, survey, track, framing) for survey, track in numbered if track.index in wanted]


def _warn_of_unseen_ends(chosen: Sequence[tuple[Survey, FaceTrack]], warn: Warn) -> None:
    """Report where a face is restored though it was not seen yet, or no more: it may not be there.

    Gaps between two sightings, and frames that were not looked at, are no news.
    """
    for survey, track in chosen:
        unseen = unseen_ends(track, survey.faces.keys())
        if unseen:
            places = " and ".join(map(_words, unseen))
            warn(
                f"Face {track.index} was looked for and not seen in {places}, and is restored there all the "
                "same, where it was nearest in time. If it is not there, leave these frames out."
            )


def _words(frames: range) -> str:
    return f"frame {frames[0]}" if len(frames) == 1 else f"frames {frames[0]}-{frames[-1]}"


def _region(plan: JobPlan, survey: Survey, track: FaceTrack, framing: Framing = PUBLISHED) -> _Region:
    crop = smooth_track(
        track,
        plan.display,
        plan.pixel_aspect,
        expand=(framing.side_in_faces - 1.0) / 2.0,
        upward=framing.upward_in_faces,
    )
    return _Region(survey, crop, track.boxes)


def _chosen(
    plan: JobPlan, surveys: Sequence[Survey], numbered: Sequence[tuple[Survey, FaceTrack]], warn: Warn
) -> Sequence[FaceTrack]:
    faces = plan.spec.faces
    tracks = [track for _, track in numbered]
    if faces.mode == "index":
        return choose_tracks(tracks, "index", faces.indices)
    if faces.mode == "id":
        return tracks_by_id(tracks, faces.ids)
    if faces.mode == "point":
        return tracks_at(tracks, faces.points)
    shots = [shot for survey in surveys for shot in survey.shots]
    in_shots = [[track for track in tracks if track.first_frame in shot.frames] for shot in shots]
    if faces.mode == "largest":
        return [track for inside in in_shots for track in choose_tracks(inside, "largest")]
    if faces.mode == "photo":
        regions = {track.index: _region(plan, survey, track) for survey, track in numbered}
        seen = {n: track_portraits(plan, r.crop, r.metered, _exposed(plan, r)) for n, r in regions.items()}
        return people_in_shots(plan.people, in_shots, seen, warn)
    return tracks


def _given(plan: JobPlan, frames: range) -> list[CropTrack]:
    """Return the crops of one shot that need no detection; a box has the same number in every shot."""
    faces = plan.spec.faces
    if plan.crop_tracks is not None:
        parts = (track.clip(frames[0], frames[-1]) for track in plan.crop_tracks)
        return [part for part in parts if part is not None]
    if faces.mode == "frame":
        return [track_of_frame(0, frames, plan.display, plan.pixel_aspect)]
    if faces.mode == "box":
        return [
            track_of_box(
                i, frames, x=b.x, y=b.y, width=b.width, height=b.height, pixel_aspect=plan.pixel_aspect
            )
            for i, b in enumerate(faces.boxes)
        ]
    return _around_mask(plan, frames)


def _around_mask(plan: JobPlan, frames: range) -> list[CropTrack]:
    """Return the crop that follows the mask, from the first to the last frame in which it is not empty."""
    assert plan.mask is not None
    seen = {}
    for frame in frames:
        box = matte_box(plan.mask.read(frame, plan.display), plan.display)
        if box is not None:
            seen[frame] = box
    if not seen:
        return []
    stretch = range(min(seen), max(seen) + 1)
    return [
        smooth_track(filled_track(0, seen, stretch), plan.display, plan.pixel_aspect, expand=_MASK_EXPAND)
    ]


def _middles(crop: CropTrack, pixel_aspect: float) -> dict[int, FaceBox]:
    """Return the middle of each crop, where a face would be: what is metered."""
    boxes = {}
    for frame, x, y, side in zip(crop.frames, crop.centre_x, crop.centre_y, crop.side_px, strict=True):
        width, height = 0.5 * side / pixel_aspect, 0.5 * side
        boxes[frame] = FaceBox(
            x=float(x - width / 2),
            y=float(y - height / 2),
            width=float(width),
            height=float(height),
            score=1.0,
        )
    return boxes
