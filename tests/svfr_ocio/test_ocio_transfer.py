"""What the model changed arrives, what it did not see survives, and the rest keeps its bits."""

import numpy as np
import pytest

from svfr_ocio.domain import ModelDomain
from svfr_ocio.errors import NotAnRgbImage
from svfr_ocio.transfer import apply, crop_transfer, weigh
from svfr_restore.paste.target import target

LUMA = np.array([0.299, 0.587, 0.114])
SKIN = np.array([0.62, 0.48, 0.41], np.float32)


def bits(rgb):
    return np.ascontiguousarray(rgb).view(np.uint32)


def codes_of(domain, plate):
    return np.clip(domain.to_codes(plate), 0.0, 1.0)


def random_codes(seed=0, size=64):
    rng = np.random.default_rng(seed)
    return rng.random((size, size, 3), dtype=np.float32), rng.random((size, size, 3), dtype=np.float32)


def ones(plate):
    return np.ones(plate.shape[:2], np.float32)


def test_shapes_and_types_that_do_not_fit_are_refused(studio):
    c, m = random_codes()
    domain = ModelDomain.build(studio, "ACEScg")
    with pytest.raises(NotAnRgbImage):
        crop_transfer(domain, c, m[:10])
    with pytest.raises(NotAnRgbImage):
        crop_transfer(domain, c, m, np.zeros((3, 3), bool))
    with pytest.raises(NotAnRgbImage):
        apply(domain, c, m[:10])
    with pytest.raises(NotAnRgbImage):
        apply(domain, c, m, m, np.zeros((3, 3), np.float32))


# --- what arrives


@pytest.mark.parametrize(
    "space", ["ACEScg", "Linear Rec.709 (sRGB)", "ACEScct", "ARRI LogC4", "sRGB - Display"]
)
@pytest.mark.parametrize("exposure_stops", [-2.0, 0.0, 2.0])
def test_inside_the_range_the_result_has_the_models_codes(studio, space, exposure_stops):
    domain = ModelDomain.build(studio, space, exposure_stops)
    wanted, painted = random_codes(seed=5)
    plate = domain.from_transfer(domain.from_light(domain.decode(wanted * 0.9 + 0.05)))
    codes = codes_of(domain, plate)
    t = target(codes, painted, {"bfr"})
    restored, changed = apply(domain, plate, crop_transfer(domain, plate, t).delta)
    assert changed.all()
    assert np.abs(domain.to_codes(restored) - t).max() < 2e-5


def test_outside_the_matte_no_bit_changes_and_no_value_becomes_non_finite(studio, plate):
    domain = ModelDomain.build(studio, "ACEScg", 1.0)
    codes = codes_of(domain, plate)
    rng = np.random.default_rng(6)
    matte = np.clip(rng.random(plate.shape[:2], dtype=np.float32) * 2 - 1, 0, 1)
    models = {
        "noise": codes + rng.normal(0, 0.05, codes.shape).astype(np.float32),
        "negative": 1 - codes,
        "black": np.zeros_like(codes),
        "white": np.ones_like(codes),
    }
    for name, m in models.items():
        delta = crop_transfer(domain, plate, target(codes, m, {"bfr"})).delta
        restored, changed = apply(domain, plate, weigh(delta, matte)[0])
        assert changed.any(), name
        assert np.array_equal(bits(restored)[~changed], bits(plate)[~changed]), name
        assert not changed[matte == 0].any(), name
        assert np.isfinite(restored[changed]).all(), name
        assert np.abs(restored[changed]).max() <= 65504, name
        assert not changed[~np.isfinite(plate).all(axis=2)].any(), name


def test_a_channel_the_model_left_alone_keeps_its_bits_in_a_rec709_plate(studio):
    domain = ModelDomain.build(studio, "Linear Rec.709 (sRGB)")
    plate = np.array([[[0.2, -0.0, 0.3]]], np.float32)
    t = codes_of(domain, plate)
    t[..., 0] += 0.1
    restored, _ = apply(domain, plate, crop_transfer(domain, plate, t).delta)
    assert restored[0, 0, 0] > 0.2
    assert np.array_equal(bits(restored)[..., 1:], bits(plate)[..., 1:])


@pytest.mark.parametrize("leg, bound", [("float16", 1.3e-4), ("bfloat16", 1.0e-3), ("uint8", 2.0e-3)])
def test_a_narrow_tensor_on_the_way_costs_no_more_codes_than_its_own_rounding(studio, leg, bound):
    domain = ModelDomain.build(studio, "ACEScg")
    wanted, _ = random_codes(seed=8, size=128)
    plate = domain.from_light(domain.decode(wanted))
    codes = codes_of(domain, plate)
    t = target(codes, narrow(codes, leg), {"bfr"})
    assert np.abs(t - codes).max() <= bound
    restored, _ = apply(domain, plate, crop_transfer(domain, plate, t).delta)
    assert np.abs(domain.to_codes(restored) - codes).max() <= bound + 1e-5


