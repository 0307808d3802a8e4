"""Real faces to measure on: windows of a film around its face, and a photo panned over as if it were one.

A window is a run of frames with one still square around the face, as wide as the published crop makes it.
Where that is about the model's own crop, pixels are taken as they are; larger squares are made smaller by
area. Each window is cut several times, shifted by a few pixels: more draws of damage, though not more film.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

from svfr.arrays import Float32
from svfr.eight_bit import eight_bit
from svfr.models.framing_spec import PUBLISHED
from svfr_lab.clips.code_plate import CodePlate
from svfr_lab.errors import RealFootageIsUnusable
from svfr_restore.faces.box import FaceBox
from svfr_restore.faces.hog import HogDetector
from svfr_restore.faces.landmarks import FivePointFinder

# A square this much larger than the crop is cut as it is: making it smaller would hide the film's own detail.
_NATIVE_UP_TO = 1.3
_SHIFT_SHARE = 0.06
_SHIFT_SEED = 11


@dataclass(frozen=True)
class RealWindow:
    """Frames of one real face: ``truth`` (F, S, S, 3) code values; ``window`` and ``cut`` number it."""

    window: int
    cut: int
    truth: Float32


@dataclass(frozen=True)
class Footage:
    """The windows of one source, and in one sentence what it is."""

    name: str
    about: str
    people: int
    windows: tuple[RealWindow, ...]

    @property
    def window_count(self) -> int:
        """How many different runs of frames there are, cuts apart."""
        return len({window.window for window in self.windows})


def film_footage(
    path: str, space: str | None, *, crop_px: int, frames: int, cuts: int, most_windows: int
) -> Footage:
    """Return the windows of a film or a sequence that show a face, without gaps or overlap.

    Frames where the detector finds no face in the middle frame of a window drop that window. Raises
    RealFootageIsUnusable when fewer than two windows show a face, and what opening a plate raises.
    """
    plate = CodePlate.open(path, space, None)
    numbers = list(plate.plate.frames)
    detector = HogDetector()
    found: list[RealWindow] = []
    for index, start in enumerate(range(0, len(numbers) - frames + 1, frames)):
        if index >= most_windows:
            break
        run = np.stack([plate.read(number) for number in numbers[start : start + frames]])
        boxes = detector.detect(eight_bit(run[frames // 2]))
        if boxes:
            found += _cuts(run, boxes[0], index, crop_px, cuts)
    if len({window.window for window in found}) < 2:
        raise RealFootageIsUnusable(
            f"A face was found in {len(found) // max(1, cuts)} windows of {frames} frames.",
            path=path,
            remedy="Give a longer film with a face that looks at the camera.",
        )
    about = f"{Path(path).name}: {len(numbers)} frames of one film, one person"
    return Footage(Path(path).stem, about, 1, tuple(found))


def photo_footage(crop_px: int, frames: int, cuts: int) -> Footage:
    """Return pans over one photo, the portrait of Eileen Collins (NASA, public domain) in scikit-image.

    Every window is another path of the same square over the same still: nothing moves in the face itself.
    """
    photo = skimage.data.astronaut().astype(np.float32) / np.float32(255)
    boxes = HogDetector().detect(eight_bit(photo))
    if not boxes:
        raise RealFootageIsUnusable("No face was found in the photo.", remedy="Measure on a film instead.")
    face = boxes[0]
    side = round(PUBLISHED.side_in_faces * face.width)
    windows = []
    for index in range(2 * cuts):
        angle = np.pi * index / (2 * cuts)
        step = 2.0 * np.array([np.cos(angle), np.sin(angle)])
        corners = [
            (round(face.centre_x - side / 2 + step[0] * t), round(face.centre_y - side / 2 + step[1] * t))
            for t in np.arange(frames) - (frames - 1) / 2
        ]
        truth = np.stack([_square(photo, left, top, side, crop_px) for left, top in corners])
        windows.append(RealWindow(index, 0, truth))
    about = "astronaut: pans over one still photo of one person; the face itself does not move"
    return Footage("astronaut", about, 1, tuple(windows))


def _cuts(run: Float32, face: FaceBox, window: int, crop_px: int, cuts: int) -> Iterator[RealWindow]:
    """Yield the square around the face, the first one centred and the others shifted at random."""
    height, width = run.shape[1:3]
    side = round(PUBLISHED.side_in_faces * face.width)
    if crop_px / _NATIVE_UP_TO <= side <= crop_px * _NATIVE_UP_TO:
        side = crop_px
    side = min(side, height, width)
    rng = np.random.default_rng([_SHIFT_SEED, window])
    for cut in range(cuts):
        shift = rng.uniform(-_SHIFT_SHARE, _SHIFT_SHARE, 2) * side * (cut > 0)
        left = int(np.clip(round(face.centre_x - side / 2 + shift[0]), 0, width - side))
        top = int(np.clip(round(face.centre_y - side / 2 + shift[1]), 0, height - side))
        truth = np.stack([_square(frame, left, top, side, crop_px) for frame in run])
        yield RealWindow(window, cut, truth)


def _square(frame: Float32, left: int, top: int, side: int, crop_px: int) -> Float32:
    square = np.ascontiguousarray(frame[top : top + side, left : left + side])
    if side == crop_px:
        return square
    way = cv2.INTER_AREA if side > crop_px else cv2.INTER_CUBIC
    resized = np.asarray(cv2.resize(square, (crop_px, crop_px), interpolation=way), np.float32)
    return np.clip(resized, 0.0, 1.0)


def truth_points(truth: Float32, finder: FivePointFinder) -> NDArray[np.float64] | None:
    """Return the five points (F, 5, 2) of a window in its pixels, None where fewer than half are found.

    Nobody marked them: they are what the finder finds in the undamaged frames, and between those, as the
    square stands still, a straight line.
    """
    found = [finder.five_points(eight_bit(frame)) for frame in truth]
    known = [index for index, points in enumerate(found) if points is not None]
    if 2 * len(known) < len(truth):
        return None
    rows = np.stack([points.ravel() for points in found if points is not None])
    frames = np.arange(len(truth))
    between = np.stack([np.interp(frames, known, column) for column in rows.T], axis=1)
    return between.reshape(len(truth), 5, 2)


def window_means(values: Sequence[float], windows: Sequence[RealWindow]) -> list[float]:
    """Return the mean of each window's cuts: windows, not cuts, are what was sampled."""
    numbers = np.array([window.window for window in windows])
    row = np.asarray(values, np.float64)
    return [float(row[numbers == number].mean()) for number in dict.fromkeys(numbers.tolist())]
