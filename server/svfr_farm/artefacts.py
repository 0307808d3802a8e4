"""What the steps of a shot leave for each other, in the plan's folder: whole files that carry their origin.

``reference.json``, written last by the first step, names the tracks, how they are shared out and the hash of
each track's reference. ``reference-N.safetensors`` holds one track's reference picture and identity tokens.
``segment-N.safetensors`` holds the latents of a segment's pieces, the hash of what they were made of, and the
kind of device that made them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from svfr.validation import read_json_file
from svfr_client.errors import SvfrError, each_of
from svfr_client.files import open_regular, whole_file, write_whole
from svfr_client.reasons import reason_of
from svfr_client.records import Record, from_plain, sha256_of, to_plain
from svfr_farm.errors import ArtefactDiffers, ArtefactIsMissing, InputWasChanged
from svfr_farm.inputs import Inputs, Stamp, content_sha256
from svfr_farm.plan import PlanFile
from svfr_farm.segments import Piece
from svfr_ocio.config import open_config
from svfr_restore.crops.crop_track import CropTrack
from svfr_restore.mattes.mask_feed import open_mask
from svfr_restore.media.plate import open_plate
from svfr_restore.media.plate_base import PictureChoice

FORMAT = 1
REFERENCE_GLOB = "reference*"
_AGAIN = "The reference step has to run again, and segments after it."


@dataclass(frozen=True, kw_only=True)
class PlannedTrack(Record):
    """One track: its crops, exposure and pieces; ``reference_sha256`` None where no network runs."""

    crop: CropTrack
    exposure_stops: float
    reference_sha256: str | None
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, kw_only=True)
class ShotReference(Record):
    """What the reference step found out about a shot.

    ``inputs`` are the stamps of all that the shot is made of (:mod:`svfr_farm.inputs`), ``device`` the kind
    that made the references.
    """

    format: int = FORMAT
    plan_sha256: str
    tracks: tuple[PlannedTrack, ...]
    inputs: Mapping[str, Stamp]
    device: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrackReference:
    """The reference picture (3, S, S) in [-1, 1] of one track and its identity tokens (1, L, C)."""

    picture: torch.Tensor
    tokens: torch.Tensor


def write_track_reference(file: PlanFile, number: int, reference: TrackReference) -> str:
    """Write one track's reference and return its hash."""
    tensors = {"picture": reference.picture, "tokens": reference.tokens}
    _write_tensors(_reference_path(file, number), tensors, {"plan_sha256": file.sha256})
    return _content_sha256(tensors)


def write_reference(file: PlanFile, reference: ShotReference) -> None:
    """Write the shot's reference file: from now on segments may begin."""
    write_whole(file.reference_path, json.dumps(to_plain(reference), indent=1) + "\n")


def read_reference(file: PlanFile) -> ShotReference:
    """Read it. Raises ArtefactIsMissing before the step has run, ArtefactDiffers if it is another plan's."""
    path = file.reference_path
    try:
        body: Any = read_json_file(path)
        reference = from_plain(ShotReference, body, "reference")
    except FileNotFoundError as problem:
        text = "The shot's reference has not been made yet."
        raise ArtefactIsMissing(text, path=path, remedy="Run the reference step first.") from problem
    except (OSError, ValueError, SvfrError) as problem:
        raise ArtefactDiffers(
            f"It cannot be read: {reason_of(problem)}.", path=path, remedy=_AGAIN
        ) from problem
    if (reference.format, reference.plan_sha256) != (FORMAT, file.sha256):
        raise ArtefactDiffers("The reference was made for another plan.", path=path, remedy=_AGAIN)
    return reference


def read_track_reference(file: PlanFile, number: int, track: PlannedTrack) -> TrackReference:
    """Read one track's reference. Raises ArtefactDiffers unless it is, bit for bit, the shot's."""
    path = _reference_path(file, number)
    tensors, origin = _read_tensors(path, _AGAIN)
    names_fit = set(tensors) == {"picture", "tokens"} and origin.get("plan_sha256") == file.sha256
    if not names_fit or _content_sha256(tensors) != track.reference_sha256:
        text = "The reference is not the one that the shot's other segments have."
        raise ArtefactDiffers(text, path=path, remedy=_AGAIN)
    return TrackReference(tensors["picture"], tensors["tokens"])


def write_segment(
    file: PlanFile,
    index: int,
    latents: Mapping[int, torch.Tensor],
    made_of: str,
    *,
    device: str,
) -> None:
    """Write a segment's latents by track number; ``made_of`` is what :func:`segment_origin` says of them."""
    origin = {
        "plan_sha256": file.sha256,
        "segment": str(index),
        "device": device,
        "made_of": made_of,
    }
    tensors = {f"track{number}": value for number, value in latents.items()}
    origin["content_sha256"] = _content_sha256(tensors)
    _write_tensors(file.segment_path(index), tensors, origin)


