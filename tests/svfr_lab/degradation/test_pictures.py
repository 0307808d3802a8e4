"""Blur, noise, tones, dirt and size: each kind of damage alone, against what it promises."""

from dataclasses import replace

import numpy as np
import pytest

from svfr_lab.degradation.dirt import NO_DIRT, Dirt, add_dirt
from svfr_lab.degradation.noise import NO_GRAIN, Grain, SensorNoise, add_grain, add_sensor_noise
from svfr_lab.degradation.optics import NO_BLUR, BlurRanges, blur, kernel
from svfr_lab.degradation.registry import FILM, RICH
from svfr_lab.degradation.resample import SMALLEST_SIDE_PX, Filter, Shrink, ShrinkRanges, resize, shrink
from svfr_lab.degradation.tone import (
    NO_FADE,
    NO_FLICKER,
    Fade,
    FilmResponse,
    Flicker,
    add_flicker,
    exposures,
    fade,
    to_grey,
)
from svfr_lab.errors import ArgumentOutOfRange


def rng(seed=0):
    return np.random.default_rng(seed)


def flat(code, frames=2, side=96):
    return np.full((frames, side, side, 3), code, np.float32)


def spread(weights):
    """Return the standard deviations of a kernel along x and y, and their covariance (y upwards)."""
    radius = len(weights) // 2
    up, right = np.mgrid[radius : -radius - 1 : -1, -radius : radius + 1]
    return tuple((weights * product).sum() for product in (right**2, up**2, right * up))


def test_a_round_kernel_is_the_gaussian_asked_for_at_any_size():
    for scale in (1.0, 4.0):
        xx, yy, xy = spread(
            kernel(
                replace(NO_BLUR, long_px_at_96=1.2, short_px_at_96=1.2, angle_deg=30.0),
                scale,
            )
        )
        assert np.sqrt([xx, yy]) == pytest.approx([1.2 * scale] * 2, rel=0.02)
        assert abs(xy) < 1e-4


def test_an_oval_kernel_lies_along_its_angle():
    xx, yy, xy = spread(
        kernel(
            replace(NO_BLUR, long_px_at_96=2.0, short_px_at_96=0.8, angle_deg=90.0),
            1.0,
        )
    )
    assert np.sqrt([xx, yy]) == pytest.approx([0.8, 2.0], rel=0.03) and abs(xy) < 1e-4
    assert (
        spread(
            kernel(
                replace(NO_BLUR, long_px_at_96=2.0, short_px_at_96=0.8, angle_deg=45.0),
                1.0,
            )
        )[2]
        > 1
    ), "up and right together"


def test_motion_spreads_along_its_way_as_a_line_does():
    xx, yy, _ = spread(
        kernel(
            replace(NO_BLUR, long_px_at_96=0.8, short_px_at_96=0.8, motion_px_at_96=9.0),
            1.0,
        )
    )
    assert xx == pytest.approx(0.64 + 9**2 / 12, rel=0.03) and yy == pytest.approx(0.64, rel=0.03)


@pytest.mark.parametrize("seed", range(8))
def test_kernels_keep_brightness_and_their_middle(seed):
    weights = kernel(
        BlurRanges(
            share=1.0,
            sigma_px_at_96=(0.1, 3.0),
            round_share=0.3,
            motion_share=0.7,
            motion_px_at_96=(1.0, 9.0),
        ).draw(rng(seed)),
        1.3,
    )
    assert weights.sum() == pytest.approx(1, abs=1e-5) and weights.min() >= 0
    assert np.allclose(weights, weights[::-1, ::-1], atol=1e-6)


def test_blur_leaves_flat_pictures_alone_and_small_frames_whole():
    assert np.allclose(
        blur(
            flat(0.4),
            replace(
                NO_BLUR,
                long_px_at_96=3.0,
                short_px_at_96=1.0,
                angle_deg=20.0,
                motion_px_at_96=8.0,
                motion_angle_deg=50.0,
            ),
        ),
        0.4,
        atol=1e-5,
    )
    assert blur(
        flat(0.4, side=8),
        replace(NO_BLUR, long_px_at_96=20.0, short_px_at_96=20.0, motion_px_at_96=30.0),
    ).shape == (2, 8, 8, 3)
    clip = rng().random((1, 16, 16, 3), np.float32)
    assert blur(clip, NO_BLUR) is clip


def test_the_variance_of_sensor_noise_grows_with_the_light():
    noise = SensorNoise(0.02, 0.05, False)
    for code in (0.0, 0.3, 0.9):
        noisy = add_sensor_noise(flat(code), noise, rng())
        assert float((noisy - code).var()) == pytest.approx(0.02**2 + 0.05**2 * code, rel=0.03)


