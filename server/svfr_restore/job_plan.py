"""Everything that can be known about a job before the model runs: opened, checked, all problems together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from svfr.model_spec import ModelSpec, Preset
from svfr_client.errors import SvfrError, raise_problems
from svfr_client.frames import FrameRange
from svfr_client.messages import JobSpec
from svfr_ocio.contract import Agreement, agree
from svfr_ocio.domain import ModelDomain
from svfr_restore.crops.crop_file import read_tracks
from svfr_restore.errors import NoFramesAsked, ReferenceCannotBeUsed, UnknownPreset
from svfr_restore.frame_feed import JobFrames, plan_frames
from svfr_restore.mask_feed import MaskFeed, open_mask
from svfr_restore.media.output import ExistingPolicy, OutputPlan, plan_output
from svfr_restore.media.plate import Plate, open_plate
from svfr_restore.media.plate_check import MissingPolicy, check_plate
from svfr_restore.media.window import Window
from svfr_restore.models import ModelCache

T = TypeVar("T")


@dataclass(frozen=True)
class JobPlan:
    """A job whose inputs are open and sound.

    ``colour`` is the agreed config and space, ``domain`` the model domain with no exposure, ``preset`` None
    for the built-in models without a network.
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

    @property
    def display(self) -> Window:
        """The plate's display window."""
        return self.plate.display

    @property
    def pixel_aspect(self) -> float:
        """Width over height of a plate pixel."""
        return self.plate.pixel_aspect

    @property
    def crop_px(self) -> int:
        """The side of the crops the model sees."""
        return self.model.crop_px


class _Findings:
    """Collects what is wrong, so that a user mends everything at once."""

    def __init__(self) -> None:
        self.problems: list[SvfrError] = []

    def attempt(self, action: Callable[[], T]) -> T | None:
        """Return the action's result, or None after noting why it failed."""
        try:
            return action()
        except SvfrError as problem:
            self.problems.append(problem)
            return None


def plan_job(spec: JobSpec, models: ModelCache) -> JobPlan:
    """Open and check everything a job names. Raises the one problem, or SeveralProblems with all of them."""
    found = _Findings()
    found.problems += spec.problems()
    raise_problems(found.problems)  # nothing below makes sense for a job that contradicts itself

    model = found.attempt(lambda: models.spec(spec.model))
    if model is not None:
        found.problems += models.problems(spec.model)
    preset = found.attempt(lambda: _preset(model, spec)) if model is not None else None
    plate = found.attempt(lambda: open_plate(spec.plate))
    frames = found.attempt(lambda: _frames(spec, plate)) if plate is not None else None
    if plate is not None and frames is not None:
        found.problems += check_plate(plate, frames.read, _missing(spec))
    colour = found.attempt(lambda: agree(spec.colour, plate.colour_hint)) if plate is not None else None
    domain = found.attempt(lambda: ModelDomain.build(colour.config, colour.space)) if colour else None
    mask = found.attempt(lambda: open_mask(spec, plate.display)) if plate is not None else None
    if mask is not None and frames is not None:
        found.problems += mask.check(frames.read)
    if spec.crop_tracks is not None:
        found.attempt(lambda: read_tracks(Path(str(spec.crop_tracks))))
    found.problems += _photo_problems(spec)
    output = None
    if plate is not None and frames is not None:
        output = found.attempt(
            lambda: plan_output(spec.output, frames.written, cast(ExistingPolicy, spec.existing), plate)
        )
    raise_problems(found.problems)
    assert plate and frames and colour and domain and model and output
    return JobPlan(spec, plate, frames, mask, colour, domain, model, preset, output)


def _frames(spec: JobSpec, plate: Plate) -> JobFrames:
    asked = FrameRange.parse(spec.frames)
    frames = plan_frames(asked, plate.frames, spec.handles, spec.write_handles, _missing(spec))
    if not frames.written:
        raise NoFramesAsked(
            f"None of the frames {asked} is in the plate, which has {plate.frames[0]} to {plate.frames[-1]}.",
            frame=asked.first,
            path=plate.pattern,
            remedy="Choose frames of the plate.",
        )
    return frames


def _missing(spec: JobSpec) -> MissingPolicy:
    return cast(MissingPolicy, spec.missing)  # one of them: JobSpec.problems() was empty


def _preset(model: ModelSpec | None, spec: JobSpec) -> Preset | None:
    if model is None or model.kind != "diffusion":
        return None
    if spec.preset not in model.presets:
        raise UnknownPreset(
            f"The model {model.name} has no preset {spec.preset!r}.",
            remedy=f"Choose one of {', '.join(model.presets)}.",
        )
    return model.presets[spec.preset]


def _photo_problems(spec: JobSpec) -> list[SvfrError]:
    return [
        ReferenceCannotBeUsed(
            "The reference photo does not exist.", path=r.photo, remedy="Check the path of the photo."
        )
        for r in spec.references
        if r.photo is not None and not Path(r.photo).is_file()
    ]
