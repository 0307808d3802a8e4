"""The picture of the data card: a frame of each of many rendered people, the last row with its 68 landmarks.

``python -m svfr_lab.heads.people_sheet --out docs/data-card.png``
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from svfr_client.files import whole_file
from svfr_lab.heads.backgrounds import background_bank
from svfr_lab.heads.clip_scene import CURRENT_REVISION, draw_scene
from svfr_lab.heads.renderer import FaceRenderer

FIRST_SEED = 9_000_000
COLUMNS, ROWS = 8, 4
SIZE_PX = 96

_DRAWN_PX = 192
_FRAMES, _SHOWN_FRAME = 8, 3
_BANK_SEED, _BANK = 991, 40
_DOT_RGB, _DOT_RADIUS_PX, _SUBPIXEL_BITS = (60, 255, 60), 1.5, 4


def clip_sheet(first_seed: int = FIRST_SEED, revision: int = CURRENT_REVISION) -> NDArray[np.uint8]:
    """Return the sheet (H, W, 3) uint8 RGB of people as their seeds come, none left out."""
    renderer = FaceRenderer(_DRAWN_PX, background_bank(_BANK_SEED, _BANK), revision)
    rows = []
    for row in range(ROWS):
        cells = []
        for column in range(COLUMNS):
            scene = draw_scene(renderer.model, first_seed + row * COLUMNS + column, _FRAMES, _BANK, revision)
            clip = renderer.render_scene(replace(scene, motion=scene.motion.frame(_SHOWN_FRAME)))
            cells.append(_cell(clip.frames[0], clip.landmarks68_px[0] if row == ROWS - 1 else None))
        rows.append(np.concatenate(cells, axis=1))
    renderer.close()
    return np.concatenate(rows)


def _cell(picture: NDArray[np.uint8], points_px: NDArray[np.float32] | None) -> NDArray[np.uint8]:
    drawn = np.ascontiguousarray(picture)
    scale = 1 << _SUBPIXEL_BITS
    for x, y in [] if points_px is None else points_px:
        # OpenCV counts from the first pixel's centre
        centre = (round(float(x - 0.5) * scale), round(float(y - 0.5) * scale))
        cv2.circle(drawn, centre, round(_DOT_RADIUS_PX * scale), _DOT_RGB, -1, cv2.LINE_AA, _SUBPIXEL_BITS)
    return np.asarray(cv2.resize(drawn, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA), np.uint8)


def main() -> None:
    """Write the sheet as a PNG."""
    parser = argparse.ArgumentParser(description="Draw a sheet of rendered people.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--revision", type=int, default=CURRENT_REVISION, help="of the looks")
    asked = parser.parse_args()
    sheet = clip_sheet(asked.first_seed, asked.revision)
    with whole_file(asked.out) as scratch:
        cv2.imwrite(str(scratch), sheet[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    main()
