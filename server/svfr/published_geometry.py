"""The published crop, alignment and preparation rules, as numbers.

They are kept for parity with the published pipeline, and for its identity encoder, whose weights were
trained on exactly this view of a face. Pictures are (H, W, 3) uint8 RGB unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import torch
from torch.nn import functional

# How far the union of the face boxes grows on each side, as a share of its width and height.
_EXPAND = 0.4

ALIGNED_PX = 512
FACE_PX = 112

# The ArcFace template for 112 px (insightface, face_align.py), moved by 8 px to the right and doubled, which
# places the face in a picture of 256 px; in order: the eyes, nose and mouth corners, left first.
_TEMPLATE_112 = (
    (38.2946, 51.6963),
    (73.5318, 51.5014),
    (56.0252, 71.7366),
    (41.5493, 92.3655),
    (70.7299, 92.2041),
)
FACE_TEMPLATE_256 = (np.array(_TEMPLATE_112, dtype=np.float32) + np.array([8, 0], dtype=np.float32)) * 2


@dataclass(frozen=True)
class PixelBox:
    """A box of whole pixels, right and bottom exclusive."""

    left: int
    top: int
    right: int
    bottom: int


Corners = tuple[float, float, float, float]


def union_box(boxes: Iterable[Corners]) -> Corners:
    """Return the smallest (left, top, right, bottom) that holds all boxes; at least one is needed."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def official_crop_box(union: Corners, width_px: int, height_px: int) -> PixelBox:
    """Return the one square of a clip: the union grown by 0.4, cut at the picture, made square.

    The square is as wide as the shorter side of the grown box, and lies on its longer side as near to the
    centre of the faces as fits. Rounds half to even, as published.
    """
    left, top, right, bottom = union
    grow_x, grow_y = _EXPAND * (right - left), _EXPAND * (bottom - top)
    low_x, high_x = max(left - grow_x, 0.0), min(right + grow_x, float(width_px))
    low_y, high_y = max(top - grow_y, 0.0), min(bottom + grow_y, float(height_px))
    side = min(high_x - low_x, high_y - low_y)
    x = min(max((left + right - side) / 2, low_x), high_x - side)
    y = min(max((top + bottom - side) / 2, low_y), high_y - side)
    return PixelBox(round(x), round(y), round(x + side), round(y + side))


def prepare_crop(
    picture: np.ndarray, box: PixelBox, side_px: int, *, grey: bool, mask: np.ndarray | None
) -> np.ndarray:
    """Cut, resize (antialiased bicubic), turn grey, and paint the hole white, in the published order.

    ``mask`` is (side_px, side_px) uint8 in crop space; exactly 255 is hole, 254 is not. Grey is Rec.601 luma
    of the display-encoded values.
    """
    cut = picture[box.top : box.bottom, box.left : box.right]
    crop = _resize_bicubic(cut, side_px)
    if grey:
        red, green, blue = (crop[..., i].astype(np.int64) for i in range(3))
        # The weights .299 .587 .114 in 16-bit fixed point, so that they sum to one exactly.
        luma = (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16
        crop = np.repeat(luma.astype(np.uint8)[..., None], 3, axis=2)
    if mask is not None:
        crop = np.where((mask == 255)[..., None], np.uint8(255), crop)
    return crop


def _resize_bicubic(picture: np.ndarray, side_px: int) -> np.ndarray:
    """Resize as Pillow's BICUBIC does (a = -0.5, kernel widened when shrinking), within one code value.

    Pillow resizes across, rounds and clips to whole code values, then resizes down.
    """
    planes = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float()
    for size in ((planes.shape[2], side_px), (side_px, side_px)):
        planes = functional.interpolate(planes, size, mode="bicubic", antialias=True).round().clamp(0, 255)
    return planes[0].permute(1, 2, 0).to(torch.uint8).numpy()


def network_input(crop: np.ndarray) -> torch.Tensor:
    """Return a prepared crop as the network takes it: (3, S, S) float32 in [-1, 1]."""
    return (torch.from_numpy(crop).permute(2, 0, 1).float() / 255.0 - 0.5) / 0.5


def similarity(points: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the (2, 3) rotation, uniform scale and shift that best maps points (N, 2) onto targets.

    Least squares in four unknowns (a, b, tx, ty) with rows [a, b, tx] and [-b, a, ty].
    """
    x, y = np.asarray(points, dtype=np.float64).T
    one, zero = np.ones_like(x), np.zeros_like(x)
    system = np.concatenate([np.stack([x, y, one, zero], 1), np.stack([y, -x, zero, one], 1)])
    wanted = np.asarray(targets, dtype=np.float64).T.reshape(-1)
    a, b, shift_x, shift_y = np.linalg.lstsq(system, wanted, rcond=None)[0]
    return np.array([[a, b, shift_x], [-b, a, shift_y]])


def alignment_matrix(points: np.ndarray) -> np.ndarray:
    """Return the (2, 3) map of five face points onto the template in a picture of 512 px."""
    return similarity(points, FACE_TEMPLATE_256 * (ALIGNED_PX / 256))


def id_crop(picture: np.ndarray, matrix: np.ndarray, kind: Literal["official", "corrected"]) -> torch.Tensor:
    """Align a picture and cut the 112 px face for ArcFace, (1, 3, 112, 112) float32 in [-1, 1].

    "official" cuts where the face lies in a picture of 256 px although the aligned one has 512, so ArcFace
    sees the quarter around the left eye. The published weights may have been trained with that, so it is
    kept beside "corrected", which cuts the face.
    """
    size = (ALIGNED_PX, ALIGNED_PX)
    aligned = cv2.warpAffine(np.ascontiguousarray(picture), matrix, size, flags=cv2.INTER_CUBIC)
    scale = 1 if kind == "official" else ALIGNED_PX // 256
    face = network_input(aligned)[:, : 224 * scale, 16 * scale : 240 * scale]
    return functional.interpolate(face[None], (FACE_PX, FACE_PX), mode="bilinear", align_corners=False)


def id_face(crop: torch.Tensor, points: np.ndarray, kind: Literal["official", "corrected"]) -> torch.Tensor:
    """Return ArcFace's input (1, 3, 112, 112) in [-1, 1] for a crop (3, S, S) RGB in [-1, 1].

    ``points`` (5, 2) are eyes, nose and mouth corners in crop pixels, x before y, left ones first. The
    picture passes through 8 bit and is cut off, not rounded, as in the published inference code.
    """
    codes = ((crop.detach().float().cpu() * 0.5 + 0.5).clamp(0, 1) * 255.0).to(torch.uint8)
    return id_crop(codes.permute(1, 2, 0).numpy(), alignment_matrix(points), kind)
