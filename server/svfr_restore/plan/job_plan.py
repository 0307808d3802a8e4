"""Everything that can be known about a job before the model runs: opened, checked, all problems together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch

from svfr.models.spec import ArcFaceSpec, DiffusionSpec, ModelSpec, Preset
from svfr_client.errors import SeveralProblems, SvfrError, raise_problems
from svfr_client.frames import FrameRange
from svfr_client.job import JobSpec
from svfr_client.job_checks import job_problems, job_type_problems
from svfr_client.output_names import files_named
from svfr_client.transfer.job_files import named_paths
from svfr_client.vocabulary import OWN
from svfr_ocio.contract import Agreement, agree
from svfr_ocio.domain import ModelDomain
from svfr_restore.crops.crop_file import read_tracks
from svfr_restore.crops.crop_track import CropTrack, track_of_box
from svfr_restore.errors import (
    BoxMissesPlate,
    FaceTrackNotFound,
    NoFramesAsked,
)
from svfr_restore.faces.likeness import LikenessFinder, Portrait
from svfr_restore.faces.points import FacePointFinder
from svfr_restore.mattes.mask_feed import MaskFeed, open_mask
from svfr_restore.media.feed import nearest_before
from svfr_restore.media.output import OutputPlan, plan_output
from svfr_restore.media.plate import PictureChoice, Plate, open_plate
from svfr_restore.media.plate_check import check_plate
from svfr_restore.media.window import Window
from svfr_restore.plan.frames import JobFrames, plan_frames
from svfr_restore.plan.layer_checks import layer_problems
from svfr_restore.plan.models import ModelCache
from svfr_restore.plan.photo import photo_portrait, photo_reference, require_photo
from svfr_restore.plan.precheck import nothing_to_restore, unmarked

T = TypeVar("T")

_EXPERIMENTAL = "The preset {} of {} is experimental: it skips work, and nobody has judged the pictures yet."


@dataclass(frozen=True, kw_only=True)
class JobPlan:
    """A job whose inputs are open and sound.

    ``colour`` is the agreed config and space, ``domain`` the model domain with no exposure, ``preset`` None
    for the built-in models without a network, ``crop_tracks`` those of the job's file or None, ``photos``
    the reference pictures (3, S, S) in [-1, 1] by path, ``people`` the portraits of the photos that faces are
    chosen by.
    """

    spec: JobSpec
    plate: Plate
    frames: JobFrames
    mask: MaskFeed | None
    colour: Agreement
    domain: ModelDomain
    model: ModelSpec
    preset: Preset | None
    output: OutputPlan
    crop_tracks: tuple[CropTrack, ...] | None
    photos: Mapping[str, torch.Tensor]
    people: Mapping[str, Portrait]

    @property
    def notes(self) -> tuple[str, ...]:
        """What whoever runs the job, whole or in parts, should tell its user: of plate, mask and preset."""
        of_mask = () if self.mask is None else self.mask.notes
        notes = [*self.plate.notes, *of_mask, *self._holes(), *_boxes_beyond(self.spec, self.plate)]
        if self.frames.lacking:
            lacking = FrameRange.of(self.frames.lacking)
            notes.append(f"The plate has no frames {lacking}: the handles end where it does.")
        if self.preset is not None and self.preset.is_experimental:
            notes.append(_EXPERIMENTAL.format(self.spec.preset, self.spec.model))
        return tuple(notes)

    def _holes(self) -> list[str]:
        """Return what becomes of frames that are asked for and that the plate lacks."""
        holes = set(FrameRange.parse(self.spec.frames)) - set(self.plate.frames)
        if not holes:
            return []
        fate = "a neighbour stands in for each" if self.spec.missing == "hold" else "they are left out"
        return [f"The plate has no frames {FrameRange.of(holes)}: {fate}."]

    @property
    def held(self) -> dict[int, int]:
        """The frames that are written and that the plate lacks, each with the one that stands in for it."""
        there = self.plate.frames
        absent = sorted(set(self.frames.written) - set(there))
        return {frame: nearest_before(there, frame) for frame in absent}

    @property
    def display(self) -> Window:
        """The plate's display window."""
        return self.plate.display

    @property
    def pixel_aspect(self) -> float:
        """Width over height of a plate pixel."""
        return self.plate.pixel_aspect

    @property
    def detail(self) -> float:
        """How much of the model's detail is added, 0 to 1: the job's, else the preset's, else none."""
        return self.model.detail_amount(self.spec.preset, self.spec.detail)

    @property
    def crop_sizes(self) -> tuple[int, ...]:
        """The sides of the crops that the model sees, rising; see :mod:`svfr_restore.plan.crop_size`."""
        return _crop_sizes(self.spec, self.model, self.preset)