def narrow(codes, leg):
    tensor = codes * 2 - 1
    if leg == "float16":
        tensor = tensor.astype(np.float16).astype(np.float32)
    elif leg == "bfloat16":
        word = tensor.view(np.uint32)
        tensor = ((word + 0x7FFF + ((word >> 16) & 1)) & np.uint32(0xFFFF0000)).view(np.float32)
    else:
        return np.round(codes * 255) / np.float32(255)
    return tensor * np.float32(0.5) + np.float32(0.5)


# --- highlights and wide gamut


@pytest.mark.parametrize("tasks", [("bfr",), ("bfr", "inpaint"), ("inpaint",)], ids="+".join)
def test_a_blown_patch_that_the_model_paints_over_is_gone(studio, tasks):
    domain = ModelDomain.build(studio, "Linear Rec.709 (sRGB)")
    plate = np.full((16, 16, 3), 8.0, np.float32)
    codes = codes_of(domain, plate)
    hole = np.ones((16, 16), bool) if "inpaint" in tasks else None
    crop = crop_transfer(
        domain, plate, target(codes, np.broadcast_to(SKIN, codes.shape).copy(), tasks, hole), hole
    )
    delta, direct_weight = weigh(crop.delta, ones(plate), crop.hole)
    restored, _ = apply(domain, plate, delta, crop.direct, direct_weight)
    assert np.abs(restored - domain.decode(SKIN[None, None])).max() <= 1e-5


def test_a_highlight_of_32_that_the_model_leaves_white_is_bit_exact(studio):
    domain = ModelDomain.build(studio, "ACEScg")
    plate = np.full((16, 16, 3), 32.0, np.float32)
    plate[:8] = 0.2
    codes = codes_of(domain, plate)
    m = codes.copy()
    m[:8] *= 1.1
    restored, changed = apply(domain, plate, crop_transfer(domain, plate, target(codes, m, {"bfr"})).delta)
    assert changed[:8].all() and not changed[8:].any()
    assert np.array_equal(bits(restored[8:]), bits(plate[8:]))


def test_the_highlight_fades_without_a_step_as_the_model_darkens_it(studio):
    domain = ModelDomain.build(studio, "Linear Rec.709 (sRGB)")
    painted = np.linspace(0.85, 1.0, 600, dtype=np.float32)
    plate = np.full((1, 600, 3), 8.0, np.float32)
    t = np.repeat(painted[None, :, None], 3, axis=2)
    restored, _ = apply(domain, plate, crop_transfer(domain, plate, t).delta)
    steps = np.diff(restored[0, :, 0])
    assert restored[0, 0, 0] < 0.75 and restored[0, -1, 0] == 8.0
    assert steps.min() >= 0.0 and steps.max() < 0.05


def test_a_colour_outside_rec709_returns_where_the_model_leaves_the_channel_black(studio):
    domain = ModelDomain.build(studio, "ACEScg")
    plate = np.array([[[0.02, 0.6, 0.02]]], np.float32)
    codes = domain.to_codes(plate)
    assert codes.min() < 0.0
    t = np.clip(codes, 0.0, 1.0)
    t[..., 1] += 0.05
    restored, _ = apply(domain, plate, crop_transfer(domain, plate, t).delta)
    back = domain.to_codes(restored)
    assert back[..., 0] == pytest.approx(codes[..., 0], abs=1e-5)
    assert back[..., 1] == pytest.approx(t[..., 1], abs=1e-5)


def test_one_code_of_model_noise_costs_at_most_two_percent_of_light_at_mid_grey(studio):
    domain = ModelDomain.build(studio, "ACEScg")
    plate = np.full((4, 4, 3), 0.18, np.float32)
    t = codes_of(domain, plate) + np.float32(1 / 255)
    restored, _ = apply(domain, plate, crop_transfer(domain, plate, t).delta)
    assert np.abs(restored / plate - 1).max() <= 0.02


# --- the hole


