"""Whose face it is: the user's reference pictures, and identity tokens from a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from svfr.identity import IdentityEncoder
from svfr_client.messages import Reference
from svfr_ocio.config import ColourConfig
from svfr_ocio.domain import ModelDomain
from svfr_ocio.sanitise import sanitise
from svfr_restore.crops.smoothing import smooth_track
from svfr_restore.crops.warp import cut
from svfr_restore.errors import ReferenceCannotBeUsed
from svfr_restore.faces.detector import FaceDetector
from svfr_restore.faces.landmarks import FivePointFinder
from svfr_restore.faces.tracks import filled_track
from svfr_restore.frame_feed import FrameFeed
from svfr_restore.media.plate import open_plate
from svfr_restore.spool import to_network
from svfr_restore.track_plan import TrackPlan

FloatImage = npt.NDArray[np.float32]
Warn = Callable[[str], None]

# What a still without tags is: stills are display-referred unless they say otherwise.
_PHOTO_SPACE = "srgb_rec709_display"


def codes_of(feed: FrameFeed, track: TrackPlan, frame: int, crop_px: int) -> FloatImage:
    """Return the unprepared crop of a frame as the model domain has it, (S, S, 3) clipped to 0..1."""
    picture = feed.read(frame)
    transform = track.crop.transform(frame, crop_px, picture.pixel_aspect)
    pixels = cut(sanitise(picture.rgb), picture.data_window, transform, crop_px)
    return np.clip(track.domain.to_codes(pixels), 0.0, 1.0)


def reference_picture(
    reference: Reference, feed: FrameFeed, track: TrackPlan, crop_px: int, config: ColourConfig
) -> torch.Tensor:
    """Return the user's reference (3, S, S) in [-1, 1]: a frame of the track, or the face of a photo.

    Raises ReferenceCannotBeUsed when the frame does not show the face or the photo shows none.
    """
    if reference.frame is not None:
        if reference.frame not in track.frames:
            raise ReferenceCannotBeUsed(
                f"Face {track.index} is not in frame {reference.frame}; it is in "
                f"{track.frames[0]} to {track.frames[-1]}.",
                frame=reference.frame,
                remedy="Choose a frame of that face's track as reference.",
            )
        return to_network(codes_of(feed, track, reference.frame, crop_px)[None])[0]
    assert reference.photo is not None
    return to_network(_photo_crop(Path(reference.photo), crop_px, config)[None])[0]


def _photo_crop(path: Path, crop_px: int, config: ColourConfig) -> FloatImage:
    """Return the largest face of a photo, framed as tracks are."""
    photo = open_plate(str(path))
    picture = photo.read(photo.frames[0])
    codes = np.clip(
        ModelDomain.build(config, photo.colour_hint or _PHOTO_SPACE).to_codes(picture.rgb), 0.0, 1.0
    )
    window = picture.data_window
    faces = FaceDetector().detect(
        np.rint(codes * 255.0).astype(np.uint8), window.x, window.y, pixel_aspect=picture.pixel_aspect
    )
    if not faces:
        raise ReferenceCannotBeUsed(
            "No face was found in the reference photo.",
            path=path,
            remedy="Give a photo that shows the face from the front, or use a plate frame.",
        )
    largest = max(faces, key=lambda face: face.area)
    crop = smooth_track(filled_track(0, {0: largest}, range(1)), picture.display_window, picture.pixel_aspect)
    return np.clip(cut(codes, window, crop.transform(0, crop_px, picture.pixel_aspect), crop_px), 0.0, 1.0)


def identify(
    encoder: IdentityEncoder, picture: torch.Tensor, fallback: Callable[[], FloatImage], warn: Warn
) -> torch.Tensor:
    """Return the identity tokens (1, L, C) of a reference picture (3, S, S) in [-1, 1].

    An encoder that needs five points looks for them on the picture, else on the plate's own crop
    (``fallback``), else the tokens are zero and the user is told.
    """
    if not encoder.needs_points:
        return encoder.encode(picture)
    finder = FivePointFinder()
    points = finder.five_points(_eight_bit(picture))
    if points is None:
        points = finder.five_points(np.rint(fallback() * 255.0).astype(np.uint8))
    if points is None:
        warn("The face's eyes, nose and mouth were not found, so its identity is not used.")
        return encoder.zero_tokens()
    return encoder.encode(picture, points)


def _eight_bit(picture: torch.Tensor) -> npt.NDArray[np.uint8]:
    codes = (picture.clamp(-1.0, 1.0) * 127.5 + 127.5).round()
    return np.ascontiguousarray(codes.permute(1, 2, 0).byte().numpy())
