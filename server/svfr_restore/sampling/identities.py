"""Whose face it is: identity tokens from a reference picture."""

from __future__ import annotations

from collections.abc import Callable

import torch

from svfr.arrays import Float32
from svfr.eight_bit import eight_bit
from svfr.nets.identity import IdentityEncoder
from svfr.sampling.network_input import from_network
from svfr_restore.faces.points import FacePointFinder
from svfr_restore.media.feed import FrameFeed
from svfr_restore.plan.plate_crop import FinitePlate
from svfr_restore.plan.track_plan import TrackPlan

Warn = Callable[[str], None]


def codes_of(feed: FrameFeed, track: TrackPlan, frame: int) -> Float32:
    """Return the unprepared crop of a frame as the model domain has it, (S, S, 3) clipped to 0..1."""
    return FinitePlate(feed.read(frame)).crop(track).square.codes


def identify(
    encoder: IdentityEncoder,
    picture: torch.Tensor,
    plate_identity_codes: Callable[[], Float32] | None,
    warn: Warn,
) -> torch.Tensor:
    """Return the identity tokens (1, L, C) of a reference picture (3, S, S) in [-1, 1].

    An encoder that needs five points looks for them on the picture, else on the plate's own crop of the
    same frame (``plate_identity_codes``, None where there is none), else the tokens are zero and the user is
    told.
    """
    if not encoder.needs_points:
        return encoder.encode(picture)
    finder = FacePointFinder()
    points = finder.five_points(eight_bit(from_network(picture)))
    if points is None and plate_identity_codes is not None:
        points = finder.five_points(eight_bit(plate_identity_codes()))
    if points is None:
        warn("The face's eyes, nose and mouth were not found, so its identity is not used.")
        return encoder.zero_tokens()
    return encoder.encode(picture, points)
