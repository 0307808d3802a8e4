"""Storage as JPEG frames."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from svfr.eight_bit import eight_bit


def through_jpeg(frame: NDArray[np.float32], quality: int) -> NDArray[np.float32]:
    """Return ``frame`` (h, w, 3) as a JPEG of ``quality`` 1 to 100 keeps it; values beyond 0..1 are cut."""
    # OpenCV's codecs take and give blue first
    _, packed = cv2.imencode(".jpg", eight_bit(frame)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(decoded[..., ::-1], dtype=np.float32) / np.float32(255)
