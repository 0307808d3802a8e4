"""Portraits of real people as training data: the list of them, and who is held back.

A list names published pictures by their hash, so that whoever has a clone of the repositories they are in
trains on the same ones. Who is held back depends on the hash alone, so no one can change sides.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from svfr.validation import read_json
from svfr_client.files import write_whole
from svfr_client.reasons import Flaw, reason_of
from svfr_lab.clips.errors import PortraitListInvalid
from svfr_restore.faces.hog import HogDetector

FORMAT, VERSION = "svfr-portraits", 1
HELD_BACK_OF = 7
_PICTURES = ("*.jpg", "*.jpeg", "*.png")
_MOST_PX = 100_000.0
_KEYS = {"path", "sha256", "box"}
_REMEDY = "Write the list again with svfr clips portraits."


PUBLISHED = (
    {"repository": "CivilServiceUSA/us-house", "commit": "abf6d4d9", "licence": "MIT"},
    {"repository": "CivilServiceUSA/us-senate", "commit": "9247c869", "licence": "MIT"},
)
"""Where the people come from that mini learnt from: official portraits, nearly all by the US government."""
UNKNOWN = {"repository": "unknown", "licence": "unknown: say so yourself, here"}
_PUBLISHED_FOLDER = "headshots/512x512"


@dataclass(frozen=True)
class Portrait:
    """One picture of one person: a path below the list's root, its sha256, the face's box in pixels."""

    path: str
    sha256: str
    box: tuple[float, float, float, float]

    @property
    def is_held_back(self) -> bool:
        """Whether the person is for measuring alone; every seventh is, by the hash of the picture."""
        return is_held_back(self.sha256)


@dataclass(frozen=True)
class PortraitList:
    """Portraits in the order of their hashes, and the folder that their paths are taken from."""

    root: Path
    portraits: tuple[Portrait, ...]

    @property
    def trained_with(self) -> tuple[Portrait, ...]:
        """The people that training draws."""
        return tuple(p for p in self.portraits if not p.is_held_back)

    @property
    def held_back(self) -> tuple[Portrait, ...]:
        """The people that no training sees."""
        return tuple(p for p in self.portraits if p.is_held_back)

    @property
    def sha256(self) -> str:
        """The hash of all the pictures' hashes: what tells one set of portraits from another."""
        return hashlib.sha256("\n".join(p.sha256 for p in self.portraits).encode()).hexdigest()


def is_held_back(sha256: str) -> bool:
    """Return whether the picture of this hash is for measuring alone."""
    return int(sha256, 16) % HELD_BACK_OF == 0


def held_back_hashes() -> frozenset[str]:
    """Return the hashes of the people held back of the portraits that mini learnt from."""
    text = (resources.files("svfr_lab.clips") / "data" / "held_back_portraits.txt").read_text(
        encoding="ascii"
    )
    return frozenset(text.split())


def list_portraits(root: Path) -> PortraitList:
    """Find the pictures below ``root`` that show a face, one for each hash.

    Where ``root`` has clones of the :data:`PUBLISHED` repositories only their pictures of one size count, so
    that no person comes twice. Raises PortraitListInvalid when there is none.
    """
    detector = HogDetector()
    found: dict[str, Portrait] = {}
    folders = [root / source["repository"].split("/")[1] / _PUBLISHED_FOLDER for source in PUBLISHED]
    folders = [folder for folder in folders if folder.is_dir()] or [root]
    pictures = (p for folder in folders for pattern in _PICTURES for p in folder.rglob(pattern))
    for path in sorted(pictures):
        content = path.read_bytes()
        boxes = detector.detect(decoded(content))
        if boxes:
            box = boxes[0]
            sha = hashlib.sha256(content).hexdigest()
            name = path.relative_to(root).as_posix()
            found[sha] = Portrait(name, sha, (box.x, box.y, box.width, box.height))
    if not found:
        raise PortraitListInvalid(
            "No picture in the folder shows a face.", path=root, remedy="Name the folder of the portraits."
        )
    return PortraitList(root, tuple(found[sha] for sha in sorted(found)))


