import numpy as np
import pytest

from svfr_lab.errors import ArgumentOutOfRange
from svfr_lab.metrics.motion import flow_error_px, flows_of, motion_of, warping_error_codes

SIDE = 64


def moving_pattern(step_px: float, frames: int = 5, extra: float = 0.0) -> np.ndarray:
    """Waves in all three channels that move to the right by so many pixels a frame."""
    x, y = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    clip = []
    for frame in range(frames):
        at = x - frame * step_px
        wave = 0.5 + 0.2 * np.sin(at / 5.0) * np.cos(y / 7.0) + 0.1 * np.sin((at + y) / 3.0)
        clip.append(np.repeat(wave[..., None], 3, axis=-1) + extra * (frame % 2))
    return np.stack(clip).astype(np.float32)


def test_the_flow_of_a_shifted_pattern_is_its_shift():
    inner = flows_of(moving_pattern(1.5))[:, 12:-12, 12:-12]
    assert np.median(inner[..., 0]) == pytest.approx(1.5, abs=0.1)
    assert np.median(inner[..., 1]) == pytest.approx(0.0, abs=0.1)


def test_what_moves_evenly_has_hardly_a_warping_error():
    clip = moving_pattern(1.5)
    motion = motion_of(clip)
    assert motion.holds.mean() > 0.8
    assert warping_error_codes(clip, motion) < 2.0
    assert flow_error_px(clip, motion) == 0.0


def test_flicker_is_a_warping_error_of_its_own_size():
    motion = motion_of(moving_pattern(1.5))
    flickering = moving_pattern(1.5, extra=10 / 255)
    assert warping_error_codes(flickering, motion) == pytest.approx(10.0, abs=1.0)


def test_features_that_move_otherwise_have_a_flow_error():
    motion = motion_of(moving_pattern(1.5))
    assert flow_error_px(moving_pattern(0.5), motion) == pytest.approx(1.0, abs=0.25)


def test_a_still_blur_has_no_warping_error_though_it_has_no_detail():
    still = np.full((5, SIDE, SIDE, 3), 0.5, np.float32)
    assert warping_error_codes(still, motion_of(moving_pattern(1.5))) == 0.0


@pytest.mark.parametrize("shape", [(1, 64, 64, 3), (5, 12, 64, 3)], ids=["one frame", "too small"])
def test_a_clip_without_motion_to_tell_is_refused(shape):
    with pytest.raises(ArgumentOutOfRange, match="motion"):
        motion_of(np.zeros(shape, np.float32))
