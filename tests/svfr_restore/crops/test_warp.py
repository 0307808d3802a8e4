"""The warp: positions to a hundredth of a pixel, exact copies, exact zeros."""

import math

import numpy as np
import pytest

from svfr_ocio.sanitise import sanitise
from svfr_restore.crops.transform import CropTransform
from svfr_restore.crops.warp import warp_to_crop, warp_to_plate
from svfr_restore.errors import PictureArrayDoesNotFit
from svfr_restore.media.window import Window

PLATE = Window(-20, -10, 700, 500)
CASES = [  # side in screen px, crop px, pixel aspect
    (97.3, 128, 1.0),
    (96.0, 96, 1.0),
    (128.7, 96, 1.0),
    (311.1, 128, 1.0),
    (300.0, 512, 1.0),
    (260.9, 96, 2.0),
    (100.0, 128, 2.0),
    (384.0, 64, 1.0),
]


def positions(window):
    """Return the EXR pixel position (x, y) of every pixel's centre, (h, w, 2)."""
    x, y = np.arange(window.x, window.right) + 0.5, np.arange(window.y, window.bottom) + 0.5
    return np.stack(np.meshgrid(x, y), axis=-1)


@pytest.mark.parametrize(("side", "crop_px", "aspect"), CASES)
def test_a_gradient_is_cut_at_the_very_positions_of_the_transform(side, crop_px, aspect):
    transform = CropTransform.of_square(330.3, 240.7, side, crop_px, aspect)
    crop = warp_to_crop(positions(PLATE).astype(np.float32), PLATE, transform, crop_px)
    u = np.arange(crop_px) + 0.5
    x, y = transform.to_plate(*np.meshgrid(u, u))
    assert np.abs(crop - np.stack([x, y], axis=-1)).max() < 0.01


@pytest.mark.parametrize(("side", "crop_px", "aspect"), CASES)
def test_a_gradient_is_lifted_to_the_very_positions_of_the_transform(side, crop_px, aspect):
    transform = CropTransform.of_square(330.3, 240.7, side, crop_px, aspect)
    u = np.arange(crop_px) + 0.5
    gradient = np.stack(np.meshgrid(u, u), axis=-1).astype(np.float32)
    window = transform.window(crop_px)
    lifted = warp_to_plate(gradient, transform, window)
    place = positions(window)
    expected = np.stack(transform.to_crop(place[..., 0], place[..., 1]), axis=-1)
    margin = 4.0 * max(1.0, 1.0 / transform.scale_x, 1.0 / transform.scale_y)  # the kernel's reach
    inner = np.all((expected > margin) & (expected < crop_px - margin), axis=-1)
    assert inner.sum() > 100
    off = np.abs(lifted - expected)[inner] * [transform.scale_x, transform.scale_y]
    assert off.max() < 0.01  # plate pixels


@pytest.mark.parametrize(("side", "crop_px", "aspect"), CASES)
def test_cut_and_lift_are_one_map_in_two_directions(side, crop_px, aspect):
    transform = CropTransform.of_square(330.3, 240.7, side, crop_px, aspect)
    window = transform.window(crop_px).intersect(PLATE)
    back = warp_to_plate(
        warp_to_crop(positions(PLATE).astype(np.float32), PLATE, transform, crop_px), transform, window
    )
    margin = math.ceil(5 * max(1.0, transform.scale_x, transform.scale_y))
    inner = (slice(margin, -margin), slice(margin, -margin))
    assert np.abs(back - positions(window))[inner].max() < 0.01


def test_a_blob_comes_back_where_it_was():
    place = positions(PLATE) - [300.25, 200.75]
    blob = np.exp(-0.5 * np.sum((place / 6.0) ** 2, axis=-1)).astype(np.float32)
    transform = CropTransform.of_square(310.1, 190.2, 141.3, 128, 1.0)
    back = warp_to_plate(warp_to_crop(blob, PLATE, transform, 128), transform, PLATE)
    weight = back[..., None].astype(np.float64)
    centre = (weight * positions(PLATE)).sum(axis=(0, 1)) / weight.sum()
    assert np.abs(centre - [300.25, 200.75]).max() < 0.01
    assert np.abs(back - blob).max() < 0.01


