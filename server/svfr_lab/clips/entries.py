"""One clip of a list, and how a list is divided into clips to train with and clips to watch with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from svfr_client.frames import FrameRange

Split: TypeAlias = Literal["train", "held_back"]
RegionKind: TypeAlias = Literal["box", "crop"]
SPLITS: tuple[Split, ...] = ("train", "held_back")

REGION_NUMBERS: Mapping[RegionKind, tuple[str, ...]] = {
    "box": ("x", "y", "width", "height"),
    "crop": ("x", "y", "side"),
}


@dataclass(frozen=True)
class Region:
    """Where the face is, in pixels of the clip's pictures from their top left corner.

    A ``box`` (x, y, width, height) is the face's rectangle, around which the crop is laid as around a
    detected one; a ``crop`` (x, y, side) is the square itself, in rows of the picture. ``by_frame`` gives one
    for each of some frames, those between are interpolated; the key None stands for all frames.
    """

    kind: RegionKind
    by_frame: Mapping[int | None, tuple[float, ...]]


@dataclass(frozen=True, kw_only=True)
class ClipEntry:
    """One line of a list.

    ``path`` is a movie, a pattern of numbered pictures (``%08d.png``) or a folder with one such sequence,
    absolute or from the list's root. ``identity`` names the person: clips of one person are in one split.
    ``frames`` None is all of them; ``space`` None is the colour space that the file states.
    """

    path: str
    identity: str
    split: Split = "train"
    frames: FrameRange | None = None
    region: Region | None = None
    space: str | None = None


def held_back_by_identity(entries: Sequence[ClipEntry], identities: int) -> list[ClipEntry]:
    """Return the clips with all those of ``identities`` people held back and the others to train with.

    Who is held back follows from the names alone, in the order of their sha256: it does not change when clips
    are added to people who were there, and changes for few when people are added.
    """
    names = {entry.identity for entry in entries}
    in_order = sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    watched = set(in_order[:identities])
    return [replace(entry, split="held_back" if entry.identity in watched else "train") for entry in entries]
