import numpy as np
import PyOpenColorIO as Ocio
import pytest

from svfr_ocio.config import open_config, package_config
from svfr_ocio.domain import ModelDomain
from svfr_ocio.errors import BadExposure, DataIsNotColour, NotAnRgbImage, UnknownColourSpace
from svfr_ocio.names import MODEL_SRGB
from svfr_ocio.processors import LosslessProcessor

LINEAR_SPACES = [
    "ACEScg",
    "Linear Rec.709 (sRGB)",
    "ACES2065-1",
    "Linear Rec.2020",
    "Linear ARRI Wide Gamut 4",
]


def scene_values(seed=0):
    """Random pixels of many kinds, (64, 64, 3): in range, wide gamut, negative, and up to 32."""
    rng = np.random.default_rng(seed)
    rgb = rng.random((64, 64, 3), dtype=np.float32)
    rgb[16:32] = np.exp2(rng.uniform(-8, 5, (16, 64, 3)))
    rgb[32:48] = rng.normal(0, 0.5, (16, 64, 3))
    rgb[48:] *= np.array([1, 0, 0], np.float32)
    return rgb


@pytest.mark.parametrize("space", LINEAR_SPACES)
@pytest.mark.parametrize("exposure_stops", [-2.0, 0.0, 2.0])
def test_into_the_domain_and_back_is_within_5e_6_in_range_and_1e_5_elsewhere(studio, space, exposure_stops):
    domain = ModelDomain.build(studio, space, exposure_stops)
    plate = scene_values()
    back = domain.from_light(domain.decode(domain.to_codes(plate)))
    assert (np.abs(back - plate) / np.maximum(np.abs(plate), 1.0)).max() <= 1e-5
    in_gamut = domain.from_light(
        domain.decode(np.random.default_rng(1).random((64, 64, 3), dtype=np.float32))
    )
    again = domain.from_light(domain.decode(domain.to_codes(in_gamut)))
    scale = np.maximum(np.abs(in_gamut), 0.01)
    assert (np.abs(again - in_gamut) / scale).max() <= 5e-6


@pytest.mark.parametrize("space", LINEAR_SPACES)
def test_the_codes_are_those_of_opencolorio_without_approximation(studio, space):
    domain = ModelDomain.build(studio, space)
    chain = Ocio.Config.GetProcessorFromConfigs(studio.ocio, space, package_config(), MODEL_SRGB)
    expected = LosslessProcessor(chain, "reference").convert(scene_values())
    error = np.abs(domain.to_codes(scene_values()) - expected) / np.maximum(np.abs(expected), 1.0)
    assert error.max() <= 5e-6


def test_codes_of_known_greys_are_right(studio):
    domain = ModelDomain.build(studio, "ACEScg")
    greys = np.array([0.0, 0.18, 1.0, 32.0], np.float32)[None, :, None].repeat(3, axis=2)
    assert np.allclose(domain.to_codes(greys)[0, :, 1], [0.0, 0.4613, 1.0, 4.416], atol=2e-3)


def test_exposure_is_a_gain_in_light(studio):
    plain, brighter = (ModelDomain.build(studio, "ACEScg", stops) for stops in (0.0, 2.0))
    plate = scene_values()
    assert np.allclose(brighter.to_codes(plate), plain.to_codes(plate * 4), rtol=1e-5, atol=1e-6)


def test_nan_and_infinity_touch_no_other_channel_or_pixel(studio):
    domain = ModelDomain.build(studio, "ACEScg")
    plate = np.full((2, 2, 3), 0.2, np.float32)
    clean = domain.to_codes(plate)
    plate[0, 0, 0] = np.nan
    plate[0, 1] = [np.inf, -np.inf, 1e38]
    codes = domain.to_codes(plate)
    assert np.isfinite(codes).all()
    assert np.array_equal(codes[1], clean[1])
    assert codes[0, 0, 1] == pytest.approx(domain.to_codes(np.array([[[0, 0.2, 0.2]]], np.float32))[0, 0, 1])


