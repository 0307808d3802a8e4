"""Cutting a frame range into shots, because windows of the sampler must not look across a cut.

A cut is where the distribution of colours and the picture itself change at once, much more than they do
just before and after, and stay changed. Fast motion changes the picture but hardly its colours; a pan
changes both over many frames; a flash changes back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from svfr.arrays import Float32, UInt8

THUMB_PX = (48, 27)
LUMA_BINS = 32
CHROMA_BINS = 16
# A frame pair must differ by this much in all (0..1, mean of histogram and picture distance) ...
LEAST_CHANGE = 0.22
# ... and by this factor more than its neighbours do.
TIMES_NEIGHBOURS = 2.0
NEIGHBOURS = 3
# Frames that last this long or less between two changes, with the same picture around, are a flash.
FLASH_FRAMES = 3


@dataclass(frozen=True)
class Shot:
    """A stretch of absolute frames without a cut, both ends included."""

    first: int
    last: int

    @property
    def frames(self) -> range:
        """The absolute frames."""
        return range(self.first, self.last + 1)


@dataclass(frozen=True)
class FrameSignature:
    """What is remembered of a frame: three histograms that each sum to 1, and a blurred thumbnail 0..1."""

    histograms: tuple[Float32, Float32, Float32]
    thumb: Float32

    @classmethod
    def of(cls, rgb: UInt8) -> FrameSignature:
        """Reduce an (H, W, 3) uint8 picture of any size."""
        small = cv2.resize(np.ascontiguousarray(rgb), THUMB_PX, interpolation=cv2.INTER_AREA)
        ycc = cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb)
        bins = (LUMA_BINS, CHROMA_BINS, CHROMA_BINS)
        return cls(
            tuple(_histogram(ycc[..., channel], count) for channel, count in enumerate(bins)),  # type: ignore[arg-type]
            cv2.GaussianBlur(ycc[..., 0], (0, 0), 1.0).astype(np.float32) / 255.0,
        )

    def distance(self, other: FrameSignature) -> float:
        """Return 0 (equal) to 1: histogram distance times part of the picture that changed, square root."""
        apart = [
            float(np.abs(a - b).sum()) / 2 for a, b in zip(self.histograms, other.histograms, strict=True)
        ]
        colours = max(apart[0], 0.5 * (apart[1] + apart[2]))
        picture = min(1.0, float(np.abs(self.thumb - other.thumb).mean()) / 0.25)
        return float(np.sqrt(colours * picture))


def find_cuts(images: Iterable[UInt8], first_frame: int = 0) -> list[Shot]:
    """Return the shots of consecutive frames, in order; [] for no frames.

    ``images`` are (H, W, 3) uint8 code values, taken one at a time (a few KiB of each are kept); thumbnails
    of 100 px are enough. ``first_frame`` is the absolute number of the first.
    """
    signatures = [FrameSignature.of(image) for image in images]
    if not signatures:
        return []
    starts = [0, *_cuts(signatures)]
    ends = [start - 1 for start in starts[1:]] + [len(signatures) - 1]
    return [Shot(first_frame + a, first_frame + b) for a, b in zip(starts, ends, strict=True)]


def _cuts(signatures: list[FrameSignature]) -> list[int]:
    """Return the indices of frames that begin a new shot."""
    change = np.array([0.0] + [signatures[i - 1].distance(signatures[i]) for i in range(1, len(signatures))])
    cuts: list[int] = []
    for i in np.flatnonzero(change >= LEAST_CHANGE):
        if change[i] >= TIMES_NEIGHBOURS * _usual_change(change, int(i)) and not _is_flash(
            signatures, change, int(i)
        ):
            cuts.append(int(i))
    return cuts


def _usual_change(change: Float32, i: int) -> float:
    """Return how much the picture changes on the livelier side of ``i``.

    Medians, so that one more cut or flash nearby does not count; the livelier side, so that motion that
    begins or ends is compared with itself.
    """
    sides = change[max(1, i - NEIGHBOURS) : i], change[i + 1 : i + 1 + NEIGHBOURS]
    return max((float(np.median(side)) for side in sides if len(side) > 0), default=0.0)


def _is_flash(signatures: list[FrameSignature], change: Float32, i: int) -> bool:
    """Return whether the change at ``i`` enters or leaves a few frames that have the same picture around.

    Compared with the change itself: the picture before and the one after must be much nearer each other.
    """
    for length in range(1, FLASH_FRAMES + 1):
        for start in (i, i - length):
            before, after = start - 1, start + length
            if before < 0 or after >= len(signatures):
                continue
            if signatures[before].distance(signatures[after]) < 0.5 * change[i]:
                return True
    return False


def _histogram(plane: UInt8, bins: int) -> Float32:
    counts = cv2.calcHist([np.ascontiguousarray(plane)], [0], None, [bins], [0, 256]).ravel()
    smooth = np.convolve(counts, [0.25, 0.5, 0.25], mode="same")
    return (smooth / max(smooth.sum(), 1.0)).astype(np.float32)