@dataclass
class _Findings:
    """Collects what is wrong, so that a user can fix everything at once."""

    problems: list[SvfrError] = field(default_factory=list)

    def attempt(self, action: Callable[[], T]) -> T | None:
        """Return the action's result, or None after noting why it failed."""
        try:
            return action()
        except SeveralProblems as several:
            self.problems += several.problems
        except SvfrError as problem:
            self.problems.append(problem)
        return None


def _as_handed_in(spec: JobSpec) -> JobSpec:
    """Return the job with a client's word for existing files, where a server that resumes it set its own."""
    return replace(spec, existing="error") if str(spec.existing) == OWN else spec


def plan_job(spec: JobSpec, models: ModelCache) -> JobPlan:
    """Open and check everything a job names. Raises the one problem, or SeveralProblems with all of them.

    Whether the frames show a face is only told here when something else is wrong: a sound job looks at
    them anyway.
    """
    raise_problems(job_type_problems(spec))
    found = _Findings(job_problems(_as_handed_in(spec)))
    model, preset = _model(spec, models, found)
    choice = PictureChoice(layer=spec.plate_layer, part=spec.plate_part, view=spec.plate_view)
    plate = found.attempt(lambda: open_plate(spec.plate, choice))
    frames = _frames(spec, plate, found) if plate is not None else None
    sound_before = len(found.problems)
    if plate is not None and frames is not None:
        found.problems += check_plate(
            plate, frames.needed(plate.frames), spec.missing, ask_colour=_is_stated_by_file(spec)
        )
    is_readable = len(found.problems) == sound_before
    colour, domain = _colour(spec, plate, found)
    mask = found.attempt(lambda: open_mask(spec, plate)) if plate is not None else None
    if mask is not None and frames is not None:
        found.problems += mask.check(frames.written)
    crop_tracks = found.attempt(lambda: _crop_tracks(spec, frames))
    if plate is not None:
        found.problems += _box_problems(spec, plate)
    largest = None if model is None else _crop_sizes(spec, model, preset)[-1]
    photos = _photos(spec, largest, colour, found)
    people = _people(spec, colour, found)
    output = _output(spec, plate, frames, found)
    if found.problems and is_readable and plate and frames and frames.read and domain:
        unseen = nothing_to_restore(spec, plate, frames, domain, mask)
        found.problems += [] if unseen is None else [unseen]
    elif mask is not None and plate and frames and not found.problems:
        found.problems += [p for p in (unmarked(plate, frames, mask),) if p is not None]
    raise_problems(found.problems)
    assert plate and frames and colour and domain and model and output
    return JobPlan(
        spec=spec,
        plate=plate,
        frames=frames,
        mask=mask,
        colour=colour,
        domain=domain,
        model=model,
        preset=preset,
        output=output,
        crop_tracks=crop_tracks,
        photos=photos,
        people=people,
    )


