"""The crop's matte, its product with a roto, and the hole made of a mask."""

import numpy as np
import pytest

from svfr_restore.crops.transform import CropTransform
from svfr_restore.errors import PictureArrayDoesNotFit
from svfr_restore.mattes.hole import crop_around_hole, hole_of_mask
from svfr_restore.mattes.matte import TAIL, combine, crop_matte, matte_box
from svfr_restore.media.window import Window

PLATE = Window(0, 0, 400, 300)


def matte_of(centre_x, centre_y, side, window=PLATE, feather=0.1, aspect=1.0, plate=PLATE):
    return crop_matte(
        CropTransform.of_square(centre_x, centre_y, side, 96, aspect), 96, window, feather, plate
    )


def test_the_matte_rises_by_smoothstep_from_the_crops_sides():
    matte = matte_of(200, 150, 100)
    depth = np.arange(10) + 0.5
    t = depth / 10
    assert matte[150, 150:160] == pytest.approx(np.where(t * t * (3 - 2 * t) < TAIL, 0, t * t * (3 - 2 * t)))
    assert np.all(matte[110:190, 160:240] == 1.0)
    assert np.array_equal(matte, matte[:, ::-1])
    assert np.array_equal(matte, matte[::-1])


def test_the_matte_is_exactly_zero_outside_and_has_no_tail():
    matte = matte_of(200.3, 150.2, 101.7)
    assert not matte[:, :149].any()
    assert not matte[:, 252:].any()
    assert matte[matte > 0].min() >= TAIL


@pytest.mark.parametrize(("centre_x", "side"), [(50.0, 100.0), (40.0, 100.0), (200.0, 400.0)])
def test_a_side_on_or_beyond_the_plates_edge_does_not_fade(centre_x, side):
    matte = matte_of(centre_x, 150, side)
    assert matte[150, 0] == 1.0


def test_only_the_side_at_the_edge_stays_full():
    matte = matte_of(50, 150, 100)
    assert np.all(matte[150, :90] == 1.0)
    assert matte[150, 99] < 0.01
    assert matte[101, 50] < 0.1


def test_nothing_pops_when_a_moving_crop_reaches_the_edge():
    before = matte_of(62.0, 150, 100)
    for centre in np.arange(61.9, 48.0, -0.1):
        now = matte_of(centre, 150, 100)
        assert np.abs(now[150, 12:] - before[150, 12:]).max() < 0.03
        before = now


def test_the_matte_follows_wide_pixels():
    matte = matte_of(200, 150, 100, aspect=2.0)
    assert np.flatnonzero(matte[150]).tolist() == list(range(175, 225))
    assert len(np.flatnonzero(matte[:, 200])) >= 98


def test_a_window_shows_its_part_of_the_matte():
    part = Window(130, 80, 77, 66)
    assert np.array_equal(matte_of(200, 150, 100, part), matte_of(200, 150, 100)[part.slices_in(PLATE)])
    assert not matte_of(200, 150, 100, Window(-50, -50, 60, 60)).any()


def test_without_feather_the_square_is_hard():
    matte = matte_of(200, 150, 100, feather=0.0)
    assert set(np.unique(matte)) == {0.0, 1.0}
    assert matte.sum() == 100 * 100


def test_a_roto_multiplies_and_keeps_its_soft_values():
    square = matte_of(200, 150, 100)
    roto = np.full(PLATE.shape, 0.25, np.float32)
    both = combine(square, roto)
    assert both[150, 200] == 0.25
    assert np.all((both == 0) | (both >= TAIL))
    assert np.array_equal(combine(square, None), square)
    assert not combine(square, np.zeros(PLATE.shape, np.float32)).any()


def test_a_roto_over_another_window_is_refused():
    with pytest.raises(PictureArrayDoesNotFit, match="300, 400"):
        combine(matte_of(200, 150, 100), np.zeros((10, 10), np.float32))


def test_the_bounds_of_a_matte_are_those_of_its_better_half():
    matte = np.zeros((20, 30), np.float32)
    matte[5:9, 7:20] = 0.5
    matte[2, 2] = 0.49
    box = matte_box(matte, Window(100, 50, 30, 20))
    assert box is not None
    assert (box.x, box.y, box.width, box.height) == (107, 55, 13, 4)
    assert matte_box(np.zeros((5, 5), np.float32), Window(0, 0, 5, 5)) is None


def disc(radius, soft=0.0):
    y, x = np.mgrid[0:300, 0:400] + 0.5
    away = np.hypot(x - 200, y - 150) - radius
    return np.clip(0.5 - away / max(soft, 1e-3), 0, 1).astype(np.float32)


@pytest.mark.parametrize(("crop_px", "grown_px"), [(512, 8.0), (256, 4.0), (96, 3.0)])
def test_the_hole_is_the_mask_grown_by_8_px_at_512_and_never_less_than_3(crop_px, grown_px):
    transform = CropTransform.of_square(200, 150, 256, crop_px, 1.0)
    hole = hole_of_mask(disc(50), PLATE, transform, crop_px)
    radius = np.sqrt(hole.sum() / np.pi)
    assert hole.dtype == bool
    assert radius == pytest.approx(50 / 256 * crop_px + grown_px, abs=0.6)


def test_a_soft_mask_is_a_hole_from_one_half_on():
    transform = CropTransform.of_square(200, 150, 256, 256, 1.0)
    soft, hard = (hole_of_mask(disc(50, soft=s), PLATE, transform, 256) for s in (30.0, 0.0))
    assert np.array_equal(soft, hard)
    assert not hole_of_mask(disc(50) * np.float32(0.49), PLATE, transform, 256).any()


def test_an_empty_mask_gives_no_hole_and_a_full_one_gives_all():
    transform = CropTransform.of_square(200, 150, 100, 96, 1.0)
    assert not hole_of_mask(np.zeros(PLATE.shape, np.float32), PLATE, transform, 96).any()
    assert hole_of_mask(np.ones(PLATE.shape, np.float32), PLATE, transform, 96).all()


@pytest.mark.parametrize("side", [256.0, 300.0, 100.0])
def test_a_hole_that_is_continued_from_its_edge_shows_nothing_of_the_damage_around_it(side):
    transform = CropTransform.of_square(200, 150, side, 96, 1.0)
    mask = disc(20)
    damaged = np.where(mask[..., None] >= 0.5, np.float32(9.0), np.float32(0.25)).repeat(3, axis=-1)
    crop, hole = crop_around_hole(
        damaged, mask, window=PLATE, transform=transform, crop_px=96, hole_fill="telea"
    )
    assert hole is not None
    assert hole.sum() == pytest.approx(np.pi * (20 * 96 / side) ** 2, rel=0.05)
    assert np.allclose(crop[~hole], 0.25, atol=1e-5)


def test_a_hole_that_is_marked_white_is_grown():
    transform = CropTransform.of_square(200, 150, 256, 512, 1.0)
    plate = np.zeros((*PLATE.shape, 3), np.float32)
    _, hole = crop_around_hole(
        plate, disc(50), window=PLATE, transform=transform, crop_px=512, hole_fill="white"
    )
    assert np.array_equal(hole, hole_of_mask(disc(50), PLATE, transform, 512))


def test_without_a_mask_nothing_is_lost():
    transform = CropTransform.of_square(200, 150, 256, 96, 1.0)
    crop, hole = crop_around_hole(
        np.ones((*PLATE.shape, 3), np.float32),
        None,
        window=PLATE,
        transform=transform,
        crop_px=96,
        hole_fill="telea",
    )
    assert hole is None
    assert np.array_equal(crop, np.ones((96, 96, 3), np.float32))
