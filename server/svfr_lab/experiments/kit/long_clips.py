"""How long the clips are on which steadiness is measured: ten seconds, where the budget allows it."""

from __future__ import annotations

FRAMES_PER_SECOND = 25
LONG_CLIP_FRAMES = 10 * FRAMES_PER_SECOND

_SHORT_CLIP_FRAMES = 2 * FRAMES_PER_SECOND
# Rendering and restoring one long clip in every way takes most of a minute on one core.
_BUDGET_FOR_LONG_CLIPS_S = 300.0


def clip_frames(budget_s: float) -> int:
    """Return how many frames a clip has: ten seconds from five minutes on, else two."""
    return LONG_CLIP_FRAMES if budget_s >= _BUDGET_FOR_LONG_CLIPS_S else _SHORT_CLIP_FRAMES