@pytest.mark.parametrize("corner", [(40, 30), (-20, -10), (-60, -50), (660, 470)])
def test_whole_offsets_at_scale_one_copy_the_bits(corner):
    rng = np.random.default_rng(3)
    plate = rng.normal(size=(*PLATE.shape, 3)).astype(np.float32)
    plate[0, 0] = [np.float32(65504.0), np.float32(-0.0), np.float32(1e-42)]
    transform = CropTransform(float(corner[0]), float(corner[1]), 1.0, 1.0)
    assert transform.is_copy
    crop = warp_to_crop(plate, PLATE, transform, 96)
    rows = np.clip(np.arange(96) + corner[1] - PLATE.y, 0, PLATE.height - 1)
    columns = np.clip(np.arange(96) + corner[0] - PLATE.x, 0, PLATE.width - 1)
    assert crop.tobytes() == np.ascontiguousarray(plate[rows][:, columns]).tobytes()
    square = transform.window(96)
    assert warp_to_plate(crop, transform, square).tobytes() == crop.tobytes()
    both = square.intersect(PLATE)
    assert np.array_equal(
        warp_to_plate(crop, transform, PLATE)[both.slices_in(PLATE)], crop[both.slices_in(square)]
    )


@pytest.mark.parametrize("offset", [0.0, 0.5])
def test_what_is_not_finite_is_read_as_a_finite_number(offset):
    plate = np.ones((*PLATE.shape, 3), np.float32)
    plate[40, 50], plate[60, 50] = np.nan, [np.inf, -np.inf, 1e9]
    transform = CropTransform(offset + PLATE.x, offset + PLATE.y, 1.0, 1.0)
    crop = warp_to_crop(plate, PLATE, transform, 96)
    assert np.array_equal(crop, warp_to_crop(sanitise(plate), PLATE, transform, 96))
    assert np.isfinite(crop).all() and np.isnan(plate[40, 50]).all()


@pytest.mark.parametrize(("side", "crop_px", "aspect"), CASES)
def test_a_delta_of_zero_lifts_to_exactly_zero(side, crop_px, aspect):
    transform = CropTransform.of_square(330.3, 240.7, side, crop_px, aspect)
    lifted = warp_to_plate(np.zeros((crop_px, crop_px, 3), np.float32), transform, PLATE)
    assert lifted.tobytes() == bytes(lifted.nbytes)  # no -0.0 either


def test_zeros_beside_a_spike_stay_positive_zero_out_of_its_reach():
    delta = np.zeros((96, 96, 3), np.float32)
    delta[48, 48] = -1.0
    transform = CropTransform.of_square(200.3, 200.1, 141.0, 96, 1.0)
    lifted = warp_to_plate(delta, transform, PLATE)
    x, y = transform.to_plate(np.array(48.5), np.array(48.5))
    far = np.abs(positions(PLATE) - [x, y]).max(axis=-1) > 4
    assert lifted[far].tobytes() == bytes(lifted[far].nbytes)
    assert lifted.min() < -0.5


@pytest.mark.parametrize(("side", "crop_px", "aspect"), CASES)
def test_a_highlight_throws_no_dark_ring_into_the_crop_nor_a_bright_one_onto_the_plate(side, crop_px, aspect):
    transform = CropTransform.of_square(330.3, 240.7, side, crop_px, aspect)
    plate = np.full((*PLATE.shape, 3), 0.18, np.float32)
    plate[248:252, 348:352] = [2000.0, 20.0, 2.0]
    crop = warp_to_crop(plate, PLATE, transform, crop_px)
    assert crop.min() >= np.float32(0.18)
    assert crop.max() <= 2000.0
    lifted = warp_to_plate(np.float32(0.18) - crop, transform, PLATE)
    assert lifted.max() <= 0.0
    assert lifted.min() < -1.0


