"""The sheet of an evaluation on real faces: damaged, best simple method, model and truth, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from svfr.arrays import Float32
from svfr_restore.media.contact_sheet import Cell, write_contact_sheet

_CELL_PX = 192


@dataclass(frozen=True)
class Row:
    """One case on one window: clips (F, S, S, 3) of code values by name, and their PSNR over the clip.

    The truth has none.
    """

    case: str
    clips: Mapping[str, Float32]
    decibels: Mapping[str, float | None]


def write_real_sheet(path: Path, rows: Sequence[Row]) -> None:
    """Write a PNG of middle frames, windows of one case side by side. Raises FileCannotBeWritten."""
    lines = [
        [cell for row in rows for cell in _cells(row)] for _, rows in groupby(rows, lambda row: row.case)
    ]
    write_contact_sheet(path, lines, _CELL_PX)


def _cells(row: Row) -> list[Cell]:
    cells: list[Cell] = []
    for name, clip in row.clips.items():
        value = row.decibels[name]
        figure = "" if value is None else f" {value:.2f} dB"
        case = "" if cells else f"{row.case}: "  # once in a row: longer labels are set smaller
        cells.append(Cell(clip[len(clip) // 2], f"{case}{name.replace('_', ' ')}{figure}"))
    return cells
