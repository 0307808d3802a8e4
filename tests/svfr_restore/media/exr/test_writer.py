"""The returned EXR: restored where it changed, the plate's own bits and attributes everywhere else."""

import hashlib
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import OpenImageIO as oiio
import pytest
from exr_samples import (
    assert_same_bits,
    attributes,
    bits,
    compression,
    parts_of,
    picture,
    read_provenance,
    rich_parts,
    window,
    write_plate,
)

from svfr_client.errors import FileCannotBeWritten, OutputEqualsPlate
from svfr_restore.errors import (
    FrameCannotBeRead,
    RestoredPixelsAreNotFinite,
)
from svfr_restore.media.exr.layers import Layers
from svfr_restore.media.exr.writer import write_restored
from svfr_restore.media.plate import PlateFrame, open_plate
from svfr_restore.media.window import Window

LOSSLESS = ["no", "rle", "zips", "zip", "piz", "pxr24", "htj2k256", "htj2k32", "zstd"]
PATCH = (slice(20, 60), slice(30, 90))


def read_single(path: Path) -> PlateFrame:
    plate = open_plate(path)
    return plate.read(plate.frames[0])


def with_patch(frame: PlateFrame) -> tuple[np.ndarray, np.ndarray]:
    """A known restored colour in a rectangle, rubbish everywhere else."""
    changed = np.zeros(frame.data_window.shape, bool)
    changed[PATCH] = True
    rgb = np.full_like(frame.rgb, np.nan)
    rgb[PATCH] = np.linspace(-0.5, 3.0, rgb[PATCH].size, dtype=np.float32).reshape(rgb[PATCH].shape)
    return rgb, changed


def some_layers(place: Window) -> Layers:
    random = np.random.default_rng(3)
    planes = [random.normal(size=(*place.shape, n)).astype(np.float32) for n in (3, 3, 2)]
    return Layers(
        place,
        {
            "delta": planes[0],
            "matte": planes[1][..., 0],
            "crop": planes[1],
            "diff": planes[1][..., 1],
            "st": planes[2],
        },
    )


def assert_restored(ours: Any, plate: Any, rgb: np.ndarray, changed: np.ndarray) -> None:
    assert_same_bits(ours, plate, "R", "G", "B")
    for index, name in enumerate("RGB"):
        got, was = ours.channels[name].pixels, plate.channels[name].pixels
        assert got.dtype == was.dtype
        np.testing.assert_array_equal(bits(got)[~changed], bits(was)[~changed])
        wanted = np.clip(rgb[..., index][changed], -65504, 65504).astype(got.dtype)
        np.testing.assert_array_equal(got[changed], wanted)


