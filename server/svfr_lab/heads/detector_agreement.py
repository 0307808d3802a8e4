"""How often a face detector that was trained on real faces agrees that a rendered head is a face.

``python -m svfr_lab.heads.detector_agreement`` renders the first frame of clips of 8, each of another person,
as their seeds draw them, takes those who look to the front and are whole in the picture, and asks dlib's
frontal detector as it comes: its own threshold, the picture enlarged once. The detector agrees when one of
its rectangles holds the tip of the nose. Printed is the share with Wilson's 95 % interval; ``--sheet`` draws
the people it missed. Nobody of the default seeds was looked at while the looks were made.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import dlib
import numpy as np
from numpy.typing import NDArray

from svfr_client.files import whole_file
from svfr_lab.heads.backgrounds import background_bank
from svfr_lab.heads.clip_scene import CURRENT_REVISION, draw_scene
from svfr_lab.heads.renderer import FaceRenderer

SIZE_PX = 256
FIRST_SEED = 8_000_000
PEOPLE = 200
MOST_YAW_RAD, MOST_PITCH_RAD = 0.3, 0.2
"""About 17 and 11 degrees; heads turned further are not frontal."""

_FRAMES = 8  # a blink is drawn somewhere in a clip; in clips of one frame it would fill them
_BANK_SEED, _BANK = 991, 40
_MARGIN_PX = 10
_ENLARGED_ONCE = 1
_SHEET_COLUMNS = 8
_Z_95 = 1.959964


@dataclass(frozen=True)
class FrontalPerson:
    """One frontal frame (256, 256, 3) uint8 and its seed.

    ``landmarks68_px`` (68, 2) exact; ``box`` the detector's rectangle around the nose, None where it does not
    agree that there is a face.
    """

    seed: int
    picture: NDArray[np.uint8]
    landmarks68_px: NDArray[np.float32]
    box: dlib.rectangle | None

    @property
    def is_found(self) -> bool:
        """Whether the detector agrees."""
        return self.box is not None


@dataclass(frozen=True)
class Share:
    """``agreed`` of ``count``, and the ends of Wilson's 95 % interval of their share (Wilson 1927)."""

    agreed: int
    count: int
    low: float
    high: float

    @classmethod
    def of(cls, agreed: int, count: int) -> Share:
        """Return the share of ``count`` > 0 trials."""
        share, z2 = agreed / count, _Z_95**2
        middle = (share + z2 / (2 * count)) / (1 + z2 / count)
        half = _Z_95 / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
        return cls(agreed, count, middle - half, middle + half)

    def __str__(self) -> str:
        share = 100 * self.agreed / self.count
        interval = f"{100 * self.low:.1f} to {100 * self.high:.1f} %"
        return f"{self.agreed} of {self.count} frontal people: {share:.1f} % (95 % interval {interval})"


def frontal_people(first_seed: int, count: int, revision: int) -> Iterator[FrontalPerson]:
    """Yield the first ``count`` people from ``first_seed`` on who look to the front."""
    renderer = FaceRenderer(SIZE_PX, background_bank(_BANK_SEED, _BANK), revision)
    find = dlib.get_frontal_face_detector()
    seed, found = first_seed, 0
    while found < count:
        scene = draw_scene(renderer.model, seed, _FRAMES, _BANK, revision)
        yaw, pitch, _ = np.abs(scene.motion.rotation_rad[0])
        if yaw < MOST_YAW_RAD and pitch < MOST_PITCH_RAD:
            clip = renderer.render_scene(replace(scene, motion=scene.motion.frame(0)))
            points = clip.landmarks_px[0]
            if bool(((points > _MARGIN_PX) & (points < SIZE_PX - _MARGIN_PX)).all()):
                found += 1
                picture = np.ascontiguousarray(clip.frames[0])
                box = _box_around(points[2], find(picture, _ENLARGED_ONCE))
                yield FrontalPerson(seed, picture, clip.landmarks68_px[0], box)
        seed += 1
    renderer.close()


def _box_around(nose_px: NDArray[np.float32], boxes: Iterable[dlib.rectangle]) -> dlib.rectangle | None:
    x, y = nose_px
    around = (b for b in boxes if b.left() <= x <= b.right() and b.top() <= y <= b.bottom())
    return next(around, None)


def write_sheet(path: Path, people: list[FrontalPerson]) -> None:
    """Write pictures with their seeds, eight in a row."""
    cells = [np.zeros((SIZE_PX, SIZE_PX, 3), np.uint8)] * (-len(people) % _SHEET_COLUMNS)
    cells = [_labelled(person) for person in people] + cells
    rows = [cells[start : start + _SHEET_COLUMNS] for start in range(0, len(cells), _SHEET_COLUMNS)]
    sheet = np.concatenate([np.concatenate(row, axis=1) for row in rows])
    with whole_file(path) as scratch:
        cv2.imwrite(str(scratch), sheet[..., ::-1])


def _labelled(person: FrontalPerson) -> NDArray[np.uint8]:
    picture = person.picture.copy()
    cv2.putText(picture, str(person.seed), (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 0), 1)
    return picture


def main() -> None:
    """Measure, print, and draw who was missed."""
    parser = argparse.ArgumentParser(description="How often dlib's detector finds frontal rendered faces.")
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--sheet", type=Path, help="a PNG of the people who were missed")
    parser.add_argument("--revision", type=int, default=CURRENT_REVISION, help="of the looks")
    asked = parser.parse_args()
    people = list(frontal_people(asked.first_seed, asked.people, asked.revision))
    missed = [person for person in people if not person.is_found]
    print(Share.of(len(people) - len(missed), len(people)))
    if asked.sheet is not None and missed:
        write_sheet(asked.sheet, missed)


if __name__ == "__main__":
    main()
