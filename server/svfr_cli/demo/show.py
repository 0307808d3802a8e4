"""What the demo leaves to look at: a film per case and one sheet, before and after and truth side by side.

The films and the sheet show code values as a monitor does. Closeups follow the matte, so that they show what
was restored; they are the pixels of the frame, enlarged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from svfr.arrays import Float32
from svfr_restore.media.contact_sheet import Cell, write_contact_sheet
from svfr_restore.media.movie_writer import MovieWriter

FILM_ENLARGED = 3
CLOSEUP_PX = 104
CELL_PX = 300
LABEL_PX = 24


@dataclass(frozen=True)
class CasePictures:
    """Everything a case has to show: clips of code values (F, H, W, 3) by title, the before, after and truth
    of the film among them; ``mattes`` (F, H, W) is what was pasted.
    """

    name: str
    clips: Mapping[str, Float32]
    mattes: NDArray[np.float32]


def write_film(folder: Path, pictures: CasePictures, frames_per_second: Fraction) -> Path:
    """Write ``NAME_before_after_truth.mp4``: the three frames side by side, enlarged and labelled."""
    path = folder / f"{pictures.name}_before_after_truth.mp4"
    titles = ("before", "after", "truth")
    with MovieWriter(path, frames_per_second) as film:
        for three in zip(*(pictures.clips[title] for title in titles), strict=True):
            panels = [_panel(codes, title) for codes, title in zip(three, titles, strict=True)]
            film.write(np.concatenate(panels, axis=1))
    return path


def write_sheet(path: Path, cases: Sequence[CasePictures]) -> Path:
    """Write the sheet: for each case a line of whole frames and a line of closeups of its middle frame."""
    rows: list[list[Cell]] = []
    for case in cases:
        middle = len(case.mattes) // 2
        frames = [clip[middle] for clip in case.clips.values()]
        rows.append([Cell(f, f"{case.name}: {t}") for f, t in zip(frames, case.clips, strict=True)])
        window = _closeup(case.mattes[middle])
        rows.append([Cell(frame[window], "") for frame in frames])
    write_contact_sheet(path, rows, CELL_PX)
    return path


def _panel(codes: NDArray[np.float32], title: str) -> NDArray[np.float32]:
    height, width = codes.shape[:2]
    size = (width * FILM_ENLARGED, height * FILM_ENLARGED)
    picture = cv2.resize(codes, size, interpolation=cv2.INTER_CUBIC)
    strip = np.full((LABEL_PX, size[0], 3), 24, np.uint8)
    text_at, white = (8, LABEL_PX - 7), (235, 235, 235)
    cv2.putText(strip, title, text_at, cv2.FONT_HERSHEY_SIMPLEX, 0.6, white, 1, cv2.LINE_AA)
    return np.concatenate([strip / np.float32(255), picture])


def _closeup(matte: NDArray[np.float32]) -> tuple[slice, slice]:
    """Return the square of at most ``CLOSEUP_PX`` pixels around the matte, inside the frame."""
    rows, columns = np.nonzero(matte > 0) if (matte > 0).any() else np.nonzero(np.ones_like(matte))
    return _span(rows, matte.shape[0]), _span(columns, matte.shape[1])


def _span(positions: NDArray[np.intp], size: int) -> slice:
    side = min(CLOSEUP_PX, size)
    centre = (int(positions.min()) + int(positions.max()) + 1) // 2
    start = min(max(centre - side // 2, 0), size - side)
    return slice(start, start + side)
