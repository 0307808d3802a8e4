"""What a plate carries, and what of a change it does not: pictures whose answer is known."""

import cv2
import numpy as np
import pytest

from svfr_restore.paste.invention import below, carried_limit, invention, noise_deviation

SIDE = 192
ONE_RING = 0.5 / 32


def texture(limit: float) -> np.ndarray:
    """A texture with the spectrum of pictures, amplitude 1/f, up to ``limit`` and nothing above it."""
    along = np.arange(SIDE) / (2 * SIDE)
    radius = np.maximum(np.hypot(along[:, None], along[None, :]), 1 / SIDE)
    weights = np.random.default_rng(3).standard_normal((SIDE, SIDE)) / radius * (radius < limit)
    weights[0, 0] = 0.0
    made = cv2.idct(weights)
    return (0.5 + 0.15 * made / made.std()).astype(np.float32)


def noise(deviation: float) -> np.ndarray:
    return np.random.default_rng(4).normal(0.0, deviation, (SIDE, SIDE)).astype(np.float32)


def edges() -> np.ndarray:
    """Overlapping rectangles with hard edges: sharp to the last pixel, flat elsewhere."""
    rng, drawn = np.random.default_rng(5), np.full((SIDE, SIDE), 0.5, np.float32)
    for _ in range(40):
        x, y, w, h = rng.integers(0, SIDE, 4)
        drawn[y : y + h // 3 + 2, x : x + w // 3 + 2] = rng.uniform(0.1, 0.9)
    return drawn


def wave(frequency: float, amplitude: float = 0.1) -> np.ndarray:
    """A grey wave across the picture, (h, w, 3)."""
    line = amplitude * np.sin(2 * np.pi * frequency * np.arange(SIDE))
    return np.repeat(np.tile(line, (SIDE, 1))[..., None], 3, axis=-1).astype(np.float32)


def middle(plane: np.ndarray) -> np.ndarray:
    return plane[32:-32, 32:-32]


@pytest.mark.parametrize("limit", [0.08, 0.15, 0.3])
@pytest.mark.parametrize("deviation", [0.0, 0.002, 0.01])
def test_the_limit_is_where_the_picture_ends(limit: float, deviation: float) -> None:
    assert carried_limit(texture(limit) + noise(deviation)) == pytest.approx(limit, abs=ONE_RING)


def test_more_noise_hides_more_of_the_picture() -> None:
    limits = [carried_limit(texture(0.45) + noise(deviation)) for deviation in (0.002, 0.08, 0.2)]
    assert limits[0] > limits[1] > limits[2] > 0.0


def test_blur_lowers_the_limit() -> None:
    limits = [carried_limit(cv2.GaussianBlur(edges(), (0, 0), sigma)) for sigma in (0.8, 1.6, 3.2)]
    assert 0.5 > limits[0] > limits[1] > limits[2] > 0.0


def test_hard_edges_are_carried_to_the_last_pixel() -> None:
    assert carried_limit(edges()) == 0.5


@pytest.mark.parametrize("shape", [(SIDE, SIDE), (1, 1), (2, 31), (17, 3)])
def test_a_flat_picture_carries_nothing(shape: tuple[int, int]) -> None:
    assert carried_limit(np.full(shape, 0.4, np.float32)) == 0.0


def test_noise_alone_carries_nothing() -> None:
    assert carried_limit(0.5 + noise(0.05)) <= 2 * ONE_RING


def test_noise_is_measured_beside_edges() -> None:
    assert noise_deviation(edges() + noise(0.02)) == pytest.approx(0.02, rel=0.1)


@pytest.mark.parametrize(("share", "passes"), [(0.5, 0.998), (1.0, 0.707), (2.0, 0.0624)])
def test_the_filter_passes_what_it_says(share: float, passes: float) -> None:
    limit = 0.125
    kept = middle(below(wave(share * limit), limit))
    assert kept.std() / middle(wave(share * limit)).std() == pytest.approx(passes, abs=0.02)


def test_odd_sides_and_both_ends_of_the_limit() -> None:
    picture = wave(0.2)[:101, :77]
    assert below(picture, 0.2).shape == (101, 77, 3)
    np.testing.assert_array_equal(below(picture, 0.5), picture)
    assert not below(picture, 0.0).any()


def test_a_change_below_the_limit_is_no_invention_and_one_above_is_all() -> None:
    low, high = wave(0.04), wave(0.4)
    assert middle(invention(low, 0.15)).max() < 0.003
    np.testing.assert_allclose(middle(invention(high, 0.15)), np.abs(middle(high))[..., 0], atol=0.003)
    both = middle(invention(low + high, 0.15))
    np.testing.assert_allclose(both, np.abs(middle(high))[..., 0], atol=0.004)


def test_what_is_not_changed_is_not_invented() -> None:
    change = np.zeros((SIDE, SIDE, 3), np.float32)
    assert not invention(change, 0.1).any()
    change[:, 96:] = wave(0.4)[:, 96:]
    found = invention(change, 0.1)
    assert not found[:, :96].any() and found[:, 110:].max() > 0.08


def test_a_plate_that_is_sharp_to_the_last_pixel_bears_out_every_change() -> None:
    assert not invention(wave(0.4), 0.5).any()


def test_in_a_hole_the_whole_change_is_invented() -> None:
    hole = np.zeros((SIDE, SIDE), np.float32)
    hole[80:112, 80:112] = 1.0
    change = np.full((SIDE, SIDE, 3), 0.01, np.float32)
    change[80:112, 80:112] = 0.3
    found = invention(change, 0.2, hole=hole)
    np.testing.assert_allclose(found[80:112, 80:112], 0.3, atol=1e-6)
    outside = np.where(hole > 0, 0.0, found)
    assert outside.max() < 1e-4  # the hole's edge is no detail of the plate's


def test_new_colour_is_invented_and_the_plates_own_luma_is_not() -> None:
    grey = np.full((SIDE, SIDE, 3), 0.1, np.float32)
    assert invention(grey, 0.2, is_colour_new=True).max() < 1e-5
    tint = np.tile(np.float32([0.114, 0.0, -0.299]) / 2, (SIDE, SIDE, 1))  # luma 0
    expected = float(np.sqrt(np.mean(np.square(tint[0, 0]))))
    np.testing.assert_allclose(invention(tint, 0.2, is_colour_new=True), expected, rtol=1e-3)
    assert invention(tint, 0.2).max() < 1e-5
