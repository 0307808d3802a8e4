"""What came in and what came back, frame by frame."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from job_samples import write_mattes
from view_samples import pictures, restore

from svfr_client.job import ColourClaim
from svfr_view.errors import NothingToView, PlateNeeded
from svfr_view.pictures import Pictures, identity_in, provenance
from svfr_view.proxy_size import ProxySize


def test_before_is_the_plate_and_after_the_result(tmp_path: Path) -> None:
    plate, result = restore(tmp_path)
    pair = pictures(plate, result).read(1002)
    changed = np.any(pair.before != pair.after, axis=-1)
    assert pair.frame == 1002 and changed.any() and not changed[0].any()
    assert not changed[pair.matte == 0].any()


@pytest.mark.parametrize("space", ["lin_rec709_scene", "srgb_rec709_display", "ocio:acescct_ap1_scene"])
def test_the_delta_layer_stands_in_for_the_plate(tmp_path: Path, space: str) -> None:
    plate, result = restore(tmp_path, ColourClaim(space=space, exposure_stops=0.0))
    named, rebuilt = (pictures(one, result, space).read(1001) for one in (plate, None))
    np.testing.assert_allclose(rebuilt.before, named.before, rtol=2e-3, atol=2e-3)


def test_a_delta_is_taken_off_through_its_matte(tmp_path: Path) -> None:
    masks = write_mattes(tmp_path / "mattes", range(1001, 1005))  # with a soft edge over the patch
    plate, result = restore(tmp_path, mask_path=masks)
    named, rebuilt = (pictures(one, result).read(1001) for one in (plate, None))
    assert ((named.matte > 0.0) & (named.matte < 1.0)).any()
    np.testing.assert_allclose(rebuilt.before, named.before, rtol=2e-3, atol=2e-3)


def test_a_page_finds_what_was_invented_and_how_alike_faces_are(tmp_path: Path) -> None:
    plate, result = restore(tmp_path, layers=("matte", "invention"))
    both = pictures(plate, result)
    pair = both.read(1001)
    assert both.doubts == ("invention",) and pair.doubts["invention"].max() > 0.02
    assert not pair.doubts["invention"][pair.matte == 0].any() and pair.identity == {}
    assert identity_in("0=0.9731,2=unknown,x,3=nan,11=-0.5") == {"0": 0.9731, "11": -0.5}


@pytest.mark.parametrize("space", ["ACEScg", "srgb_rec709_display", "ocio:acescct_ap1_scene"])
def test_a_small_picture_is_the_mean_of_the_light_of_the_large_one(tmp_path: Path, space: str) -> None:
    plate, result = restore(tmp_path, ColourClaim(space=space, exposure_stops=0.0))
    both, size = pictures(plate, result, space), ProxySize(18, 14)
    small, large = both.read(1001, size), both.read(1001)
    for name in ("before", "after", "matte"):
        expected = size.reduced(getattr(large, name))
        np.testing.assert_allclose(getattr(small, name), expected, rtol=1e-4, atol=1e-5)


def test_without_delta_and_plate_the_plate_is_asked_for(tmp_path: Path) -> None:
    plate, result = restore(tmp_path, layers=())
    with pytest.raises(PlateNeeded, match="--plate"):
        pictures(None, result)
    pair = pictures(plate, result).read(1001)
    assert pair.matte.max() == 1.0  # without a matte layer: where anything changed


def test_frames_that_only_one_side_has_are_left_out(tmp_path: Path) -> None:
    plate, result = restore(tmp_path, layers=())
    Path(plate % 1001).unlink()
    both = pictures(plate, result)
    assert both.frames == (1002, 1003, 1004)
    with pytest.raises(NothingToView):
        Pictures(both.result, both.plate, both.domain, [1001])


def test_a_frame_that_the_plate_lacks_is_shown_by_its_delta_and_one_without_it_is_named(
    tmp_path: Path,
) -> None:
    plate, result = restore(tmp_path)
    named = pictures(plate, result).read(1001)
    Path(plate % 1001).unlink()
    held = pictures(plate, result)
    assert held.frames == (1001, 1002, 1003, 1004)
    np.testing.assert_allclose(held.read(1001).before, named.before, rtol=2e-3, atol=2e-3)
    shutil.copyfile(plate % 1003, result % 1003)  # as a frame that was not changed is
    assert not np.any(held.read(1003).matte)
    Path(plate % 1003).unlink()
    with pytest.raises(PlateNeeded, match=r"svfr\.delta") as caught:
        pictures(plate, result).read(1003)
    assert caught.value.frame == 1003


def test_a_result_says_how_it_was_made(tmp_path: Path) -> None:
    _plate, result = restore(tmp_path)
    made = provenance(Path(result % 1001))
    assert (made["model"], made["task"]) == ("probe", "bfr") and "lin_rec709" not in made["task"]
    assert provenance(tmp_path / "nothing.exr") == {}
