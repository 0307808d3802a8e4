"""Everything that was drawn for one clip, and the order in which it happens to the pictures.

The order is that of a film's life. In the camera: the stock's response to colours, lens and shutter, grain.
In the vault: fading, dust and scratches, uneven exposure of the print. Then each time it is copied or
scanned: blur, fewer pixels, noise, storage as JPEG frames, storage as video. Then the pictures are enlarged
to the size they are restored at. Holes come last: they are what somebody masked in the result. A picture
that never was film skips the film.

A task brings only what it can restore: "bfr" everything that lowers quality, "colorize" the loss of colour,
"inpaint" the holes. So lightness stays true without "bfr", whose result alone replaces it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from svfr.eight_bit import eight_bit
from svfr.validation import read_json
from svfr_client.errors import BadRecord
from svfr_client.reasons import reason_of
from svfr_client.records import from_plain, to_plain
from svfr_lab.degradation.degrade import HOLE_CODE, Degraded
from svfr_lab.degradation.dirt import Dirt, add_dirt
from svfr_lab.degradation.draws import require_within
from svfr_lab.degradation.holes import Holes, hole_masks
from svfr_lab.degradation.jpeg import through_jpeg
from svfr_lab.degradation.noise import Grain, SensorNoise, add_grain, add_sensor_noise
from svfr_lab.degradation.optics import Blur, blur
from svfr_lab.degradation.resample import Filter, Shrink, enlarge, shrink
from svfr_lab.degradation.tone import Fade, FilmResponse, Flicker, add_flicker, fade, to_grey
from svfr_lab.degradation.video import VideoCoding, through_video

NEVER_A_JPEG = 0


@dataclass(frozen=True, kw_only=True)
class FilmDegradation:
    """From the lens to the vault."""

    response: FilmResponse
    blur: Blur
    grain: Grain
    fade: Fade
    dirt: Dirt
    flicker: Flicker


@dataclass(frozen=True, kw_only=True)
class Copy:
    """One scan, or one copy of a file; ``jpeg_quality`` 1 to 100, or NEVER_A_JPEG."""

    blur: Blur
    shrink: Shrink
    noise: SensorNoise
    jpeg_quality: int
    video: VideoCoding

    def __post_init__(self) -> None:
        require_within("jpeg_quality", self.jpeg_quality, NEVER_A_JPEG, 100)


@dataclass(frozen=True, kw_only=True)
class ClipDegradation:
    """All degradation of one clip, for any number of frames of any size: the same values, the same bytes.

    ``seed`` (0 or more) decides what differs from pixel to pixel and from frame to frame. The tasks decide
    which of the parts are applied.
    """

    seed: int
    film: FilmDegradation
    copies: tuple[Copy, ...]
    enlarge: Filter
    holes: Holes

    def __post_init__(self) -> None:
        require_within("seed", self.seed, 0)

    def to_text(self) -> str:
        """Return all values as one line of JSON, to be kept with a sheet or a report."""
        return json.dumps(to_plain(self))

    @classmethod
    def from_text(cls, text: str) -> ClipDegradation:
        """Return what :meth:`to_text` wrote. Raises BadRecord, ArgumentOutOfRange."""
        try:
            plain = read_json(text)
        except ValueError as error:
            raise BadRecord(f"The degradation cannot be read: {reason_of(error)}.") from error
        return from_plain(cls, plain, "degradation")


class _Stream(IntEnum):
    """Each kind of degradation has random numbers of its own: leaving one out changes no other."""

    GRAIN = 1
    DIRT = 2
    FLICKER = 3
    NOISE = 4


def degrade_clip(clip: NDArray[np.float32], tasks: frozenset[str], drawn: ClipDegradation) -> Degraded:
    """Return ``clip`` (F, H, W, 3), code values in 0..1, with what ``tasks`` can restore of what was drawn.

    ``hole`` of the result is (F, H, W). Raises VideoCodecFailed.
    """
    height, width = clip.shape[1:3]
    lq, low_resolution = clip, None
    if "colorize" in tasks:
        lq = to_grey(lq, drawn.film.response)
    if "bfr" in tasks:
        low_resolution = np.ascontiguousarray(_copied(_aged(lq, drawn), drawn))
        lq = enlarge(low_resolution, height, width, drawn.enlarge)
        if "colorize" in tasks:
            # noise and chroma subsampling may have brought colour back to a film that has none
            lq = to_grey(lq, FilmResponse.REC601)
    hole = None
    if "inpaint" in tasks:
        hole = hole_masks(drawn.holes, len(clip), height, width)
        lq = np.where(hole[..., None], np.float32(HOLE_CODE), lq)
    return Degraded(lq, hole, low_resolution)


def _aged(clip: NDArray[np.float32], drawn: ClipDegradation) -> NDArray[np.float32]:
    film = drawn.film
    exposed = add_grain(blur(clip, film.blur), film.grain, _random(drawn, _Stream.GRAIN))
    kept = add_dirt(fade(exposed, film.fade), film.dirt, _random(drawn, _Stream.DIRT))
    return np.clip(add_flicker(kept, film.flicker, _random(drawn, _Stream.FLICKER)), 0, 1)


def _copied(clip: NDArray[np.float32], drawn: ClipDegradation) -> NDArray[np.float32]:
    for number, copy in enumerate(drawn.copies):
        scanned = shrink(blur(clip, copy.blur), copy.shrink)
        noisy = add_sensor_noise(scanned, copy.noise, _random(drawn, _Stream.NOISE, number))
        stored = np.asarray(eight_bit(noisy), np.float32) / np.float32(255)
        if copy.jpeg_quality != NEVER_A_JPEG:
            stored = np.stack([through_jpeg(frame, copy.jpeg_quality) for frame in stored])
        clip = through_video(stored, copy.video)
    return clip


def _random(drawn: ClipDegradation, stream: _Stream, number: int = 0) -> np.random.Generator:
    return np.random.default_rng([drawn.seed, stream, number])
