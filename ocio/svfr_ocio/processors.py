"""The only place that hands pixels to OpenColorIO: one checked, lossless wrapper.

PyOpenColorIO works in place on raw buffers and trusts its caller: an (H, W, 3) array given to ``applyRGBA``
is accepted whenever its size divides by four, NaN in one channel spreads through matrices into all others.
Here every array is checked first, RGB only is processed, and the caller's array is never written to.
``OPTIMIZATION_LOSSLESS`` is used throughout: the default optimisation replaces ``pow`` by an approximation
whose error near zero is fifty times larger.
"""

from __future__ import annotations

import numpy as np
import PyOpenColorIO as Ocio
from numpy.typing import NDArray

from svfr_ocio.arrays import Float32
from svfr_ocio.errors import NotAnRgbImage

OCIO_ERRORS = (Ocio.Exception, Ocio.ExceptionMissingFile)
"""What OpenColorIO raises; the second is not a subclass of the first in Python."""


def ocio_reason(error: Exception) -> str:
    """Return what OpenColorIO says, as one line without its full stop."""
    return " ".join(str(error).split()).rstrip(".")


def require_rgb(image: Float32, what: str) -> None:
    """Raise :class:`NotAnRgbImage` unless ``image`` is a float32 array of shape (H, W, 3)."""
    if not isinstance(image, np.ndarray) or image.ndim != 3 or image.shape[2] != 3:
        shape = getattr(image, "shape", type(image).__name__)
        raise NotAnRgbImage(
            f"{what} must have the shape (height, width, 3), not {shape}.",
            remedy="Pass red, green and blue only; alpha and other channels are not colour.",
        )
    if image.dtype != np.float32:
        raise NotAnRgbImage(
            f"{what} must be float32, not {image.dtype}.", remedy="Convert the pixels to float32 first."
        )


def require_plane(plane: NDArray[np.generic], image: Float32, what: str) -> None:
    """Raise :class:`NotAnRgbImage` unless ``plane`` has the height and width of ``image``."""
    if plane.shape != image.shape[:2]:
        raise NotAnRgbImage(
            f"{what} has the shape {plane.shape}, but the image it belongs to is {image.shape[:2]}.",
            remedy="Give one value per pixel of the image.",
        )


class LosslessProcessor:
    """One colour conversion on float32 RGB pixels, without any approximation. Safe to share by threads."""

    def __init__(self, processor: Ocio.Processor, label: str) -> None:
        """Compile ``processor``; ``label`` names the conversion in error messages."""
        self.label = label
        self._matrix = _matrix_of(processor)
        self._cpu = processor.getOptimizedCPUProcessor(
            Ocio.BIT_DEPTH_F32, Ocio.BIT_DEPTH_F32, Ocio.OPTIMIZATION_LOSSLESS
        )

    @property
    def matrix(self) -> NDArray[np.float64] | None:
        """The conversion as a 3x3 matrix on column vectors, or None when it is anything but a matrix."""
        return None if self._matrix is None else self._matrix.copy()

    def convert(self, rgb: Float32) -> Float32:
        """Return the converted pixels of a C-contiguous float32 (H, W, 3) array as a new array."""
        require_rgb(rgb, f"The image for {self.label}")
        if not rgb.flags.c_contiguous:
            raise NotAnRgbImage(
                f"The image for {self.label} is not contiguous in memory.",
                remedy="Pass numpy.ascontiguousarray(image).",
            )
        converted = rgb.copy()
        if converted.size:
            self._cpu.applyRGB(converted)
        return converted


def _matrix_of(processor: Ocio.Processor) -> NDArray[np.float64] | None:
    """Return the 3x3 matrix that ``processor`` reduces to without loss, or None."""
    steps = processor.getOptimizedProcessor(Ocio.OPTIMIZATION_LOSSLESS).createGroupTransform()
    total: NDArray[np.float64] = np.eye(4)
    for step in steps:
        if not isinstance(step, Ocio.MatrixTransform) or any(step.getOffset()):
            return None
        matrix: NDArray[np.float64] = np.array(step.getMatrix(), dtype=np.float64).reshape(4, 4)
        if step.getDirection() == Ocio.TRANSFORM_DIR_INVERSE:
            matrix = np.asarray(np.linalg.inv(matrix), dtype=np.float64)
        total = np.asarray(matrix @ total, dtype=np.float64)
    if total[:3, 3].any() or total[3, :3].any():
        return None
    return total[:3, :3]