def test_nothing_is_lifted_outside_the_crop():
    transform = CropTransform.of_square(330.3, 240.7, 200.5, 96, 2.0)
    lifted = warp_to_plate(np.ones((96, 96), np.float32), transform, PLATE)
    u, v = transform.to_crop(*np.moveaxis(positions(PLATE), -1, 0))
    inside = (u >= 0) & (u < 96) & (v >= 0) & (v < 96)
    assert np.array_equal(lifted != 0, inside)
    assert np.abs(lifted[inside] - 1.0).max() < 1e-6


def test_a_window_beside_the_crop_gets_zeros():
    transform = CropTransform.of_square(330.3, 240.7, 100.0, 96, 1.0)
    assert not warp_to_plate(np.ones((96, 96, 3), np.float32), transform, Window(500, 0, 50, 50)).any()


def test_pixels_beyond_the_plate_are_those_of_its_edge():
    flat = np.full((*PLATE.shape, 3), 0.25, np.float32)
    flat[:, 0] = 0.75
    crop = warp_to_crop(flat, PLATE, CropTransform.of_square(-20.0, 100.0, 200.6, 96, 1.0), 96)
    assert np.abs(crop[:, :40] - 0.75).max() < 1e-6
    away = warp_to_crop(flat, PLATE, CropTransform.of_square(-500.0, 100.0, 100.5, 96, 1.0), 96)
    assert np.abs(away - 0.75).max() < 1e-6


def test_fine_detail_is_averaged_away_when_shrinking():
    stripes = np.zeros((400, 400), np.float32)
    stripes[:, ::2] = 1.0
    crop = warp_to_crop(
        stripes, Window(0, 0, 400, 400), CropTransform.of_square(200.0, 200.0, 390.0, 96, 1.0), 96
    )
    assert np.abs(crop[8:-8, 8:-8] - 0.5).max() < 0.01


def test_an_anamorphic_plate_makes_a_crop_that_is_square_on_screen():
    screen = CropTransform.of_square(200.0, 200.0, 128.0, 128, 2.0)
    assert (screen.scale_x, screen.scale_y) == (0.5, 1.0)
    place = positions(Window(0, 0, 400, 400)) - [200.0, 200.0]
    disc = (np.hypot(place[..., 0] * 2.0, place[..., 1]) < 40.0).astype(np.float32)
    crop = warp_to_crop(disc, Window(0, 0, 400, 400), screen, 128) >= 0.5
    across, down = np.flatnonzero(crop.any(axis=0)), np.flatnonzero(crop.any(axis=1))
    assert abs(len(across) - len(down)) <= 1
    assert abs(len(across) - 80) <= 1


def test_rounding_dust_on_whole_positions_is_still_a_copy():
    assert CropTransform.of_square(148.0 + 1e-9, 148.0 - 1e-9, 96.0 + 1e-10, 96, 1.0).is_copy
    assert not CropTransform.of_square(148.01, 148.0, 96.0, 96, 1.0).is_copy
    assert not CropTransform.of_square(148.0, 148.0, 96.1, 96, 1.0).is_copy


def test_an_array_that_does_not_cover_its_window_is_refused():
    transform = CropTransform(0.0, 0.0, 1.0, 1.0)
    with pytest.raises(PictureArrayDoesNotFit, match="700 x 500"):
        warp_to_crop(np.zeros((10, 10, 3), np.float32), PLATE, transform, 8)
    with pytest.raises(PictureArrayDoesNotFit, match="float64"):
        warp_to_crop(np.zeros((*PLATE.shape, 3)), PLATE, transform, 8)


def test_a_delta_that_is_not_square_or_not_float32_is_refused():
    transform = CropTransform(0.0, 0.0, 1.0, 1.0)
    for bad in (
        np.zeros((8, 9, 3), np.float32),
        np.zeros((8, 8, 3)),
        np.zeros(8, np.float32)[:, None, None, None],
    ):
        with pytest.raises(PictureArrayDoesNotFit):
            warp_to_plate(bad, transform, PLATE)