def sources_of(found: PortraitList) -> tuple[Mapping[str, str], ...]:
    """Return the :data:`PUBLISHED` repositories that portraits are from, or one that says it is unknown.

    They are known by those held back, whose hashes are published with this package.
    """
    held_back = {portrait.sha256 for portrait in found.held_back}
    if not held_back or not held_back <= held_back_hashes():
        return (UNKNOWN,)
    below = {portrait.path.split("/")[0] for portrait in found.portraits}
    return tuple(one for one in PUBLISHED if one["repository"].split("/")[1] in below) or PUBLISHED


def write_portrait_list(path: Path, portraits: PortraitList, sources: Iterable[Mapping[str, str]]) -> None:
    """Write the list; ``sources`` are the repositories, commits and licences, for whoever reads it."""
    head = {
        "format": FORMAT,
        "version": VERSION,
        "root": str(portraits.root.absolute()),
        "sources": list(sources),
    }
    lines = [json.dumps(head)] + [json.dumps(asdict(portrait)) for portrait in portraits.portraits]
    write_whole(path, "\n".join(lines) + "\n")


def is_portrait_list(path: Path) -> bool:
    """Return whether a file's first line says that it is a list of portraits."""
    if not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as stream:
        return f'"{FORMAT}"' in stream.readline(4096)


def read_portrait_list(path: Path) -> PortraitList:
    """Read a list; raises PortraitListInvalid for one that is not whole."""
    try:
        head, *rows = (read_json(line) for line in path.read_text(encoding="utf-8").splitlines() if line)
        if head["format"] != FORMAT or head["version"] != VERSION:
            raise Flaw(f"it says {head['format']} {head['version']}")
        portraits = tuple(_portrait(row) for row in rows)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PortraitListInvalid(
            f"The list of portraits cannot be read: {reason_of(error)}.", path=path, remedy=_REMEDY
        ) from error
    if not portraits:
        raise PortraitListInvalid("There is no portrait in the list.", path=path, remedy=_REMEDY)
    return PortraitList(path.absolute().parent / head.get("root", "."), portraits)


def _portrait(row: Mapping[str, Any]) -> Portrait:
    if set(row) != _KEYS or len(row["box"]) != 4 or len(row["sha256"]) != 64:
        raise ValueError(f"a line has {', '.join(sorted(row))}")
    int(row["sha256"], 16)
    left, top, width, height = (float(value) for value in row["box"])
    is_near = all(abs(value) <= _MOST_PX for value in (left, top, width, height))  # no NaN is
    if not (is_near and width > 0 and height > 0):
        raise Flaw(f"a line has the box {row['box']}")
    return Portrait(str(row["path"]), row["sha256"], (left, top, width, height))


def decoded(content: bytes) -> NDArray[np.uint8]:
    """Return a picture file's bytes as (H, W, 3) uint8 RGB."""
    bgr = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise PortraitListInvalid("A portrait is no picture.", remedy=_REMEDY)
    return np.ascontiguousarray(bgr[..., ::-1], np.uint8)


def read_portrait(portraits: PortraitList, portrait: Portrait) -> NDArray[np.uint8]:
    """Return the picture (H, W, 3); raises PortraitListInvalid when it is missing or is another one."""
    path = portraits.root / portrait.path
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PortraitListInvalid(
            f"A portrait cannot be read: {reason_of(error)}.", path=path, remedy=_REMEDY
        ) from error
    if hashlib.sha256(content).hexdigest() != portrait.sha256:
        raise PortraitListInvalid("A portrait is not the one listed.", path=path, remedy=_REMEDY)
    return decoded(content)


def square_around(
    picture: NDArray[np.uint8], box: Sequence[float], side_in_faces: float, side_px: int
) -> NDArray[np.uint8]:
    """Return the square (side_px, side_px, 3) around a face, mirrored where it leaves the picture."""
    x, y, width, height = box
    side = side_in_faces * max(width, height)
    left, top = x + width / 2 - side / 2, y + height / 2 - side / 2
    whole = max(1, round(side))
    pad = whole
    padded = cv2.copyMakeBorder(picture, pad, pad, pad, pad, cv2.BORDER_REFLECT_101)
    row, column = round(top) + pad, round(left) + pad
    cut = padded[max(row, 0) : row + whole, max(column, 0) : column + whole]
    how = cv2.INTER_AREA if whole > side_px else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(cut, (side_px, side_px), interpolation=how), np.uint8)
