import cv2
import numpy as np
import pytest

from svfr_lab.metrics.detail import detail
from svfr_lab.metrics.errors import PicturesDoNotMatch


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    rng = np.random.default_rng(1)
    return (0.5 + 0.2 * rng.standard_normal((3, 48, 64, 3))).astype(np.float32)


def test_the_truth_has_all_of_its_own_detail(truth: np.ndarray) -> None:
    own = detail(truth, truth)
    assert own.energy == pytest.approx(1.0) and own.true_share == pytest.approx(1.0)


def test_blur_loses_detail_in_both_figures(truth: np.ndarray) -> None:
    blurred = detail(np.stack([cv2.GaussianBlur(frame, (0, 0), 2.0) for frame in truth]), truth)
    assert blurred.energy < 0.1 and blurred.true_share < 0.2


def test_noise_has_energy_and_no_detail_of_the_truth(truth: np.ndarray) -> None:
    rng = np.random.default_rng(2)
    noise = detail((0.5 + 0.2 * rng.standard_normal(truth.shape)).astype(np.float32), truth)
    assert noise.energy == pytest.approx(1.0, abs=0.1) and abs(noise.true_share) < 0.05


def test_half_the_contrast_is_half_the_share_and_a_quarter_of_the_energy(truth: np.ndarray) -> None:
    half = detail(0.5 + 0.5 * (truth - 0.5), truth)
    assert half.true_share == pytest.approx(0.5, rel=1e-3) and half.energy == pytest.approx(0.25, rel=1e-3)


def test_a_constant_offset_and_a_tint_that_keeps_luma_change_nothing(truth: np.ndarray) -> None:
    tinted = truth + np.array([0.0587, -0.0299, 0.0], np.float32)
    assert detail(tinted, truth).true_share == pytest.approx(1.0, abs=1e-5)


def test_only_the_mask_counts(truth: np.ndarray) -> None:
    mask = np.zeros((48, 64), np.bool_)
    mask[16:32, 16:40] = True
    damaged = truth.copy()
    damaged[:, :, 48:] = 0.5
    assert detail(damaged, truth, mask).true_share == pytest.approx(1.0)
    assert detail(damaged, truth).true_share < 0.9


def test_a_truth_without_detail_is_no_measure(truth: np.ndarray) -> None:
    with pytest.raises(PicturesDoNotMatch, match="no detail"):
        detail(truth, np.full_like(truth, 0.3))


@pytest.mark.parametrize("cut", [np.s_[:2], np.s_[:, :40], np.s_[0]])
def test_other_shapes_are_refused(truth: np.ndarray, cut: tuple[slice, ...]) -> None:
    with pytest.raises(PicturesDoNotMatch, match="cannot be compared"):
        detail(truth[cut], truth)


def test_a_mask_of_another_size_is_refused(truth: np.ndarray) -> None:
    with pytest.raises(PicturesDoNotMatch, match="mask"):
        detail(truth, truth, np.ones((64, 48), np.bool_))
