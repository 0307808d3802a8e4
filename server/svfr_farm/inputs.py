"""What a shot is made of, as the reference step saw it: no shot is ever joined of two plates, or two masks.

The reference step stamps every file that the shot looks at: plate, mask, photos, crop tracks, OCIO config.
Each later step compares the files that it uses with those stamps, before and after its work. A file whose
size and time are as they were is taken for the same; one that was copied to another time is compared by its
content. Times differ where a farm copies plates to its machines, contents do not.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from svfr_client.errors import SvfrError, raise_problems
from svfr_client.files import open_regular
from svfr_client.frames import FrameRange
from svfr_client.job import JobSpec
from svfr_client.records import sha256_of
from svfr_farm.content_hash import content_hash
from svfr_farm.errors import InputWasChanged
from svfr_restore.mattes.mask_feed import MaskFeed
from svfr_restore.media.plate_base import Plate

# Of larger files, which are movies, size and both ends have to do: a task should not read a film to its end.
_MOST_READ_BYTES = 256 * 1024 * 1024
_END_BYTES = 4 * 1024 * 1024
_CONFIG = "OCIO config"
_REMEDY = "Put it back as it was, or have all of the shot made of what is there now."

Stamp = tuple[int, int, str]
"""Size in bytes, time in Unix nanoseconds, hash of the content; (-1, 0, "") of a file that is not there."""
Stamps = Mapping[str, Stamp]
"""Stamps by what a file is of the shot, and by frame: "plate 1001", "photo 0"."""


@dataclass(frozen=True)
class _File:
    """One file: ``of`` says what it is, ``frame`` of which frame; None: of the whole shot."""

    of: str
    frame: int | None
    path: Path

    @property
    def name(self) -> str:
        """The key of its stamp."""
        return self.of if self.frame is None else f"{self.of} {self.frame}"


@dataclass(frozen=True)
class Inputs:
    """The files of a job as they lie here; ``frames`` are those that are looked at.

    ``config`` is the OCIO config's identity, which has its content's hash; "" where it is not asked.
    """

    spec: JobSpec
    plate: Plate
    mask: MaskFeed | None
    frames: tuple[int, ...]
    config: str = ""

    def stamps(self) -> dict[str, Stamp]:
        """Return the stamps of all files; one file of several frames is read once."""
        seen: dict[Path, Stamp] = {}
        found: dict[str, Stamp] = {_CONFIG: (0, 0, self.config)}
        for file in self._files(self.frames):
            if file.path not in seen:
                seen[file.path] = _stamp(file.path)
            found[file.name] = seen[file.path]
        return found

    def require_unchanged(self, stamps: Stamps, frames: Collection[int] | None = None) -> None:
        """Raise InputWasChanged for each kind of file that is not what ``stamps`` say, with its first frame.

        ``frames`` are those that count; None: all. Files of the whole shot always count.
        """
        seen: dict[tuple[Path, Stamp], bool] = {}
        changed: dict[str, list[_File]] = {}
        for file in self._files(self.frames if frames is None else frames):
            stamp = stamps.get(file.name, (-2, 0, ""))
            key = (file.path, stamp)
            if key not in seen:
                seen[key] = _is_as_stamped(file.path, stamp)
            if not seen[key]:
                changed.setdefault(file.of, []).append(file)
        problems: list[SvfrError] = [_changed(of, files) for of, files in changed.items()]
        if self.config and stamps.get(_CONFIG, (0, 0, self.config))[2] != self.config:
            path = self.spec.colour.config
            problems.append(_changed(_CONFIG, [_File(_CONFIG, None, Path(path or "$OCIO"))]))
        raise_problems(problems)

    def _files(self, frames: Iterable[int]) -> Iterator[_File]:
        spec = self.spec
        whole = [("crop tracks file", spec.crop_tracks)]
        whole += [(f"reference photo {i}", one.photo) for i, one in enumerate(spec.references)]
        whole += [(f"photo of a face {i}", photo) for i, photo in enumerate(spec.faces.photos)]
        yield from (_File(of, None, Path(path)) for of, path in whole if path is not None)
        for frame in frames:
            yield _File("plate", frame, self.plate.path(frame))
            mask = None if self.mask is None else self.mask.path(frame)
            if mask is not None:
                yield _File("mask", frame, mask)


def content_sha256(stamps: Stamps, frames: Collection[int] | None = None, without: str = "") -> str:
    """Return the hash of what the files hold, whenever they were written; see :meth:`Inputs.stamps`.

    ``frames`` are those that count beside the files of the whole shot; None: all. Files that are
    ``without`` ("mask") do not count.
    """
    wanted = None if frames is None else {str(frame) for frame in frames}
    counted = {
        name: [size, digest]
        for name, (size, _, digest) in stamps.items()
        if _counts(*name.rsplit(" ", 1), wanted=wanted, without=without)
    }
    return sha256_of(counted)


def _counts(of: str, frame: str = "", *, wanted: set[str] | None, without: str) -> bool:
    return of != without and (wanted is None or of not in ("plate", "mask") or frame in wanted)


def _changed(of: str, files: list[_File]) -> InputWasChanged:
    frames = [file.frame for file in files if file.frame is not None]
    where = f" in {len(frames)} frames ({FrameRange.of(frames)})" if len(frames) > 1 else ""
    return InputWasChanged(
        f"The {of} was changed{where[:200]} after the shot's reference was made of it.",
        path=files[0].path,
        frame=frames[0] if frames else None,
        remedy=_REMEDY,
    )


def _is_as_stamped(path: Path, stamp: Stamp) -> bool:
    size, time_ns, digest = stamp
    here = _size_and_time(path)
    if here == (size, time_ns):
        return True
    return here[0] == size and bool(digest) and _digest(path, size) == digest


def _stamp(path: Path) -> Stamp:
    size, time_ns = _size_and_time(path)
    return size, time_ns, _digest(path, size) if size >= 0 else ""


def _size_and_time(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except (OSError, ValueError):
        return -1, 0
    return stat.st_size, stat.st_mtime_ns


def _digest(path: Path, size: int) -> str:
    try:
        with open_regular(path) as file:
            if size <= _MOST_READ_BYTES:
                return content_hash(file)
            ends = hashlib.blake2b(file.read(_END_BYTES), digest_size=16)
            file.seek(-_END_BYTES, os.SEEK_END)
            ends.update(file.read(_END_BYTES))
            return ends.hexdigest()
    except OSError:
        return ""