def test_noise_is_new_in_every_frame_and_grey_noise_is_grey():
    noisy = add_sensor_noise(flat(0.5), SensorNoise(0.05, 0.0, False), rng()) - 0.5
    assert abs(np.corrcoef(noisy[0].ravel(), noisy[1].ravel())[0, 1]) < 0.03
    assert abs(np.corrcoef(noisy[..., 0].ravel(), noisy[..., 1].ravel())[0, 1]) < 0.03
    grey = add_sensor_noise(flat(0.5), SensorNoise(0.05, 0.0, True), rng())
    assert np.array_equal(grey[..., 0], grey[..., 2])


@pytest.mark.parametrize("is_grey", [True, False])
def test_grain_has_its_strength_and_size_and_spares_black_and_white(is_grey):
    fine, coarse = (add_grain(flat(0.5), Grain(0.04, s, is_grey), rng()) - 0.5 for s in (0.0, 0.9))
    for grain in (fine, coarse):
        assert float(grain.std()) == pytest.approx(0.04, rel=0.05)
        assert abs(np.corrcoef(grain[0].ravel(), grain[1].ravel())[0, 1]) < 0.05

    def neighbours(grain):
        return np.corrcoef(grain[0, :, 1:, 0].ravel(), grain[0, :, :-1, 0].ravel())[0, 1]

    assert abs(neighbours(fine)) < 0.05 and neighbours(coarse) > 0.5
    assert np.allclose(add_grain(flat(0.0), Grain(0.1, 0.5, is_grey), rng()), 0)
    assert np.allclose(add_grain(flat(1.0), Grain(0.1, 0.5, is_grey), rng()), 1)


def test_what_was_not_drawn_changes_nothing():
    clip = rng().random((2, 12, 12, 3), np.float32)
    assert add_grain(clip, NO_GRAIN, rng()) is clip
    assert add_sensor_noise(clip, SensorNoise(0.0, 0.0, False), rng()) is clip
    assert fade(clip, NO_FADE) is clip
    assert add_flicker(clip, NO_FLICKER, rng()) is clip
    assert add_dirt(clip, NO_DIRT, rng()) is clip
    assert shrink(clip, Shrink(1.0, Filter.AREA)) is clip


