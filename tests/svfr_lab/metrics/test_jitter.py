import numpy as np
import pytest

from svfr_lab.errors import ArgumentOutOfRange
from svfr_lab.metrics.jitter import jitter_codes


def test_even_motion_has_no_jitter_and_flicker_has_its_own_amount() -> None:
    ramp = np.linspace(0.0, 0.5, 6, dtype=np.float32)[:, None, None, None]
    even = np.broadcast_to(ramp, (6, 4, 4, 3))
    assert jitter_codes(even) == pytest.approx(0.0, abs=1e-4)
    flicker = even + np.float32(1 / 255) * np.array([0, 1, 0, 1, 0, 1], np.float32)[:, None, None, None]
    assert jitter_codes(flicker) == pytest.approx(2.0, rel=1e-3)


def test_jitter_counts_only_what_the_mask_shows() -> None:
    clip = np.zeros((5, 4, 4, 3), np.float32)
    clip[::2, 0, 0] = 0.5
    mask = np.ones((4, 4), np.bool_)
    mask[0, 0] = False
    assert jitter_codes(clip, mask) == 0.0 < jitter_codes(clip, ~mask)


def test_two_frames_have_no_jitter_to_measure() -> None:
    with pytest.raises(ArgumentOutOfRange, match="three frames"):
        jitter_codes(np.zeros((2, 4, 4, 3), np.float32))