@pytest.mark.parametrize(
    "space",
    ["sRGB - Texture", "sRGB - Display", "Rec.1886 Rec.709 - Display", "Camera Rec.709", "g24_rec709_scene"],
)
def test_sdr_video_with_rec709_primaries_is_passed_through(studio, space):
    domain = ModelDomain.build(studio, space)
    codes = scene_values()
    assert domain.is_passthrough
    assert np.array_equal(domain.to_codes(codes), codes)


@pytest.mark.parametrize(
    "space",
    [
        "Display P3 - Display",
        "Rec.1886 Rec.2020 - Display",
        "Rec.2100-PQ - Display",
        "Gamma 2.2 AP1 - Texture",
        "sRGB Encoded P3-D65 - Texture",
        "ACEScct",
        "ARRI LogC4",
        "ACEScg",
    ],
)
def test_other_primaries_and_curves_are_not_passed_through(studio, space):
    assert not ModelDomain.build(studio, space).is_passthrough


def test_asking_for_an_exposure_on_video_takes_the_way_through_light(studio):
    domain = ModelDomain.build(studio, "sRGB - Display", 1.0)
    plate = np.full((2, 2, 3), 0.25, np.float32)
    assert domain.kind == "encoded" and domain.exposure_stops == 1.0
    assert (domain.to_codes(plate) > 0.3).all()


def test_a_display_space_meets_no_view_transform(studio):
    domain = ModelDomain.build(studio, "Rec.2100-PQ - Display")
    hundred_nits = np.full((1, 1, 3), 0.508078, np.float32)  # ST 2084 code of 100 cd/m2
    assert domain.to_light(domain.to_transfer(hundred_nits)) == pytest.approx(1.0, abs=1e-3)


def test_the_encoded_spaces_of_old_and_new_configs_agree():
    newest = ModelDomain.build(open_config("ocio://studio-config-latest"), "ocio:arrilogc4_awg4_scene")
    ours = ModelDomain.build(open_config(None), "ARRI LogC4")
    plate = np.random.default_rng(2).uniform(0.1, 0.7, (16, 16, 3)).astype(np.float32)
    assert np.abs(newest.to_codes(plate) - ours.to_codes(plate)).max() < 1e-4


def test_luminance_is_that_of_acescg_and_knows_no_exposure(studio):
    plate = scene_values()
    expected = plate.astype(np.float64) @ [0.2722287, 0.6740818, 0.0536895]
    for stops in (0.0, 3.0):
        luminance = ModelDomain.build(studio, "ACEScg", stops).to_linear_luminance(plate)
        assert np.abs(luminance - expected).max() < 1e-4
    white = np.ones((1, 1, 3), np.float32)
    for space in ("Linear Rec.709 (sRGB)", "sRGB - Display"):
        assert ModelDomain.build(studio, space).to_linear_luminance(white) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("stops", [float("nan"), float("inf"), 17.0, -40.0])
def test_an_unusable_exposure_is_refused(studio, stops):
    with pytest.raises(BadExposure):
        ModelDomain.build(studio, "ACEScg", stops)


def test_a_data_space_and_an_unknown_space_are_refused(studio):
    with pytest.raises(DataIsNotColour):
        ModelDomain.build(studio, "Raw")
    with pytest.raises(UnknownColourSpace):
        ModelDomain.build(studio, "ACESgc")


def test_pixels_with_alpha_or_of_another_type_are_refused(studio):
    domain = ModelDomain.build(studio, "ACEScg")
    with pytest.raises(NotAnRgbImage, match="alpha"):
        domain.to_codes(np.zeros((4, 4, 4), np.float32))
    with pytest.raises(NotAnRgbImage, match="float16"):
        domain.to_codes(np.zeros((4, 4, 3), np.float16))
