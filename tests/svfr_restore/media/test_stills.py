"""Stills as plates: code values 0..1, whole files, and the EXR they become."""

from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio
import pytest
from exr_samples import parts_of

from svfr_restore.errors import FrameCannotBeRead, FrameHasNoRgb, FrameIsTruncated, FrameSizeDiffers
from svfr_restore.media.exr.layers import Layers
from svfr_restore.media.exr.writer import write_restored
from svfr_restore.media.plate import open_plate
from svfr_restore.media.plate_check import check_plate
from svfr_restore.media.window import Window

OIIO_NAMES = {"u1": "uint8", "u2": "uint16", "f4": "float"}


def codes(bits: int, channels: int = 3, height: int = 20, width: int = 30) -> np.ndarray:
    dtype = np.uint8 if bits == 8 else np.uint16
    return np.random.default_rng(bits).integers(0, 2**bits, (height, width, channels)).astype(dtype)


def write_still(path: Path, pixels: np.ndarray, **attributes: object) -> None:
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], OIIO_NAMES[pixels.dtype.str[1:]])
    for name, value in attributes.items():
        spec.attribute(name.replace("__", ":"), value)
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec) and output.write_image(pixels) and output.close()


@pytest.mark.parametrize("ending", ["png", "tif"])
@pytest.mark.parametrize("bits", [8, 16])
def test_integer_stills_are_code_values(tmp_path: Path, ending: str, bits: int) -> None:
    pixels = codes(bits)
    write_still(tmp_path / f"s.0003.{ending}", pixels)
    plate = open_plate(tmp_path / f"s.####.{ending}")
    frame = plate.read(3)
    assert plate.kind == "still" and plate.sample_bits == frame.sample_bits == bits
    assert plate.colour_hint == "srgb_rec709_scene"
    assert plate.display == Window(0, 0, 30, 20)
    np.testing.assert_allclose(frame.rgb, pixels / np.float32(2**bits - 1), atol=1e-7)
    assert plate.probe(3) == plate.shape()


def test_jpeg_is_read_within_its_own_losses(tmp_path: Path) -> None:
    write_still(tmp_path / "s.jpg", np.full((20, 30, 3), (200, 100, 50), np.uint8), CompressionQuality=100)
    error = open_plate(tmp_path / "s.jpg").read(1).rgb - np.array([200, 100, 50]) / 255
    assert np.abs(error).max() < 0.01


def test_ten_bit_dpx_keeps_all_its_codes(tmp_path: Path) -> None:
    ramp = np.arange(1024, dtype=np.uint16)[None, :, None].repeat(4, axis=0).repeat(3, axis=2)
    sixteen = (ramp << 6 | ramp >> 4).astype(np.uint16)
    write_still(tmp_path / "s.0001.dpx", sixteen, oiio__BitsPerSample=10)
    plate = open_plate(tmp_path / "s.%04d.dpx")
    frame = plate.read(1)
    assert frame.sample_bits == 10 and plate.colour_hint is None
    np.testing.assert_allclose(frame.rgb[..., 1], ramp[..., 1] / 1023, atol=2e-5)


def test_float_tiff_keeps_its_values(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).normal(1, 5, (20, 30, 3)).astype(np.float32)
    write_still(tmp_path / "s.tif", pixels)
    plate = open_plate(tmp_path / "s.tif")
    np.testing.assert_array_equal(plate.read(1).rgb, pixels)
    assert plate.colour_hint is None and plate.sample_bits == 32


def test_alpha_is_not_multiplied_in(tmp_path: Path) -> None:
    pixels = codes(8, 4)
    pixels[..., 3] = 51
    cv2.imwrite(str(tmp_path / "s.png"), pixels[..., [2, 1, 0, 3]])
    frame = open_plate(tmp_path / "s.png").read(1)
    np.testing.assert_allclose(frame.rgb, pixels[..., :3] / np.float32(255), atol=1e-7)
    np.testing.assert_allclose(frame.alpha, 0.2, atol=1e-7)


def test_a_grey_still_has_three_equal_channels(tmp_path: Path) -> None:
    pixels = codes(8, 1)
    write_still(tmp_path / "s.png", pixels)
    np.testing.assert_allclose(
        open_plate(tmp_path / "s.png").read(1).rgb, pixels.repeat(3, axis=2) / 255.0, atol=1e-7
    )


def test_two_channels_without_alpha_are_no_picture(tmp_path: Path) -> None:
    write_still(tmp_path / "s.tif", codes(8, 2))
    with pytest.raises(FrameHasNoRgb):
        open_plate(tmp_path / "s.tif")


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "dpx"])
@pytest.mark.parametrize("keep", [0.0, 0.5, 0.97])
def test_cut_stills_are_found_together(tmp_path: Path, ending: str, keep: float) -> None:
    for frame in (1, 2):
        write_still(tmp_path / f"s.{frame}.{ending}", codes(8, 3, 100, 120))
    cut = tmp_path / f"s.2.{ending}"
    cut.write_bytes(cut.read_bytes()[: int(cut.stat().st_size * keep)])
    problems = check_plate(open_plate(tmp_path / f"s.%d.{ending}"), [1, 2], "error")
    assert [p.frame for p in problems] == [2]
    assert isinstance(problems[0], FrameIsTruncated | FrameCannotBeRead)
    assert problems[0].path == str(cut) and problems[0].remedy


def test_another_size_is_named(tmp_path: Path) -> None:
    write_still(tmp_path / "s.1.png", codes(8))
    write_still(tmp_path / "s.2.png", codes(8, 3, 21, 30))
    problems = check_plate(open_plate(tmp_path / "s.%d.png"), [1, 2], "error")
    assert [(type(p), p.frame) for p in problems] == [(FrameSizeDiffers, 2)]


@pytest.mark.parametrize(("bits", "dtype"), [(8, np.float16), (16, np.float32)])
def test_a_restored_still_is_an_exr_that_keeps_every_code(tmp_path: Path, bits: int, dtype: type) -> None:
    pixels = codes(bits, 4)
    cv2.imwrite(str(tmp_path / "s.png"), pixels[..., [2, 1, 0, 3]])
    frame = open_plate(tmp_path / "s.png").read(1)
    changed = np.zeros((20, 30), bool)
    changed[5:10, 5:10] = True
    rgb = np.full_like(frame.rgb, 0.5)
    layers = Layers(Window(4, 4, 8, 8), {"matte": np.ones((8, 8), np.float32)})
    write_restored(
        frame,
        tmp_path / "out.exr",
        rgb,
        changed,
        layers=layers,
        provenance={"svfr/version": "1"},
        interop_id="srgb_rec709_scene",
    )
    picture, data = parts_of(tmp_path / "out.exr")
    assert picture.header["colorInteropID"] == "srgb_rec709_scene"
    assert picture.header["svfr/version"] == "1"
    assert data.name() == "svfr_data"
    top = 2**bits - 1
    for index, name in enumerate("RGB"):
        plane = picture.channels[name].pixels
        assert plane.dtype == dtype
        assert (plane[changed] == 0.5).all()
        back = np.rint(plane.astype(np.float64) * top)
        np.testing.assert_array_equal(back[~changed], pixels[..., index][~changed])
    alpha = np.rint(picture.channels["A"].pixels.astype(np.float64) * top)
    np.testing.assert_array_equal(alpha, pixels[..., 3])
