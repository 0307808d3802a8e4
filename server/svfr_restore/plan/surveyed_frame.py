"""What the survey keeps of one frame, and its plain form in a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from svfr.arrays import Float32, UInt8
from svfr_restore.faces.box import FaceBox
from svfr_restore.media.window import Window


class Thumbnail(NamedTuple):
    """A small ACEScg luminance picture (h, w) of a frame over its data window, for metering."""

    luminance: Float32
    window: Window


@dataclass(frozen=True, eq=False)
class SurveyedFrame:
    """One frame as the survey saw it.

    ``small`` (h, w, 3) shows its display window, for cuts; ``faces`` are the sightings in EXR pixels, None
    where none were sought.
    """

    small: UInt8
    thumbnail: Thumbnail
    faces: list[FaceBox] | None


def packed(surveyed: Mapping[int, SurveyedFrame]) -> bytes:
    """Return some frames as one file's bytes; :func:`unpacked` gives them back, bit for bit."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for frame, one in surveyed.items():
        window = one.thumbnail.window
        arrays[f"{frame}/small"] = np.ascontiguousarray(one.small)
        arrays[f"{frame}/luminance"] = np.ascontiguousarray(one.thumbnail.luminance)
        arrays[f"{frame}/window"] = np.array(astuple(window), np.int64)
        if one.faces is not None:
            arrays[f"{frame}/faces"] = np.array([astuple(face) for face in one.faces], np.float64)
    return save(arrays)


def unpacked(data: bytes, sought: Mapping[int, bool]) -> dict[int, SurveyedFrame] | None:
    """Return these frames, of which ``sought`` says where faces were sought; None for other data."""
    try:
        arrays = load(data)
        return {frame: _surveyed(arrays, frame, is_sought) for frame, is_sought in sought.items()}
    except (SafetensorError, KeyError, ValueError, TypeError):
        return None


def _surveyed(arrays: Mapping[str, NDArray[np.generic]], frame: int, is_sought: bool) -> SurveyedFrame:
    """Raises KeyError and ValueError for arrays that are not those of a frame."""
    small, luminance = arrays[f"{frame}/small"], arrays[f"{frame}/luminance"]
    if small.dtype != np.uint8 or small.ndim != 3 or small.shape[2] != 3 or small.size == 0:
        raise ValueError("the small picture has another form")
    if luminance.dtype != np.float32 or luminance.ndim != 2 or luminance.size == 0:
        raise ValueError("the luminance has another form")
    window = arrays[f"{frame}/window"]
    if window.dtype != np.int64 or window.shape != (4,):
        raise ValueError("the window has another form")
    left, top, width, height = (int(number) for number in window)
    faces = None
    if is_sought:
        rows = np.asarray(arrays[f"{frame}/faces"], np.float64).reshape(-1, 5)
        faces = [FaceBox(*map(float, row)) for row in rows]
    thumbnail = Thumbnail(np.asarray(luminance, np.float32), Window(left, top, width, height))
    return SurveyedFrame(np.asarray(small, np.uint8), thumbnail, faces)