def _model(spec: JobSpec, models: ModelCache, found: _Findings) -> tuple[ModelSpec | None, Preset | None]:
    model = found.attempt(lambda: models.spec(spec.model))
    if model is None:
        return None, None
    found.problems += models.problems(spec.model)
    if isinstance(model, DiffusionSpec) and isinstance(model.identity, ArcFaceSpec):
        found.attempt(FacePointFinder)  # its weights are needed in the middle of the job
    if spec.detail:
        found.attempt(lambda: model.detail_amount(spec.preset, spec.detail))
    preset = found.attempt(lambda: _preset(model, spec.preset))
    if preset is not None and spec.sampler == "official":
        found.attempt(lambda: preset.require_exact(spec.preset))
    found.problems += layer_problems(spec, model, preset)
    return model, preset


def _preset(model: ModelSpec, name: str) -> Preset | None:
    return model.preset(name) if isinstance(model, DiffusionSpec) else None


def _frames(spec: JobSpec, plate: Plate, found: _Findings) -> JobFrames | None:
    try:
        asked = FrameRange.parse(spec.frames)
        context = None if spec.context is None else FrameRange.parse(spec.context)
    except SvfrError:
        return None  # job_problems has it already
    handles = max(spec.handles, 0)
    frames = plan_frames(
        asked,
        plate.frames,
        handles=handles,
        write_handles=spec.write_handles,
        missing=spec.missing,
        context=context,
    )
    if frames.written:
        return frames
    found.problems.append(
        NoFramesAsked(
            f"None of the frames {asked} is in the plate, which has {plate.frames[0]} to {plate.frames[-1]}.",
            frame=asked.first,
            path=plate.pattern,
            remedy="Choose frames of the plate.",
        )
    )
    return None


def _colour(
    spec: JobSpec, plate: Plate | None, found: _Findings
) -> tuple[Agreement | None, ModelDomain | None]:
    if plate is None and spec.colour.space is None and spec.colour.interop_id is None:
        return None, None  # the plate would have said
    colour = found.attempt(
        lambda: agree(spec.colour, plate.colour_hint if plate else None, plate.colour.words if plate else "")
    )
    if colour is None:
        return None, None
    return colour, found.attempt(lambda: ModelDomain.build(colour.config, colour.space))


def _is_stated_by_file(spec: JobSpec) -> bool:
    """Return whether the plate's own tags say what its colours are."""
    return spec.colour.space is None and spec.colour.interop_id is None


def _crop_tracks(spec: JobSpec, frames: JobFrames | None) -> tuple[CropTrack, ...] | None:
    """Read the job's crop-track file: the chosen faces, at least one of them in the frames."""
    if spec.crop_tracks is None:
        return None
    path = Path(spec.crop_tracks)
    tracks = read_tracks(path)
    if spec.faces.mode == "index":
        there = {track.index for track in tracks}
        missing = sorted(set(spec.faces.indices) - there)
        if missing:
            raise FaceTrackNotFound(
                f"The crop-track file has no face {', '.join(map(str, missing))}.",
                path=path,
                remedy=f"Its faces are {', '.join(map(str, sorted(there)))}.",
            )
        tracks = [track for track in tracks if track.index in spec.faces.indices]
    if frames is not None and not any(_covers(track, frames.read) for track in tracks):
        raise FaceTrackNotFound(
            f"No track of the crop-track file covers any frame from {frames.read[0]} to {frames.read[-1]}.",
            frame=frames.read[0],
            path=path,
            remedy="Extend its tracks, or choose frames that they cover.",
        )
    return tuple(tracks)


def _covers(track: CropTrack, frames: Sequence[int]) -> bool:
    return any(frame in track.frames for frame in frames)


