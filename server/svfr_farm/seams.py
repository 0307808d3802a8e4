"""Joining the latents of a track's pieces, and measuring whether the joint can be seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from svfr.arrays import Float32
from svfr_farm.assembly_result import Seam
from svfr_farm.segments import Piece

_NEIGHBOURS = 12


def kept(piece: Piece, frames: range, fade: int) -> range:
    """Return the frames of a piece's latents that are kept: its core, and what cross-fades at its joints."""
    first = piece.core[0] if piece.core[0] == frames[0] else piece.core[0] - fade
    last = piece.core[1] if piece.core[1] == frames[-1] else piece.core[1] + fade
    return range(first, last + 1)


def joined(
    frames: range, pieces: Sequence[Piece], latents: Sequence[torch.Tensor], fade: int
) -> torch.Tensor:
    """Return the latents (T, C, h, w) of all ``frames`` from those that each piece kept.

    Over the ``2 fade`` frames around a joint the earlier piece's share falls linearly from just below 1 to
    just above 0.
    """
    whole = torch.zeros((len(frames), *latents[0].shape[1:]), dtype=torch.float32)
    for number, (piece, part) in enumerate(zip(pieces, latents, strict=True)):
        span = kept(piece, frames, fade)
        weights = torch.ones(len(span))
        ramp = torch.arange(1, 2 * fade + 1, dtype=torch.float32) / (2 * fade + 1)
        if number > 0:
            weights[: 2 * fade] = ramp
        if number < len(pieces) - 1:
            weights[-2 * fade :] = ramp.flip(0)
        start = span.start - frames.start
        whole[start : start + len(span)] += weights.view(-1, 1, 1, 1) * part
    return whole


def measure_seams(
    number: int, frames: range, pieces: Sequence[Piece], fade: int, picture: Callable[[int], Float32]
) -> list[Seam]:
    """Return one seam for each joint of track ``number``; ``picture`` gives a restored crop by frame."""
    return [_seam(number, frames, piece.core[0], fade, picture) for piece in pieces[1:]]


def _seam(number: int, frames: range, joint: int, fade: int, picture: Callable[[int], Float32]) -> Seam:
    first = max(frames[0], joint - fade - 1 - _NEIGHBOURS)
    last = min(frames[-1], joint + fade + _NEIGHBOURS)
    changes: dict[int, float] = {}
    before = picture(first)
    for frame in range(first + 1, last + 1):
        after = picture(frame)
        changes[frame] = float(np.abs(after - before).mean())
        before = after
    inside = [change for frame, change in changes.items() if joint - fade <= frame <= joint + fade]
    outside = [change for frame, change in changes.items() if not joint - fade <= frame <= joint + fade]
    usual = float(np.median(outside)) if outside else 0.0
    return Seam(number, joint, round(max(inside) / usual, 4) if usual > 0 else 1.0)
