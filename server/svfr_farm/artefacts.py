"""What the steps of a shot leave for each other, in the plan's folder: whole files that carry their origin.

``reference.json``, written last by the first step, names the tracks, how they are shared out and the hash of
each track's reference. ``reference-N.safetensors`` holds one track's reference picture and identity tokens.
``segment-N.safetensors`` holds the latents of a segment's pieces, the hashes of the references they were made
with, and the kind of device that made them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from svfr.validation import read_json, read_json_file
from svfr_client.errors import SvfrError
from svfr_client.files import whole_file, write_whole
from svfr_client.reasons import reason_of
from svfr_client.records import Record, from_plain, to_plain
from svfr_farm.errors import ArtefactDiffers, ArtefactIsMissing
from svfr_farm.plan import PlanFile
from svfr_farm.segments import Piece
from svfr_restore.crops.crop_track import CropTrack

FORMAT = 1
REFERENCE_FILE = "reference.json"
_AGAIN = "Run the reference step again; segments follow."


@dataclass(frozen=True, kw_only=True)
class PlannedTrack(Record):
    """One track: its crops, exposure and pieces; ``reference_sha256`` None where no network runs."""

    crop: CropTrack
    exposure_stops: float
    reference_sha256: str | None
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, kw_only=True)
class ShotReference(Record):
    """What the reference step found out about a shot. ``device`` is the kind that made the references."""

    format: int = FORMAT
    plan_sha256: str
    tracks: tuple[PlannedTrack, ...]
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
    write_whole(file.folder / REFERENCE_FILE, json.dumps(to_plain(reference), indent=1) + "\n")


def read_reference(file: PlanFile) -> ShotReference:
    """Read it. Raises ArtefactIsMissing before the step has run, ArtefactDiffers if it is another plan's."""
    path = file.folder / REFERENCE_FILE
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
    tensors, origin = _read_tensors(path)
    names_fit = set(tensors) == {"picture", "tokens"} and origin.get("plan_sha256") == file.sha256
    if not names_fit or _content_sha256(tensors) != track.reference_sha256:
        text = "The reference is not the one that the shot's other segments have."
        raise ArtefactDiffers(text, path=path, remedy=_AGAIN)
    return TrackReference(tensors["picture"], tensors["tokens"])


def write_segment(
    file: PlanFile,
    index: int,
    latents: Mapping[int, torch.Tensor],
    references: Mapping[int, str],
    device: str,
) -> None:
    """Write a segment's latents and the references they were made with, both by track number."""
    origin = {
        "plan_sha256": file.sha256,
        "device": device,
        "references": json.dumps({str(track): sha256 for track, sha256 in sorted(references.items())}),
    }
    tensors = {f"track{number}": value for number, value in latents.items()}
    origin["content_sha256"] = _content_sha256(tensors)
    _write_tensors(segment_path(file, index), tensors, origin)


def read_segment(file: PlanFile, index: int, reference: ShotReference) -> tuple[dict[int, torch.Tensor], str]:
    """Return a segment's latents by track number, and the kind of device that made them.

    Raises ArtefactIsMissing, and ArtefactDiffers for damage, another plan or other references than the
    shot's: parts that were restored towards different faces must never be joined.
    """
    path = segment_path(file, index)
    tensors, origin = _read_tensors(path)
    wanted = {
        str(n): t.reference_sha256
        for n, t in enumerate(reference.tracks)
        if t.reference_sha256 is not None and any(piece.segment == index for piece in t.pieces)
    }
    remedy = f"Run segment {index} again."
    if origin.get("plan_sha256") != file.sha256 or _references(origin) != wanted:
        text = f"Segment {index} was made for another plan or with another reference."
        raise ArtefactDiffers(text, path=path, remedy=remedy)
    if _content_sha256(tensors) != origin.get("content_sha256"):
        raise ArtefactDiffers(f"Segment {index} is damaged.", path=path, remedy=remedy)
    return {int(name.removeprefix("track")): value for name, value in tensors.items()}, origin["device"]


def _references(origin: Mapping[str, str]) -> Any:
    """Return the references that a segment names, None where it names none."""
    try:
        return read_json(origin.get("references", "null"))
    except ValueError:
        return None


def segment_path(file: PlanFile, index: int) -> Path:
    """Return the file of a segment."""
    return file.folder / f"segment-{index:04d}.safetensors"


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


def _read_tensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as opened:
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - no mapping
            return tensors, dict(opened.metadata() or {})
    except FileNotFoundError as problem:
        text = "What an earlier step makes is not there."
        raise ArtefactIsMissing(text, path=path, remedy="Run the step that makes it.") from problem
    except (OSError, SafetensorError) as problem:
        raise ArtefactDiffers(
            f"The file cannot be read: {reason_of(problem)}.", path=path, remedy=_AGAIN
        ) from problem
