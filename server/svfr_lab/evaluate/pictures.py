"""Two plates side by side, as the code values that every measure is taken on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from svfr.arrays import Float32
from svfr_lab.clips.code_plate import CodePlate
from svfr_lab.evaluate.clips import FramePair
from svfr_lab.evaluate.protocol import ResizeFilter
from svfr_restore.mattes.mask_feed import MaskFeed
from svfr_restore.media.window import Window

_FILTERS: Mapping[ResizeFilter, int] = {"area": cv2.INTER_AREA, "lanczos4": cv2.INTER_LANCZOS4}


@dataclass(frozen=True)
class PicturePair:
    """One frame of both sides, (H, W, 3) code values, and the matte (H, W) under which they are compared."""

    frames: FramePair
    result: Float32
    truth: Float32
    matte: Float32 | None


@dataclass(frozen=True, kw_only=True)
class PictureSource:
    """Reads pairs of frames, both brought to one size.

    ``matte`` follows the result's frame numbers and geometry. ``size_px`` (width, height) None leaves
    pictures as they are, and both plates must then have one size.
    """

    result: CodePlate
    truth: CodePlate
    matte: MaskFeed | None
    size_px: tuple[int, int] | None
    resize_filter: ResizeFilter

    @property
    def pixel_aspect(self) -> float:
        """The pixel aspect of the truth, once brought to size."""
        plate = self.truth.plate
        if self.size_px is None:
            return plate.pixel_aspect
        width, height = self.size_px
        return plate.pixel_aspect * (plate.display.width / width) / (plate.display.height / height)

    def read(self, frames: FramePair) -> PicturePair:
        """Return both pictures of a pair; raises the errors of unreadable files."""
        result, truth = self.result.read(frames.result), self.truth.read(frames.truth)
        matte = None if self.matte is None else self.matte.read(frames.result, self.result.plate.display)
        if self.size_px is not None:
            result, truth = self._resized(result), self._resized(truth)
            matte = None if matte is None else self._resized(matte)
        return PicturePair(frames, result, truth, matte)

    def read_truth(self, frames: FramePair) -> Float32:
        """Return the truth's picture alone, brought to size."""
        truth = self.truth.read(frames.truth)
        return truth if self.size_px is None else self._resized(truth)

    def _resized(self, picture: Float32) -> Float32:
        assert self.size_px is not None
        if (picture.shape[1], picture.shape[0]) == self.size_px:
            return picture
        resized = cv2.resize(picture, self.size_px, interpolation=_FILTERS[self.resize_filter])
        return np.clip(np.asarray(resized, np.float32), 0.0, 1.0)


def whole_window(picture: NDArray[Any]) -> Window:
    """Return the window of a picture whose top left pixel is (0, 0)."""
    return Window(0, 0, picture.shape[1], picture.shape[0])