def test_a_faded_dye_keeps_white_and_order_and_loses_black_and_contrast():
    ramp = np.linspace(0, 1, 32, dtype=np.float32)[None, None, :, None].repeat(3, -1)
    faded = fade(ramp, Fade((0.5, 0.5, 0.5), (0.0, 0.0, 0.0), 0.0))[0, 0, :, 0]
    assert faded[-1] == pytest.approx(1, abs=1e-5) and faded[0] > 0.08
    assert (np.diff(faded) > 0).all() and np.ptp(faded) < 0.95
    unfaded = fade(ramp, Fade((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 1e-9))
    assert np.allclose(unfaded, ramp, atol=1e-5)


def test_dyes_fade_apart_stains_are_yellow_and_flare_lifts_blacks():
    red_gone = fade(flat(0.3), Fade((0.6, 0.0, 0.0), (0.0, 0.0, 0.0), 0.0))[0, 0, 0]
    assert red_gone[0] > red_gone[1] + 0.1 and red_gone[1] == pytest.approx(0.3, abs=1e-4)
    stained = fade(flat(1.0), Fade((0.0, 0.0, 0.0), (0.0, 0.1, 0.3), 0.0))[0, 0, 0]
    assert stained[0] == pytest.approx(1, abs=1e-4) and stained[0] > stained[1] > stained[2]
    assert stained[2] == pytest.approx(10 ** (-0.3 / 2.2), abs=1e-3)
    assert fade(flat(0.0), Fade((0.0,) * 3, (0.0,) * 3, 0.1)).min() == pytest.approx(0.1, abs=1e-5)


def test_drift_is_an_ar1_process_of_the_deviation_asked_for():
    gains, offsets = exposures(20000, Flicker(0.1, 0.0, 0.02, 0.9), rng())
    drift = np.log(gains)
    assert drift.std() == pytest.approx(0.1, rel=0.08) and offsets.std() == pytest.approx(0.02, rel=0.05)
    for lag in (1, 5):
        assert np.corrcoef(drift[lag:], drift[:-lag])[0, 1] == pytest.approx(0.9**lag, abs=0.05)


def test_jitter_has_no_memory_and_a_longer_clip_begins_the_same():
    gains, _ = exposures(5000, Flicker(0.0, 0.05, 0.0, 0.9), rng())
    jitter = np.log(gains)
    assert jitter.std() == pytest.approx(0.05, rel=0.05)
    assert abs(np.corrcoef(jitter[1:], jitter[:-1])[0, 1]) < 0.05
    assert np.array_equal(
        exposures(8, Flicker(0.1, 0.1, 0.1, 0.5), rng())[0],
        exposures(30, Flicker(0.1, 0.1, 0.1, 0.5), rng())[0][:8],
    )


def test_flicker_changes_a_frame_as_a_whole():
    seen = add_flicker(flat(0.5, 6), Flicker(0.1, 0.05, 0.02, 0.8), rng())
    assert np.ptp(seen, axis=(1, 2, 3)).max() < 1e-6
    assert np.ptp(seen.mean(axis=(1, 2, 3))) > 0.02


def test_orthochromatic_film_is_blind_to_red():
    red = np.zeros((1, 2, 2, 3), np.float32)
    red[..., 0] = 1
    assert to_grey(red, FilmResponse.ORTHOCHROMATIC).max() == 0
    assert to_grey(red, FilmResponse.REC601).max() == pytest.approx(0.299)
    for response in FilmResponse:
        assert np.allclose(to_grey(flat(0.7), response), 0.7, atol=1e-6), "greys stay as they are"


def test_scratches_stay_in_their_column_and_specks_do_not_stay():
    clip = flat(0.5, 12)
    scratched = add_dirt(
        clip,
        Dirt(specks_per_frame=0.0, speck_px_at_96=0.0, scratches=1, opacity=1.0, light_share=1.0),
        rng(4),
    )
    columns = np.flatnonzero((scratched.mean(axis=(1, 3)) > 0.55).any(axis=0))
    assert 1 <= len(columns) == np.ptp(columns) + 1 <= 5
    assert all((scratched[:, :, columns] > 0.9).any(axis=(1, 2, 3))), "in every frame"
    assert scratched.min() >= 0.5, "light scratches only lighten"
    dark = add_dirt(
        clip,
        Dirt(specks_per_frame=8.0, speck_px_at_96=1.5, scratches=0, opacity=1.0, light_share=0.0),
        rng(4),
    )
    assert dark.max() <= 0.5 and dark.min() < 0.05
    assert not np.array_equal(dark[0] < 0.4, dark[1] < 0.4)
    assert 0.5 < np.mean(dark == 0.5) < 0.999


@pytest.mark.parametrize("kind", list(Filter))
def test_shrinking_divides_the_sides_down_to_the_smallest(kind):
    clip = flat(0.3, side=96)[:, :, :80]
    small = shrink(clip, Shrink(3.3, kind))
    assert small.shape == (2, 29, 24, 3) and np.allclose(small, 0.3, atol=1e-5)
    assert shrink(clip, Shrink(60.0, kind)).shape == (2, SMALLEST_SIDE_PX, SMALLEST_SIDE_PX, 3)
    assert shrink(clip[:, :5, :5], Shrink(4.0, kind)).shape == (2, 5, 5, 3)
    assert resize(small, 96, 80, kind).shape == clip.shape


def test_all_ratios_are_equally_likely():
    factors = np.log([ShrinkRanges((1.5, 8.0)).draw(r).factor for r in [rng(1)] for _ in range(2000)])
    assert factors.min() >= np.log(1.5) and factors.max() <= np.log(8)
    assert factors.mean() == pytest.approx((np.log(1.5) + np.log(8)) / 2, abs=0.05)


@pytest.mark.parametrize("recipe", [FILM, RICH])
def test_drawn_parameters_keep_to_their_ranges(recipe):
    generator = rng(5)
    films = [recipe.film.draw(generator) for _ in range(300)]
    for film in films:
        assert film.blur == NO_BLUR or film.blur.long_px_at_96 <= recipe.film.blur.sigma_px_at_96[1]
        assert film.grain == NO_GRAIN or film.grain.sd_code >= recipe.film.grain.sd_code[0]
        assert film.dirt.scratches <= recipe.film.dirt.most_scratches
    for name, nothing in (("grain", NO_GRAIN), ("fade", NO_FADE), ("flicker", NO_FLICKER), ("dirt", NO_DIRT)):
        drawn = np.mean([getattr(film, name) != nothing for film in films])
        assert drawn == pytest.approx(getattr(recipe.film, name).share, abs=0.1), name


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (
            lambda: replace(NO_BLUR, long_px_at_96=-1.0),
            "long_px_at_96",
        ),
        (
            lambda: replace(NO_BLUR, motion_px_at_96=1e9),
            "motion_px_at_96",
        ),
        (lambda: SensorNoise(float("nan"), 0.0, True), "read_sd_code"),
        (lambda: Grain(2.0, 0.0, True), "sd_code"),
        (lambda: Fade((0.0, 1.0, 0.0), (0.0, 0.0, 0.0), 0.0), "density_loss"),
        (lambda: Fade((0.0, 0.0, 0.0), (0.0, -0.1, 0.0), 0.0), "stain_density"),
        (lambda: Flicker(0.0, 0.0, 0.0, 1.0), "correlation"),
        (
            lambda: Dirt(specks_per_frame=1.0, speck_px_at_96=1.0, scratches=1, opacity=1.5, light_share=0.0),
            "opacity",
        ),
        (lambda: Shrink(0.5, Filter.AREA), "factor"),
    ],
)
def test_impossible_parameters_are_refused_by_name(make, name):
    with pytest.raises(ArgumentOutOfRange, match=name):
        make()
