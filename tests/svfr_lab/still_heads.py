"""Rendered heads that keep still, so that a test knows where to look."""

from dataclasses import replace

import numpy as np

from svfr_lab.heads.mesh import Motion


def at_rest(motion: Motion, *more: str) -> Motion:
    """The motion without expression, turning and what ``more`` names, and with a head of full size."""
    names = ("weights", "rotation_rad", *more)
    return replace(motion, scale=0.9, **{name: np.zeros_like(getattr(motion, name)) for name in names})
