"""Alignments kept on disk, one small file a clip, found again by what they were computed from.

A file's name is a hash of the clip's content, of what the list says of it and of how it was aligned: a clip
that is replaced is aligned anew, one that is moved or listed again is not. Files appear whole or not at all,
so a run that was killed goes on with the clip it had in hand. A file that is damaged is computed again.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from svfr_client.files import whole_file
from svfr_client.sequences import PathPattern, is_sequence
from svfr_lab.clips.alignment import Alignment
from svfr_lab.clips.entries import ClipEntry
from svfr_lab.clips.list_file import plate_pattern
from svfr_restore.crops.crop_track import CropTrack
from svfr_restore.errors import CropTrackFileIsBad
from svfr_restore.faces.landmarks import PACKAGED_WEIGHTS

# Counts up when alignments of an earlier version must not be used any more.
_VERSION = 1
# Of larger files this much at both ends, and the size, stands for the content.
_END_BYTES = 1 << 16


@dataclass(frozen=True)
class NoFace:
    """What is remembered of a clip that shows no face."""


@dataclass(frozen=True)
class AlignmentCache:
    """The folder of a list's alignments; ``predictor_sha256`` is of the user's 68-point file, else empty."""

    folder: Path
    predictor_sha256: str = ""

    def key(self, path: Path, entry: ClipEntry) -> str:
        """Return the name under which the alignment of a clip is kept; reads the ends of its files."""
        pattern = plate_pattern(path)
        files = sorted(_files(pattern))
        digest = hashlib.sha256()
        region = (
            None
            if entry.region is None
            else [entry.region.kind, sorted(map(str, entry.region.by_frame.items()))]
        )
        facts = {
            "version": _VERSION,
            "frames": str(entry.frames),
            "space": entry.space,
            "region": region,
            "points": hashlib.sha256(PACKAGED_WEIGHTS.read_bytes()).hexdigest(),
            "predictor": self.predictor_sha256,
            # a sequence's frame numbers are in its names
            "names": [file.name for file in files] if is_sequence(pattern) else [],
        }
        digest.update(json.dumps(facts, sort_keys=True).encode())
        for file in files:
            digest.update(_ends(file))
        return digest.hexdigest()

    def load(self, key: str) -> Alignment | NoFace | None:
        """Return what is kept under a key, None for nothing or something damaged."""
        try:
            with np.load(self._path(key), allow_pickle=False) as kept:
                if not kept["has_face"]:
                    return NoFace()
                series = (kept["centre_x"], kept["centre_y"], kept["side_px"])
                crop = CropTrack(int(kept["index"]), int(kept["first_frame"]), *series)
                found = Alignment(
                    crop, float(kept["exposure_stops"]), kept["landmarks5"], kept["landmarks68"]
                )
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, CropTrackFileIsBad):
            return None
        whole = len(found.landmarks5) == len(found.landmarks68) == len(crop.frames)
        return found if whole else None

    def keep(self, key: str, found: Alignment | NoFace) -> None:
        """Write what was found; raises FileCannotBeWritten when the disk will not have it."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {"has_face": np.array(isinstance(found, Alignment))}
        if isinstance(found, Alignment):
            crop = found.crop
            arrays |= {
                "index": np.array(crop.index),
                "first_frame": np.array(crop.first_frame),
                "centre_x": crop.centre_x,
                "centre_y": crop.centre_y,
                "side_px": crop.side_px,
                "exposure_stops": np.array(found.exposure_stops),
                "landmarks5": found.landmarks5,
                "landmarks68": found.landmarks68,
            }
        with whole_file(path) as scratch, scratch.open("wb") as stream:
            np.savez_compressed(stream, allow_pickle=False, **arrays)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.npz"


def _files(pattern: Path) -> Iterator[Path]:
    if not is_sequence(pattern):
        yield pattern
        return
    parsed = PathPattern.parse(pattern)
    for path in parsed.folder.iterdir():
        if path.name.startswith(parsed.prefix) and path.name.endswith(parsed.suffix):
            yield path


def _ends(path: Path) -> bytes:
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(_END_BYTES)
        stream.seek(max(size - _END_BYTES, 0))
        return str(size).encode() + head + stream.read(_END_BYTES)