@pytest.mark.parametrize("codec", [*LOSSLESS, "b44", "b44a", "dwaa", "dwab"])
def test_a_frame_without_changes_is_the_plates_own_bytes(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "plate.exr"
    OpenEXR.File(rich_parts(codec)).write(str(path))
    frame = read_single(path)
    nothing = np.zeros(frame.data_window.shape, bool)
    written = write_restored(frame, tmp_path / "out.exr", frame.rgb, nothing)
    assert (tmp_path / "out.exr").read_bytes() == path.read_bytes()
    assert written.notes == ()


@pytest.mark.parametrize("codec", LOSSLESS)
def test_only_the_changed_rgb_differs_under_every_lossless_compression(tmp_path: Path, codec: str) -> None:
    path = write_plate(tmp_path / "plate.exr", picture(70, 100), codec)
    frame = read_single(path)
    rgb, changed = with_patch(frame)
    written = write_restored(frame, tmp_path / "out.exr", rgb, changed)
    ours, plate = parts_of(tmp_path / "out.exr")[0], parts_of(path)[0]
    assert_restored(ours, plate, rgb, changed)
    replaced = ("compression",) if written.notes else ()
    assert attributes(ours, *replaced) == attributes(plate, *replaced)


@pytest.mark.parametrize("codec", ["zip", "zips", "piz", "dwaa"])
@pytest.mark.parametrize("window", [Window(7, 13, 40, 21), Window(0, 16, 100, 16), Window(99, 69, 1, 1)])
def test_a_change_over_a_part_of_the_plate_is_the_same_file_as_over_all_of_it(
    tmp_path: Path, codec: str, window: Window
) -> None:
    frame = read_single(write_plate(tmp_path / "plate.exr", picture(70, 100), codec))
    rng = np.random.default_rng(7)
    place = window.slices_in(frame.data_window)
    rgb, changed = frame.rgb.copy(), np.zeros(frame.data_window.shape, bool)
    rgb[place] = rng.random((*window.shape, 3), np.float32)
    changed[place] = rng.random(window.shape) < 0.5
    changed[place][-1, -1] = True
    write_restored(frame, tmp_path / "whole.exr", rgb, changed)
    write_restored(frame, tmp_path / "part.exr", rgb[place], changed[place], window=window)
    assert (tmp_path / "part.exr").read_bytes() == (tmp_path / "whole.exr").read_bytes()
    outside = replace(window, x=window.x + 100)
    with pytest.raises(ValueError, match="reaches outside"):
        write_restored(frame, tmp_path / "outside.exr", rgb[place], changed[place], window=outside)


@pytest.mark.parametrize("codec", ["no", "rle", "zips", "zip", "piz"])
def test_the_compressions_in_daily_use_stay(tmp_path: Path, codec: str) -> None:
    frame = read_single(write_plate(tmp_path / "plate.exr", picture(70, 100), codec))
    write_restored(frame, tmp_path / "out.exr", *with_patch(frame))
    assert parts_of(tmp_path / "out.exr")[0].header["compression"] == compression(codec)


@pytest.mark.parametrize("codec", ["zip", "zips", "no", "piz", "rle"])
def test_mixed_types_parts_overscan_and_metadata_come_back(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "plate.exr"
    OpenEXR.File(rich_parts(codec)).write(str(path))
    frame = read_single(path)
    assert frame.data_window == Window(-20, -10, 240, 140)
    assert frame.display_window == Window(0, 0, 200, 120)
    assert frame.pixel_aspect == 2.0
    rgb, changed = with_patch(frame)
    layers = some_layers(Window(-30, 0, 80, 50))
    written = write_restored(
        frame, tmp_path / "out.exr", rgb, changed, layers=layers, provenance={"svfr/version": "1"}
    )
    ours, plate = parts_of(tmp_path / "out.exr"), parts_of(path)
    assert [p.name() for p in ours] == ["rgba", "depth", "svfr", "svfr_data"]
    assert_restored(ours[0], plate[0], rgb, changed)
    assert_same_bits(ours[1], plate[1])
    left_out = ("compression", "chunkCount") if written.notes else ()
    expected = attributes(plate[0], *left_out) | {"svfr/version": "'1'"}
    assert attributes(ours[0], *left_out) == expected
    assert attributes(ours[1]) == attributes(plate[1])


def test_oiio_reads_the_same_file_with_the_same_attributes(tmp_path: Path) -> None:
    path = tmp_path / "plate.exr"
    OpenEXR.File(rich_parts()).write(str(path))
    frame = read_single(path)
    write_restored(frame, tmp_path / "out.exr", *with_patch(frame), layers=some_layers(Window(0, 0, 60, 50)))
    ours, plate = (oiio.ImageInput.open(str(p)) for p in (tmp_path / "out.exr", path))
    for part in range(2):
        assert ours.seek_subimage(part, 0) and plate.seek_subimage(part, 0)
        mine, theirs = ({a.name: str(a.value) for a in f.spec().extra_attribs} for f in (ours, plate))
        assert mine.pop("oiio:subimages") == "4"
        assert theirs.pop("oiio:subimages") == "2"
        assert mine == theirs
    assert not ours.seek_subimage(4, 0)


def test_the_layers_lie_in_cropped_parts_with_their_names_types_and_values(tmp_path: Path) -> None:
    frame = read_single(
        write_plate(tmp_path / "plate.exr", picture(70, 100), dataWindow=window(-10, -10, 100, 70))
    )
    place = Window(-15, 20, 50, 60)
    layers = some_layers(place)
    write_restored(frame, tmp_path / "out.exr", *with_patch(frame), layers=layers)
    picture_part, colour, data = parts_of(tmp_path / "out.exr")
    kept = Window(-10, 20, 45, 40)
    rows, columns = kept.slices_in(place)
    for part in (colour, data):
        np.testing.assert_array_equal(part.header["dataWindow"], window(-10, 20, 45, 40))
        np.testing.assert_array_equal(part.header["displayWindow"], picture_part.header["displayWindow"])
        assert part.header["compression"] == OpenEXR.ZIP_COMPRESSION
    assert data.header["colorInteropID"] == "data"
    assert "colorInteropID" not in colour.header
    assert set(colour.channels) == {f"svfr.{n}.{c}" for n in ("delta", "crop") for c in "RGB"}
    assert set(data.channels) == {"svfr.matte.A", "svfr.diff.Y", "svfr.st.u", "svfr.st.v"}
    green = colour.channels["svfr.delta.G"].pixels
    assert green.dtype == np.float16
    np.testing.assert_array_equal(green, layers.planes["delta"][rows, columns, 1].astype(np.float16))
    assert data.channels["svfr.st.v"].pixels.dtype == np.float32
    np.testing.assert_array_equal(data.channels["svfr.st.v"].pixels, layers.planes["st"][rows, columns, 1])
    np.testing.assert_array_equal(
        data.channels["svfr.matte.A"].pixels, layers.planes["matte"][rows, columns].astype(np.float16)
    )


def test_layers_outside_the_data_window_add_no_part(tmp_path: Path) -> None:
    frame = read_single(write_plate(tmp_path / "plate.exr", picture(70, 100)))
    away = some_layers(Window(500, 500, 20, 20))
    write_restored(frame, tmp_path / "out.exr", *with_patch(frame), layers=away)
    assert len(parts_of(tmp_path / "out.exr")) == 1


def test_float_plates_stay_float_and_are_not_clipped(tmp_path: Path) -> None:
    path = write_plate(tmp_path / "plate.exr", picture(70, 100, "f4"))
    frame = read_single(path)
    rgb, changed = with_patch(frame)
    rgb[PATCH] = np.float32(1e6)
    write_restored(frame, tmp_path / "out.exr", rgb, changed, layers=some_layers(Window(0, 0, 20, 20)))
    ours = parts_of(tmp_path / "out.exr")
    assert ours[0].channels["R"].pixels.dtype == np.float32
    assert (ours[0].channels["R"].pixels[changed] == 1e6).all()
    assert ours[1].channels["svfr.delta.R"].pixels.dtype == np.float32
    assert_same_bits(ours[0], parts_of(path)[0], "R", "G", "B")


def test_half_is_clipped_only_where_it_changed(tmp_path: Path) -> None:
    frame = read_single(write_plate(tmp_path / "plate.exr", picture(70, 100)))
    rgb, changed = with_patch(frame)
    rgb[PATCH] = np.float32(1e6)
    write_restored(frame, tmp_path / "out.exr", rgb, changed)
    red = parts_of(tmp_path / "out.exr")[0].channels["R"].pixels
    assert (red[changed] == np.float16(65504)).all()
    assert np.isposinf(red[0, 0])


@pytest.mark.parametrize("codec", ["dwaa", "dwab", "b44", "b44a"])
def test_a_lossy_plate_becomes_zip_and_the_log_says_why(
    tmp_path: Path, codec: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_plate(tmp_path / "plate.exr", picture(70, 100), codec)
    frame = read_single(path)
    rgb, changed = with_patch(frame)
    with caplog.at_level(logging.WARNING):
        written = write_restored(frame, tmp_path / "out.exr", rgb, changed)
    ours, plate = parts_of(tmp_path / "out.exr")[0], parts_of(path)[0]
    assert ours.header["compression"] == OpenEXR.ZIP_COMPRESSION
    assert_restored(ours, plate, rgb, changed)
    assert f"{codec} is lossy" in written.notes[0]
    assert f"{codec} is lossy" in caplog.text


def test_pxr24_with_float_channels_counts_as_lossy(tmp_path: Path) -> None:
    planes = picture(70, 100) | {"Z": np.random.default_rng(1).normal(size=(70, 100)).astype("f4")}
    path = write_plate(tmp_path / "plate.exr", planes, "pxr24")
    frame = read_single(path)
    rgb, changed = with_patch(frame)
    written = write_restored(frame, tmp_path / "out.exr", rgb, changed)
    assert "pxr24 is lossy" in written.notes[0]
    assert_restored(parts_of(tmp_path / "out.exr")[0], parts_of(path)[0], rgb, changed)


@pytest.mark.parametrize("codec", ["zip", "zips", "no", "piz", "dwaa"])
def test_tiled_plates_stay_tiled(tmp_path: Path, codec: str) -> None:
    tiles = OpenEXR.TileDescription()
    tiles.xSize, tiles.ySize = 32, 16
    path = tmp_path / "plate.exr"
    header = {"compression": compression(codec), "type": OpenEXR.tiledimage, "tiles": tiles}
    OpenEXR.File(header | {"dataWindow": window(5, 7, 100, 70)}, picture(70, 100)).write(str(path))
    frame = read_single(path)
    rgb, changed = with_patch(frame)
    write_restored(frame, tmp_path / "out.exr", rgb, changed, layers=some_layers(Window(10, 10, 40, 40)))
    ours, plate = parts_of(tmp_path / "out.exr")[0], parts_of(path)[0]
    assert_restored(ours, plate, rgb, changed)
    assert repr(ours.header["tiles"]) == repr(plate.header["tiles"])
    assert ours.header["type"] == OpenEXR.tiledimage


def test_decreasing_line_order_is_kept(tmp_path: Path) -> None:
    path = write_plate(tmp_path / "plate.exr", picture(70, 100), lineOrder=OpenEXR.DECREASING_Y)
    frame = read_single(path)
    rgb, changed = with_patch(frame)
    write_restored(frame, tmp_path / "out.exr", rgb, changed)
    ours, plate = parts_of(tmp_path / "out.exr")[0], parts_of(path)[0]
    assert_restored(ours, plate, rgb, changed)
    assert attributes(ours) == attributes(plate)


def test_the_smaller_mip_levels_of_a_plate_are_left_out_and_said(tmp_path: Path) -> None:
    path = tmp_path / "plate.exr"
    source = oiio.ImageBuf(oiio.ImageSpec(100, 70, 3, "half"))
    oiio.ImageBufAlgo.fill(source, (0.1, 0.2, 0.3))
    assert oiio.ImageBufAlgo.make_texture(oiio.MakeTxTexture, source, str(path))
    frame = read_single(path)
    rgb, changed = with_patch(frame)
    written = write_restored(frame, tmp_path / "out.exr", rgb, changed)
    ours = parts_of(tmp_path / "out.exr")[0]
    np.testing.assert_array_equal(ours.channels["G"].pixels[changed], rgb[..., 1][changed].astype(np.float16))
    assert (ours.channels["G"].pixels[~changed] == np.float16(0.2)).all()
    assert any("mip levels" in note for note in written.notes)


def test_a_result_fed_back_as_plate_gets_new_layers_and_provenance(tmp_path: Path) -> None:
    plate = write_plate(tmp_path / "plate.exr", picture(70, 100))
    first, second = tmp_path / "first.exr", tmp_path / "second.exr"
    frame = read_single(plate)
    sign = {"svfr/version": "1", "svfr/job_hash": "aa"}
    layers = some_layers(Window(0, 0, 40, 40))
    write_restored(frame, first, *with_patch(frame), layers=layers, provenance=sign)
    again = read_single(first)
    nothing = np.zeros(again.data_window.shape, bool)
    layers = Layers(Window(10, 10, 20, 20), {"matte": np.ones((20, 20), np.float32)})
    write_restored(again, second, again.rgb, nothing, layers=layers, provenance={"svfr/version": "2"})
    parts = parts_of(second)
    assert [p.name() for p in parts] == ["rgba", "svfr_data"]
    assert set(parts[1].channels) == {"svfr.matte.A"}
    assert_same_bits(parts[0], parts_of(first)[0])
    assert read_provenance(second) == {"svfr/version": "2"}


@pytest.mark.parametrize("with_layers", [True, False])
def test_the_aces_container_flag_goes_when_layers_come(tmp_path: Path, with_layers: bool) -> None:
    header = {"acesImageContainerFlag": 1, "colorInteropID": "lin_ap0_scene"}
    path = write_plate(tmp_path / "plate.exr", picture(70, 100), "no", **header)
    frame = read_single(path)
    layers = some_layers(Window(0, 0, 40, 40)) if with_layers else None
    write_restored(frame, tmp_path / "out.exr", *with_patch(frame), layers=layers)
    parts = parts_of(tmp_path / "out.exr")
    assert ("acesImageContainerFlag" in parts[0].header) is not with_layers
    assert parts[0].header["colorInteropID"] == "lin_ap0_scene"
    if with_layers:
        assert parts[1].header["colorInteropID"] == "lin_ap0_scene"


def test_deep_side_parts_are_copied_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "plate.exr"
    deep = np.empty((70, 100), object)
    for y, x in np.ndindex(70, 100):
        deep[y, x] = np.full((x + y) % 3, y + x / 100, np.float32)
    flat = OpenEXR.Part({"type": OpenEXR.scanlineimage}, picture(70, 100), "rgba")
    side = OpenEXR.Part(
        {"type": OpenEXR.deepscanline, "compression": OpenEXR.ZIPS_COMPRESSION}, {"Z": deep}, "deep"
    )
    OpenEXR.File([flat, side]).write(str(path))
    frame = read_single(path)
    write_restored(frame, tmp_path / "out.exr", *with_patch(frame), layers=some_layers(Window(0, 0, 40, 40)))
    ours, plate = parts_of(tmp_path / "out.exr")[1], parts_of(path)[1]
    assert attributes(ours) == attributes(plate)
    for mine, theirs in zip(ours.channels["Z"].pixels.flat, plate.channels["Z"].pixels.flat, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("names", ["ViewLayer.Combined", "beauty"])
def test_a_beauty_layer_is_the_picture_when_there_is_no_plain_rgb(tmp_path: Path, names: str) -> None:
    planes = {f"{names}.{c}": plane for c, plane in picture(70, 100).items()} | {
        "albedo.R": np.ones((70, 100), "f2")
    }
    planes |= {"albedo.G": np.ones((70, 100), "f2"), "albedo.B": np.ones((70, 100), "f2")}
    path = write_plate(tmp_path / "plate.exr", planes)
    frame = read_single(path)
    rgb, changed = with_patch(frame)
    write_restored(frame, tmp_path / "out.exr", rgb, changed)
    ours, plate = parts_of(tmp_path / "out.exr")[0], parts_of(path)[0]
    assert_same_bits(ours, plate, *(f"{names}.{c}" for c in "RGB"))
    blue = ours.channels[f"{names}.B"].pixels
    np.testing.assert_array_equal(blue[changed], rgb[..., 2][changed].astype(np.float16))


@pytest.mark.parametrize("link", ["same", "symlink", "hardlink"])
def test_the_plate_is_never_overwritten(tmp_path: Path, link: str) -> None:
    path = write_plate(tmp_path / "plate.exr", picture(70, 100))
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    out = path if link == "same" else tmp_path / "other.exr"
    if link == "symlink":
        out.symlink_to(path)
    if link == "hardlink":
        out.hardlink_to(path)
    frame = read_single(path)
    with pytest.raises(OutputEqualsPlate, match="another output"):
        write_restored(frame, out, *with_patch(frame))
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_new_nan_and_infinity_are_refused(tmp_path: Path, bad: float) -> None:
    frame = read_single(write_plate(tmp_path / "plate.exr", picture(70, 100)))
    rgb, changed = with_patch(frame)
    rgb[30, 40, 1] = bad
    with pytest.raises(RestoredPixelsAreNotFinite):
        write_restored(frame, tmp_path / "out.exr", rgb, changed)
    assert not (tmp_path / "out.exr").exists()


def test_a_failed_write_leaves_the_old_file_and_no_scratch(tmp_path: Path) -> None:
    path = write_plate(tmp_path / "plate.exr", picture(70, 100), "zip")
    frame = read_single(path)
    out = tmp_path / "out" / "out.exr"
    out.parent.mkdir()
    out.write_bytes(b"old")
    broken = bytearray(path.read_bytes())
    broken[-400:-300] = bytes(100)  # the last chunks no longer decompress
    path.write_bytes(broken)
    everything = np.ones(frame.data_window.shape, bool)
    with pytest.raises(FrameCannotBeRead):
        write_restored(frame, out, np.zeros_like(frame.rgb), everything)
    assert [p.name for p in out.parent.iterdir()] == ["out.exr"]
    assert out.read_bytes() == b"old"


def test_a_missing_output_folder_is_a_named_error(tmp_path: Path) -> None:
    frame = read_single(write_plate(tmp_path / "plate.exr", picture(70, 100)))
    with pytest.raises(FileCannotBeWritten) as caught:
        write_restored(frame, tmp_path / "nowhere" / "out.exr", *with_patch(frame))
    assert caught.value.path == str(tmp_path / "nowhere" / "out.exr")
    assert caught.value.remedy


def test_arrays_of_another_shape_and_long_provenance_names_are_refused(tmp_path: Path) -> None:
    frame = read_single(write_plate(tmp_path / "plate.exr", picture(70, 100)))
    rgb, changed = with_patch(frame)
    out = tmp_path / "out.exr"
    with pytest.raises(ValueError, match="do not lie over"):
        write_restored(frame, out, rgb[:-1], changed)
    with pytest.raises(ValueError, match="31 characters"):
        write_restored(
            frame, out, rgb, changed, provenance={"svfr/a_name_that_is_longer_than_old_readers": ""}
        )
    with pytest.raises(ValueError, match="layer matte"):
        Layers(Window(0, 0, 4, 4), {"matte": np.zeros((4, 5), np.float32)})


def test_provenance_is_read_back_and_empty_for_a_plate(tmp_path: Path) -> None:
    path = write_plate(tmp_path / "plate.exr", picture(70, 100))
    frame = read_single(path)
    sign = {"svfr/job_hash": "abc", "svfr/ai_modified": "1", "svfr/color": "Größe"}
    write_restored(frame, tmp_path / "out.exr", *with_patch(frame), provenance=sign)
    assert read_provenance(tmp_path / "out.exr") == sign
    assert read_provenance(path) == {}
    header = parts_of(tmp_path / "out.exr")[0].header
    assert "capDate" not in header and "openexr:chunkCount" not in header
