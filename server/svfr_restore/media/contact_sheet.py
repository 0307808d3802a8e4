"""A labelled grid of pictures as one PNG, for people to look at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from svfr.arrays import Float32, UInt8
from svfr.eight_bit import eight_bit
from svfr_client.errors import FileCannotBeWritten
from svfr_client.files import write_whole

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SMALLEST_LABEL_PX, _LABEL_FRACTION = 14, 0.06
_CAPITALS_PX = 21  # height of Hershey capitals at scale 1; getFontScaleFromHeight differs between versions
_BACKGROUND, _TEXT = 24, (235, 235, 235)


@dataclass(frozen=True)
class Cell:
    """One picture (h, w, 3) of code values, clipped to 0..1 for showing, and the line of text above it."""

    codes: Float32
    label: str


def write_contact_sheet(path: Path, rows: Sequence[Sequence[Cell]], cell_width_px: int = 320) -> None:
    """Write a picture with one line of cells per row, each scaled to ``cell_width_px`` wide.

    The path's ending says which kind: ``.png``, or ``.jpg`` at quality 92.

    Labels are as tall as 6 % of the cell's width, at least 14 px, shrunk only to fit it. Raises
    FileCannotBeWritten; ValueError when there is no cell at all.
    """
    if not any(rows):
        raise ValueError("a contact sheet needs at least one picture")
    lines = [_line([_cell(cell, cell_width_px) for cell in row]) for row in rows if row]
    width = max(line.shape[1] for line in lines)
    sheet = np.concatenate([_padded(line, line.shape[0], width) for line in lines])
    quality = [cv2.IMWRITE_JPEG_QUALITY, 92] if path.suffix == ".jpg" else []
    done, encoded = cv2.imencode(path.suffix, sheet[..., ::-1], quality)
    if not done:
        raise FileCannotBeWritten(
            "The contact sheet cannot be encoded.", path=path, remedy="Give another path."
        )
    write_whole(path, encoded.tobytes())


def _line(cells: Sequence[UInt8]) -> UInt8:
    height = max(cell.shape[0] for cell in cells)
    return np.concatenate([_padded(cell, height, cell.shape[1]) for cell in cells], axis=1)


def _cell(cell: Cell, width: int) -> UInt8:
    height = max(1, round(cell.codes.shape[0] * width / cell.codes.shape[1]))
    bytes_ = eight_bit(cell.codes)
    smaller = width < cell.codes.shape[1]
    picture = cv2.resize(
        bytes_, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    )
    gap = max(2, width // 80)
    stacked = np.concatenate([_label(cell.label, width), np.asarray(picture, np.uint8)])
    return _padded(stacked, stacked.shape[0] + gap, width + gap)


def _label(text: str, width: int) -> UInt8:
    letter_px = max(_SMALLEST_LABEL_PX, round(width * _LABEL_FRACTION))
    height, margin = round(letter_px * 1.9), letter_px // 3
    strip = np.full((height, width, 3), _BACKGROUND, np.uint8)
    letters = _letters(text, letter_px, height)
    room = width - 2 * margin
    if letters.shape[1] > room:
        lower = max(1, round(height * room / letters.shape[1]))
        letters = np.asarray(cv2.resize(letters, (room, lower), interpolation=cv2.INTER_AREA), np.uint8)
    top = (height - letters.shape[0]) // 2
    strip[top : top + letters.shape[0], margin : margin + letters.shape[1]] = letters
    return strip


def _letters(text: str, letter_px: int, height: int) -> UInt8:
    """Draw the text and cut it to the width it really has; getTextSize is wrong in some versions."""
    canvas = np.full((height, (len(text) + 2) * 2 * letter_px, 3), _BACKGROUND, np.uint8)
    place = (0, height - math.ceil(letter_px * 0.5))
    scale, thickness = letter_px / _CAPITALS_PX, max(1, letter_px // 12)
    cv2.putText(canvas, text, place, _FONT, scale, _TEXT, thickness, cv2.LINE_AA)
    drawn = np.flatnonzero((canvas != _BACKGROUND).any(axis=(0, 2)))
    return canvas[:, : drawn.max() + 1 if drawn.size else 0]


def _padded(picture: UInt8, height: int, width: int) -> UInt8:
    """Grow a picture with background below and to the right."""
    below, right = height - picture.shape[0], width - picture.shape[1]
    return np.pad(picture, ((0, below), (0, right), (0, 0)), constant_values=_BACKGROUND)
