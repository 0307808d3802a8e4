import numpy as np
import pytest
import torch
from quality_samples import noisy, real_face_clip
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from svfr_lab.metrics.errors import PicturesDoNotMatch, PictureTooSmall
from svfr_lab.metrics.psnr_ssim import MOST_DB, SSIM_WINDOW_PX, psnr_db, ssim


def grey(value, height=20, width=24):
    return np.full((height, width, 3), value, np.float32)


@pytest.fixture(scope="module")
def pictures():
    truth = real_face_clip(1)
    return tuple(clip[0].astype(np.float32) / 255.0 for clip in (noisy(truth, 20.0), truth))


def planes(picture):
    return torch.from_numpy(picture).permute(2, 0, 1)[None].double()


def test_psnr_of_a_constant_error_is_its_formula():
    assert psnr_db(grey(0.5), grey(0.6)) == pytest.approx(20.0, abs=1e-5)


def test_psnr_of_equal_pictures_is_finite():
    assert psnr_db(grey(0.3), grey(0.3)) == MOST_DB


def test_psnr_is_that_of_torchmetrics(pictures):
    theirs = peak_signal_noise_ratio(*map(planes, pictures), data_range=1.0)
    assert psnr_db(*pictures) == pytest.approx(float(theirs), abs=1e-5)


def test_psnr_under_a_matte_weighs_pixels_by_it():
    result, matte = grey(0.5), np.zeros((20, 24), np.float32)
    result[:, :6], result[:, 6:12] = 0.7, 0.9
    matte[:, :6], matte[:, 6:12] = 1.0, 0.5
    expected = -10 * np.log10((0.2**2 * 1.0 + 0.4**2 * 0.5) / 1.5)
    assert psnr_db(result, grey(0.5), matte) == pytest.approx(expected, abs=1e-4)


def test_ssim_of_equal_pictures_is_one(pictures):
    assert ssim(pictures[1], pictures[1]) == pytest.approx(1.0, abs=1e-6)


def test_ssim_of_two_flat_pictures_is_its_luminance_term():
    a, b, c1 = 0.2, 0.7, 0.01**2
    assert ssim(grey(a), grey(b)) == pytest.approx((2 * a * b + c1) / (a * a + b * b + c1), abs=1e-5)


def test_ssim_is_that_of_torchmetrics_inside_its_border(pictures):
    _, full = structural_similarity_index_measure(
        *map(planes, pictures), data_range=1.0, return_full_image=True
    )
    assert ssim(*pictures) == pytest.approx(float(full[..., 5:-5, 5:-5].mean()), abs=1e-5)


@pytest.mark.parametrize("measure", [psnr_db, ssim])
def test_a_matte_that_is_one_everywhere_changes_nothing(measure, pictures):
    matte = np.ones(pictures[0].shape[:2], np.float32)
    assert measure(*pictures, matte) == pytest.approx(measure(*pictures), abs=1e-6)


def test_under_an_empty_matte_there_is_no_figure(pictures):
    nothing = np.zeros(pictures[0].shape[:2], np.float32)
    assert ssim(*pictures, nothing) is None
    with pytest.raises(PicturesDoNotMatch, match="no pixel"):
        psnr_db(*pictures, nothing)


def test_a_clip_has_one_mean_over_its_frames():
    clip, truth = (np.stack([grey(value), grey(0.5)]) for value in (0.6, 0.5))
    assert psnr_db(clip, truth) == pytest.approx(20.0 + 10 * np.log10(2), abs=1e-4)


def test_a_hole_that_moves_weighs_the_pixels_of_its_frame():
    clip, truth = np.stack([grey(0.5)] * 2), np.stack([grey(0.6)] * 2)
    hole = np.zeros(clip.shape[:3], bool)
    hole[0, 2, 3] = hole[1, 5, 7] = True
    clip[~hole] = 0.0
    assert psnr_db(clip, truth, hole) == pytest.approx(20.0, abs=1e-4)


def test_clips_of_different_length_are_refused():
    with pytest.raises(PicturesDoNotMatch, match="Shapes differ"):
        psnr_db(np.stack([grey(0.5)] * 2), np.stack([grey(0.5)]))


def test_ssim_under_a_matte_sees_only_what_the_matte_shows(pictures):
    result, truth = (picture.copy() for picture in pictures)
    matte = np.zeros(truth.shape[:2], np.float32)
    matte[100:, 100:] = 1.0
    before = ssim(result, truth, matte)
    result[:80] = 0.0
    assert ssim(result, truth, matte) == pytest.approx(before, abs=1e-6)


@pytest.mark.parametrize("measure", [psnr_db, ssim])
@pytest.mark.parametrize(
    ("result", "matte"),
    [(grey(0.5, 20, 25), None), (grey(0.5), np.ones((3, 3), np.float32)), (grey(0.5)[..., 0], None)],
    ids=["another size", "a matte of another size", "no colour"],
)
def test_arrays_that_do_not_belong_together_are_refused(measure, result, matte):
    with pytest.raises(PicturesDoNotMatch):
        measure(result, grey(0.5), matte)


def test_a_picture_smaller_than_the_window_has_no_ssim():
    small = grey(0.5, SSIM_WINDOW_PX - 1, 40)
    with pytest.raises(PictureTooSmall, match="40 x 10"):
        ssim(small, small)
