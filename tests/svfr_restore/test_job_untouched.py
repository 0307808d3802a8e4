"""The models without a network go through every part of the path and change exactly what they should."""

import itertools
from pathlib import Path
from typing import Any

import job_samples
import numpy as np
import pytest
from numpy.typing import NDArray

from svfr_client.job import Box, ColourClaim, FaceChoice

pytestmark = pytest.mark.usefixtures("scratch")

TASK_SETS = [set_ for n in (1, 2, 3) for set_ in itertools.combinations(("bfr", "colorize", "inpaint"), n)]
# As svfr_restore.sampling.restorers documents them: the middle third of the crop, in code values.
PROBE = np.array([0.75, 0.25, 0.5])
ODD = np.array([0x7C00, 0xFC00, 0x7E01, 0x7C01, 0x8000, 0x0001, 0x7BFF, 0xFBFF], np.uint16).view(np.float16)


def bits(pixels: NDArray[Any]) -> NDArray[np.uint16]:
    assert pixels.dtype == np.float16
    return pixels.view(np.uint16)


def odd_picture(frame: int, height: int, width: int) -> NDArray[np.float16]:
    """A texture with highlights above 1, negative colours, and every odd half in the middle."""
    pixels = job_samples.picture(frame, height, width).astype(np.float16)
    pixels[height // 2, width // 2 : width // 2 + len(ODD)] = ODD[:, None]
    pixels[height // 2 + 2, width // 2] = (4.0, 9.5, 0.25)
    pixels[height // 2 + 3, width // 2] = (-0.25, 0.5, -3.0)
    return pixels


@pytest.fixture(scope="module")
def odd_plate(tmp_path_factory: pytest.TempPathFactory) -> str:
    pattern = str(tmp_path_factory.mktemp("odd") / "shot.%04d.exr")
    for frame in (1001, 1002):
        pixels = odd_picture(frame, job_samples.HEIGHT, job_samples.WIDTH)
        job_samples.write_exr(Path(pattern % frame), pixels)
    return pattern


@pytest.mark.parametrize("tasks", TASK_SETS, ids="+".join)
def test_identity_returns_every_bit_for_every_task_set(
    odd_plate: str, tmp_path: Path, tasks: tuple[str, ...]
) -> None:
    mask = job_samples.write_mattes(tmp_path / "mask", (1001, 1002))
    spec = job_samples.job(odd_plate, tmp_path, "1001-1002", tasks=tasks, mask_path=mask)
    result = job_samples.run(spec)
    for output in result.outputs:
        plate = job_samples.read_exr(Path(odd_plate % output.frame))
        np.testing.assert_array_equal(bits(job_samples.read_exr(output.path)), bits(plate))
    assert result.counts["pixels_changed"] == 0
    assert result.counts["crops_cut"] == result.counts["crops_restored"] == result.counts["deltas"] == 2
    assert result.counts["frames_written"] == len(result.outputs) == 2


@pytest.mark.parametrize(
    "faces",
    [
        FaceChoice("frame"),
        FaceChoice("box", boxes=(Box(-7.25, 30.5, 41.0, 41.0),)),
        FaceChoice("box", boxes=(Box(10, 8, 32, 32), Box(26, 20, 30, 30))),
    ],
    ids=["frame", "over the edge", "two that overlap"],
)
@pytest.mark.parametrize(
    "colour",
    [
        job_samples.SDR,
        ColourClaim(space="ACEScg"),
        ColourClaim(space="ACEScct"),
        ColourClaim(space="lin_rec709_scene", exposure_stops=2.5),
    ],
    ids=["video", "ACEScg metered", "log", "exposed"],
)
def test_identity_returns_every_bit_in_every_space_and_for_every_region(
    odd_plate: str, tmp_path: Path, faces: FaceChoice, colour: ColourClaim
) -> None:
    layers = ("delta", "matte", "crop", "diff", "st")
    spec = job_samples.job(odd_plate, tmp_path, "1001", faces=faces, colour=colour, layers=layers)
    result = job_samples.run(spec)
    plate = job_samples.read_exr(Path(odd_plate % 1001))
    np.testing.assert_array_equal(bits(job_samples.read_exr(result.outputs[0].path)), bits(plate))


def decoded(codes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sRGB curve of IEC 61966-2-1, for values above its linear part."""
    return ((codes + 0.055) / 1.055) ** 2.4


@pytest.fixture(scope="module")
def large_plate(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A plate in which a 512 px crop is copied without resampling."""
    pattern = str(tmp_path_factory.mktemp("large") / "shot.%04d.exr")
    job_samples.write_exr(Path(pattern % 1001), odd_picture(1001, 560, 540))
    return pattern


@pytest.mark.parametrize(("stops", "opacity"), [(0.0, 1.0), (1.5, 1.0), (0.0, 0.25)])
def test_probe_equals_its_closed_form_and_leaves_every_other_bit(
    large_plate: str, tmp_path: Path, stops: float, opacity: float
) -> None:
    mask = tmp_path / "mask.exr"
    job_samples.write_exr(mask, np.full((560, 540, 1), opacity, np.float32))
    spec = job_samples.job(
        large_plate,
        tmp_path,
        "1001",
        model="probe",
        faces=FaceChoice("box", boxes=(Box(10, 20, 512, 512),)),
        colour=ColourClaim(space="lin_rec709_scene", exposure_stops=stops),
        mask_path=str(mask),
    )
    result = job_samples.run(spec)
    before = job_samples.read_exr(Path(large_plate % 1001))
    after = job_samples.read_exr(result.outputs[0].path)
    patch = np.zeros(before.shape[:2], bool)
    patch[20 + 170 : 20 + 340, 10 + 170 : 10 + 340] = True
    is_finite = np.isfinite(before).all(axis=-1)
    assert (patch & ~is_finite).sum() == 4  # the odd halves lie inside
    kept = ~patch | ~is_finite
    np.testing.assert_array_equal(bits(after)[kept], bits(before)[kept])
    # whatever the plate held, a full matte shows the patch: highlights are gone where it is dark
    old = before[patch & is_finite].astype(np.float64)
    expected = old + opacity * (decoded(PROBE) / 2.0**stops - old)
    got = after[patch & is_finite].astype(np.float64)
    usual = np.abs(old).max(axis=-1) < 100.0  # float32 keeps no third decimal beside 65504
    np.testing.assert_allclose(got[usual], expected[usual], rtol=2.0**-10, atol=1e-6)
    assert result.counts["pixels_changed"] == (patch & is_finite).sum()


def test_inside_the_hole_the_probe_replaces_even_what_is_no_number(large_plate: str, tmp_path: Path) -> None:
    mask = tmp_path / "mask.exr"
    job_samples.write_exr(mask, np.ones((560, 540, 1), np.float32))
    spec = job_samples.job(
        large_plate,
        tmp_path,
        "1001",
        model="probe",
        tasks=("inpaint",),
        faces=FaceChoice("box", boxes=(Box(10, 20, 512, 512),)),
        mask_path=str(mask),
    )
    after = job_samples.read_exr(job_samples.run(spec).outputs[0].path)
    inside = after[20 + 170 : 20 + 340, 10 + 170 : 10 + 340].astype(np.float64)
    np.testing.assert_allclose(inside, np.broadcast_to(decoded(PROBE), inside.shape), rtol=2.0**-11)


def test_the_layers_give_back_the_restored_picture(large_plate: str, tmp_path: Path) -> None:
    spec = job_samples.job(
        large_plate,
        tmp_path,
        "1001",
        model="probe",
        faces=FaceChoice("box", boxes=(Box(10, 20, 512, 512), Box(150.5, 160.25, 300, 300))),
        layers=("delta", "matte"),
    )
    path = job_samples.run(spec).outputs[0].path
    assert job_samples.channel_names(path)[3:] == [
        "svfr.delta.R",
        "svfr.delta.G",
        "svfr.delta.B",
        "svfr.matte.A",
    ]
    plate = job_samples.read_exr(Path(large_plate % 1001)).astype(np.float64)[20:532, 10:522]
    delta, matte = (job_samples.read_exr(path, part).astype(np.float64) for part in (1, 2))
    assert delta.shape[:2] == plate.shape[:2]
    restored = job_samples.read_exr(path).astype(np.float64)[20:532, 10:522]
    ordinary = np.isfinite(plate).all(axis=-1) & (np.abs(plate).max(axis=-1) < 2.0)
    rebuilt = plate[ordinary] + (matte * delta)[ordinary]
    # delta, matte and picture are halves: three roundings
    np.testing.assert_allclose(rebuilt, restored[ordinary], rtol=2e-3, atol=2e-3)


def test_frames_without_a_face_have_the_same_channels(odd_plate: str, tmp_path: Path) -> None:
    from svfr_restore.crops.crop_file import write_tracks
    from svfr_restore.crops.crop_track import static_track

    write_tracks(tmp_path / "tracks.json", [static_track(0, range(1002, 1003), 36.0, 28.0, 32.0)])
    every = ("delta", "matte", "crop", "diff", "st")
    spec = job_samples.job(
        odd_plate, tmp_path, "1001-1002", layers=every, crop_tracks=str(tmp_path / "tracks.json")
    )
    without, with_face = (output.path for output in job_samples.run(spec).outputs)
    assert job_samples.channel_names(without) == job_samples.channel_names(with_face)
    plate = job_samples.read_exr(Path(odd_plate % 1001))
    np.testing.assert_array_equal(bits(job_samples.read_exr(without)), bits(plate))
