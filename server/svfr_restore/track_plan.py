"""From a job's choice of faces to the crops that are restored: one plan for each face in each shot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from svfr_ocio.domain import ModelDomain
from svfr_restore.crops.crop_file import read_tracks
from svfr_restore.crops.crop_track import CropTrack, track_of_box, track_of_frame
from svfr_restore.crops.smoothing import smooth_track
from svfr_restore.errors import FaceTrackNotFound, MaskIsEmpty, NoFaceFound
from svfr_restore.faces.box import FaceBox
from svfr_restore.faces.choose import choose_tracks
from svfr_restore.faces.tracks import FaceTrack, build_tracks, filled_track
from svfr_restore.job_plan import JobPlan
from svfr_restore.mattes.matte import matte_box
from svfr_restore.survey import Survey

# Roto shapes are drawn around what is to be mended; the crop shows as much again around them.
_MASK_EXPAND = 0.5


@dataclass(frozen=True)
class TrackPlan:
    """One face in one shot: where its crop lies and how it enters the model domain.

    ``index`` numbers the faces of a job from 0, through all its shots. ``domain`` holds the exposure, which
    is constant within the shot.
    """

    index: int
    crop: CropTrack
    domain: ModelDomain

    @property
    def frames(self) -> range:
        """The absolute frames restored, consecutive."""
        return self.crop.frames


def plan_tracks(plan: JobPlan, surveys: Sequence[Survey]) -> list[TrackPlan]:
    """Return the tracks to restore, in the order of their numbers.

    Raises NoFaceFound when the job's frames show no face at all, FaceTrackNotFound for a number that does
    not exist, MaskIsEmpty when the crop should follow a mask that is empty everywhere.
    """
    found: list[TrackPlan] = []
    for survey, crop, boxes in _crops(plan, surveys):
        stops = plan.spec.colour.exposure_stops
        if stops is None:
            stops = 0.0 if plan.domain.is_passthrough else survey.exposure(boxes)
        domain = plan.domain
        if stops != 0.0:
            domain = ModelDomain.build(plan.colour.config, plan.colour.space, stops)
        found.append(TrackPlan(crop.index, crop, domain))
    if not found:
        _raise_nothing_found(plan)
    return found


def all_face_tracks(surveys: Sequence[Survey]) -> list[tuple[Survey, FaceTrack]]:
    """Return every detected face of every shot, numbered from 0 through all shots."""
    found: list[tuple[Survey, FaceTrack]] = []
    for survey in surveys:
        for shot in survey.shots:
            for track in build_tracks(survey.faces, shot):
                found.append((survey, replace(track, index=len(found))))
    return found


def _crops(plan: JobPlan, surveys: Sequence[Survey]) -> list[tuple[Survey, CropTrack, Mapping[int, FaceBox]]]:
    mode = plan.spec.faces.mode
    if plan.spec.crop_tracks is not None:
        return _saved_crops(plan, surveys)
    if mode in ("box", "frame", "mask"):
        return _given_crops(plan, surveys)
    return _detected_crops(plan, surveys)


def _detected_crops(
    plan: JobPlan, surveys: Sequence[Survey]
) -> list[tuple[Survey, CropTrack, Mapping[int, FaceBox]]]:
    faces = plan.spec.faces
    numbered = all_face_tracks(surveys)
    if faces.mode == "index":
        chosen = {t.index for t in choose_tracks([track for _, track in numbered], "index", faces.indices)}
    elif faces.mode == "all":
        chosen = {track.index for _, track in numbered}
    else:
        chosen = set()
        for survey in surveys:
            for shot in survey.shots:
                inside = [t for s, t in numbered if s is survey and shot.first <= t.first_frame <= shot.last]
                chosen |= {track.index for track in choose_tracks(inside, "largest")}
    return [
        (survey, smooth_track(track, plan.display, plan.pixel_aspect), track.boxes)
        for survey, track in numbered
        if track.index in chosen
    ]


def _given_crops(
    plan: JobPlan, surveys: Sequence[Survey]
) -> list[tuple[Survey, CropTrack, Mapping[int, FaceBox]]]:
    """Crops that need no detection; the same box is the same numbered face in every shot."""
    crops: list[tuple[Survey, CropTrack, Mapping[int, FaceBox]]] = []
    for survey in surveys:
        for shot in survey.shots:
            for crop in _given_in_shot(plan, shot.frames):
                crops.append((survey, crop, _boxes_of(crop, plan.pixel_aspect)))
    return crops


def _given_in_shot(plan: JobPlan, frames: range) -> list[CropTrack]:
    faces = plan.spec.faces
    if faces.mode == "frame":
        return [track_of_frame(0, frames, plan.display, plan.pixel_aspect)]
    if faces.mode == "box":
        return [
            track_of_box(i, frames, b.x, b.y, b.width, b.height, plan.pixel_aspect)
            for i, b in enumerate(faces.boxes)
        ]
    assert plan.mask is not None
    seen = {}
    for frame in frames:
        box = matte_box(plan.mask.read(frame, plan.display), plan.display)
        if box is not None:
            seen[frame] = box
    if not seen:
        return []
    stretch = range(min(seen), max(seen) + 1)
    return [smooth_track(filled_track(0, seen, stretch), plan.display, plan.pixel_aspect, _MASK_EXPAND)]


def _saved_crops(
    plan: JobPlan, surveys: Sequence[Survey]
) -> list[tuple[Survey, CropTrack, Mapping[int, FaceBox]]]:
    """Crop tracks an artist edited: cut at shots, chosen by number like detected ones."""
    assert plan.spec.crop_tracks is not None
    saved = read_tracks(Path(plan.spec.crop_tracks))
    faces = plan.spec.faces
    if faces.mode == "index":
        missing = sorted(set(faces.indices) - {track.index for track in saved})
        if missing:
            raise FaceTrackNotFound(
                f"The crop-track file has no track {', '.join(map(str, missing))}.",
                path=plan.spec.crop_tracks,
                remedy="Choose one of its indices.",
            )
        saved = [track for track in saved if track.index in faces.indices]
    crops: list[tuple[Survey, CropTrack, Mapping[int, FaceBox]]] = []
    for survey in surveys:
        for shot in survey.shots:
            for track in saved:
                part = track.clip(shot.first, shot.last)
                if part is not None:
                    crops.append((survey, part, _boxes_of(part, plan.pixel_aspect)))
    return crops


def _boxes_of(crop: CropTrack, pixel_aspect: float) -> dict[int, FaceBox]:
    """Return the middle of each crop, where a face would be: what is metered."""
    boxes = {}
    for frame, x, y, side in zip(crop.frames, crop.centre_x, crop.centre_y, crop.side_px, strict=True):
        width, height = 0.5 * side / pixel_aspect, 0.5 * side
        boxes[frame] = FaceBox(float(x - width / 2), float(y - height / 2), float(width), float(height), 1.0)
    return boxes


def _raise_nothing_found(plan: JobPlan) -> None:
    frames = plan.frames.read
    if plan.spec.faces.mode == "mask":
        raise MaskIsEmpty(
            "The mask is empty in every frame, so there is nowhere to look.",
            remedy="Check the mask's frame range, or choose the region by box.",
        )
    raise NoFaceFound(
        f"No face was found in any frame from {frames[0]} to {frames[-1]}.",
        frame=frames[0],
        path=plan.plate.pattern,
        remedy="Show where it is with a box (--box x,y,w,h) or a mask, or check the colour space.",
    )