def pieces_of_segment(reference: ShotReference, index: int) -> list[Piece]:
    """Return what a segment restores by a network."""
    tracks = [track for track in reference.tracks if track.reference_sha256 is not None]
    return [piece for track in tracks for piece in track.pieces if piece.segment == index]


def segment_origin(file: PlanFile, index: int, reference: ShotReference) -> str:
    """Return the hash of all that decides a segment's latents but the plan.

    That is its tracks (crops, exposure, division, reference) and what the files hold that it looks at: a mask
    only where it is a hole to fill.
    """
    pieces = pieces_of_segment(reference, index)
    tracks = {str(piece.track): to_plain(reference.tracks[piece.track]) for piece in pieces}
    seen = {frame for piece in pieces for frame in range(piece.seen[0], piece.seen[1] + 1)}
    without = "" if "inpaint" in file.plan.job.tasks else "mask"
    return sha256_of([tracks, content_sha256(reference.inputs, seen, without)])


def read_segment(file: PlanFile, index: int, reference: ShotReference) -> tuple[dict[int, torch.Tensor], str]:
    """Return a segment's latents by track number, and the kind of device that made them.

    Raises ArtefactIsMissing, and ArtefactDiffers for damage, another plan or segment, another reference than
    the shot's, or another plate or mask: parts that were restored towards different faces, or of different
    pictures, must never be joined.
    """
    path = file.segment_path(index)
    remedy = f"Segment {index} has to run again."
    tensors, origin = _read_tensors(path, remedy)
    if (origin.get("plan_sha256"), origin.get("segment")) != (file.sha256, str(index)):
        text = f"The file of segment {index} was made for another segment or plan."
        raise ArtefactDiffers(text, path=path, remedy=remedy)
    if origin.get("made_of") != segment_origin(file, index, reference):
        text = f"Segment {index} was made with another reference, or of another plate or mask."
        raise ArtefactDiffers(text, path=path, remedy=remedy)
    if _content_sha256(tensors) != origin.get("content_sha256"):
        raise ArtefactDiffers(f"Segment {index} is damaged.", path=path, remedy=remedy)
    return {int(name.removeprefix("track")): value for name, value in tensors.items()}, origin["device"]


def change_since(file: PlanFile) -> SvfrError | None:
    """Return what became another since a shot's reference was made, as this machine sees its files.

    None for nothing, and where they, or the reference, cannot be read here: the steps will say so.
    """
    job = file.plan.job_here()
    choice = PictureChoice(layer=job.plate_layer, part=job.plate_part, view=job.plate_view)
    frames = tuple(frame for first, last in file.plan.read for frame in range(first, last + 1))
    try:
        stamps = read_reference(file).inputs
        plate = open_plate(job.plate, choice)
        config = open_config(job.colour.config, job.colour.context, job.colour.reference_space)
        mask = open_mask(job, plate)
        inputs = Inputs(spec=job, plate=plate, mask=mask, frames=frames, config=config.identity)
    except SvfrError:
        return None
    try:
        inputs.require_unchanged(stamps)
    except SvfrError as problem:
        return problem
    return None


def discard_unsound(file: PlanFile, problem: SvfrError) -> None:
    """Remove the artefacts that a problem found unsound: what is gone is what a later submission redoes.

    After a change of what the shot is made of, the reference goes; segments find out whether they still fit.
    """
    for one in each_of(problem):
        if one.code == InputWasChanged.code:
            with contextlib.suppress(OSError):
                file.reference_path.unlink(missing_ok=True)
        if one.code != ArtefactDiffers.code or one.path is None:
            continue
        path = Path(one.path)
        with contextlib.suppress(OSError):
            if path.match(REFERENCE_GLOB):
                file.reference_path.unlink(missing_ok=True)
            path.unlink(missing_ok=True)


def _reference_path(file: PlanFile, number: int) -> Path:
    return file.folder / f"reference-{number:04d}.safetensors"


def _content_sha256(tensors: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _write_tensors(path: Path, tensors: Mapping[str, torch.Tensor], origin: Mapping[str, str]) -> None:
    kept = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    with whole_file(path) as scratch:
        save_file(kept, scratch, metadata=dict(origin))


def _read_tensors(path: Path, remedy: str) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    try:
        with open_regular(path), safe_open(path, framework="pt") as opened:
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - no mapping
            return tensors, dict(opened.metadata() or {})
    except FileNotFoundError as problem:
        text = "What an earlier step makes is not there."
        raise ArtefactIsMissing(text, path=path, remedy=remedy) from problem
    except (OSError, ValueError, SafetensorError) as problem:
        text = f"The file cannot be read: {reason_of(problem)}."
        raise ArtefactDiffers(text, path=path, remedy=remedy) from problem