def test_inside_the_hole_the_plate_is_replaced_and_not_added_to(studio):
    domain = ModelDomain.build(studio, "ACEScg", -1.0)
    rng = np.random.default_rng(9)
    plate = rng.choice(np.array([0.01, 0.3, 900.0, 65504.0], np.float32), (32, 32, 3))
    codes = codes_of(domain, plate)
    hole = np.zeros((32, 32), bool)
    hole[8:24, 8:24] = True
    m = np.broadcast_to(SKIN, codes.shape).copy()
    crop = crop_transfer(domain, plate, target(codes, m, {"inpaint"}, hole), hole)
    delta, direct_weight = weigh(crop.delta, ones(plate), crop.hole)
    restored, changed = apply(domain, plate, delta, crop.direct, direct_weight)
    assert np.array_equal(changed, hole)
    assert np.abs(restored[hole] - domain.from_light(domain.decode(m))[hole]).max() <= 1e-7


def test_a_half_matte_in_the_hole_is_half_plate_and_half_model(studio):
    domain = ModelDomain.build(studio, "Linear Rec.709 (sRGB)")
    plate = np.full((4, 4, 3), 0.4, np.float32)
    hole = np.ones((4, 4), bool)
    m = np.broadcast_to(SKIN, plate.shape).copy()
    crop = crop_transfer(domain, plate, target(codes_of(domain, plate), m, {"inpaint"}, hole), hole)
    for share in (1.0, 0.5):
        delta, direct_weight = weigh(crop.delta, ones(plate) * 0.5, crop.hole * np.float32(share))
        restored, _ = apply(domain, plate, delta, crop.direct, direct_weight)
        assert np.abs(restored - (0.5 * plate + 0.5 * domain.decode(m))).max() < 1e-6


def test_a_nan_pixel_is_healed_in_a_fully_replaced_hole_and_kept_everywhere_else(studio):
    domain = ModelDomain.build(studio, "ACEScg")
    plate = np.full((4, 4, 3), 0.2, np.float32)
    plate[1, 1] = plate[2, 2] = np.nan
    hole = np.zeros((4, 4), bool)
    hole[1, 1] = True
    m = np.full(plate.shape, 0.5, np.float32)
    crop = crop_transfer(domain, plate, target(codes_of(domain, plate), m, {"bfr", "inpaint"}, hole), hole)
    delta, direct_weight = weigh(crop.delta, ones(plate), crop.hole)
    restored, changed = apply(domain, plate, delta, crop.direct, direct_weight)
    assert np.isfinite(restored[1, 1]).all() and changed[1, 1]
    assert np.array_equal(bits(restored[2, 2]), bits(plate[2, 2])) and not changed[2, 2]


def test_without_a_hole_pixel_that_changed_nothing_is_replaced(studio):
    domain = ModelDomain.build(studio, "ACEScg")
    plate = np.full((4, 4, 3), 0.2, np.float32)
    crop = crop_transfer(domain, plate, codes_of(domain, plate), np.ones((4, 4), bool))
    assert crop.direct is None and crop.hole is None and not crop.delta.any()


# --- encodings


@pytest.mark.parametrize(
    "space", ["ACEScct", "ARRI LogC3 (EI800)", "S-Log3 S-Gamut3.Cine", "Rec.2100-PQ - Display"]
)
def test_a_log_plate_is_re_encoded_only_where_it_changed(studio, space):
    domain = ModelDomain.build(studio, space)
    assert domain.kind == "encoded"
    plate = np.random.default_rng(1).uniform(0.05, 0.6, (32, 32, 3)).astype(np.float32)
    codes = codes_of(domain, plate)
    m = codes.copy()
    m[:16] = np.clip(m[:16] + 0.02, 0, 1)
    restored, changed = apply(domain, plate, crop_transfer(domain, plate, target(codes, m, {"bfr"})).delta)
    assert changed[:16].mean() > 0.9 and not changed[16:].any()
    assert np.array_equal(bits(restored[~changed]), bits(plate[~changed]))
    inside = (codes > 0) & (m < 1) & changed[..., None]
    assert np.abs(codes_of(domain, restored) - m)[inside].max() < 5e-5


def test_a_delta_that_would_leave_the_range_of_an_encoding_does_not_write_nan(studio):
    domain = ModelDomain.build(studio, "Rec.2100-PQ - Display")
    plate = np.full((4, 4, 3), 0.3, np.float32)
    restored, changed = apply(domain, plate, np.full(plate.shape, -50.0, np.float32))
    assert np.isfinite(restored).all()
    assert np.array_equal(bits(restored[~changed]), bits(plate[~changed]))


def test_values_beyond_half_floats_are_held_only_where_the_model_changed_them(studio):
    domain = ModelDomain.build(studio, "Linear Rec.709 (sRGB)")
    plate = np.full((2, 2, 3), 1e6, np.float32)
    delta = np.zeros_like(plate)
    delta[0] = 1.0
    restored, _ = apply(domain, plate, delta)
    assert (restored[0] == 65504.0).all() and (restored[1] == 1e6).all()