def _box_problems(spec: JobSpec, plate: Plate) -> list[SvfrError]:
    """Return a problem for every box that is no region of the plate."""
    if spec.faces.mode != "box" or spec.crop_tracks is not None:
        return []
    problems: list[SvfrError] = []
    seen = plate.display.union(plate.data_window)
    for box in spec.faces.boxes:
        try:
            track_of_box(
                0,
                range(1),
                x=box.x,
                y=box.y,
                width=box.width,
                height=box.height,
                pixel_aspect=plate.pixel_aspect,
            )
        except SvfrError as problem:
            problems.append(problem)
            continue
        outside_x = box.x + box.width <= seen.x or box.x >= seen.right
        if outside_x or box.y + box.height <= seen.y or box.y >= seen.bottom:
            problems.append(
                BoxMissesPlate(
                    f"The box {box.x:g},{box.y:g},{box.width:g},{box.height:g} lies outside the plate.",
                    path=plate.pattern,
                    remedy=f"The plate covers {seen.x},{seen.y},{seen.width},{seen.height}.",
                )
            )
    return problems


def _boxes_beyond(spec: JobSpec, plate: Plate) -> list[str]:
    """Return a note for every box that is partly beyond the plate, by more than a pixel."""
    if spec.faces.mode != "box" or spec.crop_tracks is not None:
        return []
    seen = plate.display.union(plate.data_window)
    return [
        f"The box {box.x:g},{box.y:g},{box.width:g},{box.height:g} reaches beyond the plate, which covers "
        f"{seen.x},{seen.y},{seen.width},{seen.height}: what lies outside is made up for the model."
        for box in spec.faces.boxes
        if min(box.x - seen.x, box.y - seen.y) < -1.0
        or max(box.x + box.width - seen.right, box.y + box.height - seen.bottom) > 1.0
    ]


def _crop_sizes(spec: JobSpec, model: ModelSpec, preset: Preset | None) -> tuple[int, ...]:
    """Return the model's own size alone where its networks must see the face as they learnt it.

    Noise and compression are of a few pixels, so bfr sees more in more pixels. What colour a face has, and
    what a hole hid, is told by its whole, of which a larger crop shows less at a time.
    """
    if preset is None or not isinstance(model, DiffusionSpec) or spec.tasks != ("bfr",):
        return (model.crop_px,)
    return model.crop_sizes(preset)


def _photos(
    spec: JobSpec, crop_px: int | None, colour: Agreement | None, found: _Findings
) -> dict[str, torch.Tensor]:
    """Return the reference photos' faces; without their side and colour only check that they are there."""
    photos: dict[str, torch.Tensor] = {}
    for name in dict.fromkeys(r.photo for r in spec.references if r.photo is not None):
        path = Path(name)
        if crop_px is None or colour is None:
            found.attempt(partial(require_photo, path))
            continue
        make = partial(photo_reference, path, crop_px, colour.config, colour.space)
        picture = found.attempt(make)
        if picture is not None:
            photos[name] = picture
    return photos


def _people(spec: JobSpec, colour: Agreement | None, found: _Findings) -> dict[str, Portrait]:
    """Return the portraits of the people that the job chooses; without colour only look whether they are."""
    names = dict.fromkeys(spec.faces.photos) if spec.faces.mode == "photo" and not spec.crop_tracks else ()
    people: dict[str, Portrait] = {}
    finder = found.attempt(LikenessFinder) if names else None
    for name in names:
        if finder is None or colour is None:
            found.attempt(partial(require_photo, Path(name)))
            continue
        make = partial(photo_portrait, Path(name), finder, colour.config, colour.space)
        portrait = found.attempt(make)
        if portrait is not None:
            people[name] = portrait
    return people


def _output(
    spec: JobSpec, plate: Plate | None, frames: JobFrames | None, found: _Findings
) -> OutputPlan | None:
    """Plan the output; without a sound range its folder and pattern are still looked at."""
    if plate is None:
        return None
    written = plate.frames[:1] if frames is None else frames.written
    beside = [name for name in named_paths(spec) if name != spec.plate]
    inputs = [path for name in beside for path in files_named(name, written)]
    job_hash = spec.pixels_key()
    return found.attempt(
        lambda: plan_output(spec.output, written, spec.existing, plate, inputs=inputs, job_hash=job_hash)
    )
