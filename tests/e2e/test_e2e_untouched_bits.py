"""A model that returns its input leaves every bit of a difficult plate; one that paints changes just that.

The plates are written and compared by the OpenEXR module. The job's own counts show that crops, transfer,
paste and writer ran and that nothing was simply copied.
"""

from pathlib import Path
from typing import Any

import exr_samples
import numpy as np
import OpenEXR
import pytest
from e2e_service import Service
from numpy.typing import NDArray

from svfr_client.job import Box, ColourClaim, FaceChoice, JobSpec
from svfr_ocio.curve import decode_srgb

WIDTH, HEIGHT, OVERSCAN = 1920, 1080, 20
FRAMES = range(1001, 1003)
BOX = Box(700.0, 300.0, 512.0, 512.0)
PATCH = slice(512 // 3, 2 * (512 // 3))
PROBE_CODES = np.array([0.75, 0.25, 0.5], np.float32)
LINEAR = ColourClaim(space="lin_rec709_scene", exposure_stops=0.0)


def write_difficult(path: Path, seed: int) -> None:
    """Write 1080p with overscan: half RGBA with odd values, AOVs, float ids; a second part with depth."""
    random = np.random.default_rng(seed)
    size = (HEIGHT + 2 * OVERSCAN, WIDTH + 2 * OVERSCAN)
    smooth = np.linspace(0.02, 0.9, size[1], dtype=np.float32)[None, :] * np.ones((size[0], 1), np.float32)
    planes: dict[str, NDArray[Any]] = {
        name: (smooth * gain).astype("f2") for name, gain in zip("RGB", (1.0, 0.8, 0.6), strict=True)
    }
    planes["A"] = np.ones(size, "f2")
    odd = exr_samples.ODD_HALVES
    for plane in planes.values():
        plane[0, : len(odd)] = odd
        plane[600, 900 : 900 + len(odd)] = odd  # inside the crop and inside the probe's patch
    planes["diffuse.R"] = random.normal(size=size).astype("f2")
    planes["crypto00.red"] = random.integers(0, 2**32, size, dtype=np.uint32).view(np.float32)
    shared = {"displayWindow": exr_samples.window(0, 0, WIDTH, HEIGHT)}
    header = shared | {
        "compression": exr_samples.compression("zip"),
        "type": OpenEXR.scanlineimage,
        "dataWindow": exr_samples.window(-OVERSCAN, -OVERSCAN, size[1], size[0]),
        "nuke/node_hash": "5f1e",
        "exposure": 1.5,
    }
    second = shared | {
        "compression": exr_samples.compression("zips"),
        "type": OpenEXR.scanlineimage,
        "dataWindow": exr_samples.window(0, 0, WIDTH, HEIGHT),
    }
    depth = {"Z": random.normal(size=(HEIGHT, WIDTH)).astype("f4")}
    parts = [OpenEXR.Part(header, planes, "rgba"), OpenEXR.Part(second, depth, "depth")]
    OpenEXR.File(parts).write(str(path))


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> str:
    pattern = str(tmp_path_factory.mktemp("plate") / "shot.%04d.exr")
    for frame in FRAMES:
        write_difficult(Path(pattern % frame), frame)
    return pattern


def job(plate: str, out: Path, model: str, box: Box, **more: Any) -> JobSpec:
    return JobSpec(
        plate=plate,
        frames=f"{FRAMES[0]}-{FRAMES[-1]}",
        tasks=("bfr",),
        output=str(out / "result.%04d.exr"),
        faces=FaceChoice(mode="box", boxes=(box,)),
        colour=LINEAR,
        model=model,
        **more,
    )


def assert_every_part_ran(result: dict[str, Any]) -> None:
    counts = result["counts"]
    for name in ("crops_cut", "crops_restored", "deltas", "frames_written"):
        assert counts[name] == len(FRAMES), (name, counts)


def plate_parts(path: Path) -> dict[str, Any]:
    return {part.name(): part for part in exr_samples.parts_of(path)}


def assert_plate_kept(ours: Path, plate: Path, *changed_channels: str) -> None:
    """Every part, channel and attribute of the plate is in our file; ours may hold more parts."""
    mine, theirs = plate_parts(ours), plate_parts(plate)
    assert set(theirs) <= set(mine)
    for name, part in theirs.items():
        exr_samples.assert_same_bits(mine[name], part, *(changed_channels if name == "rgba" else ()))
        here, there = exr_samples.attributes(mine[name]), exr_samples.attributes(part)
        assert {key: here.get(key) for key in there} == there


@pytest.mark.parametrize(
    "box",
    [BOX, Box(650.3, 251.7, 611.0, 611.0), Box(-9.5, -7.25, 300.0, 300.0)],
    ids=["copied", "resampled", "edge"],
)
def test_identity_returns_every_bit_and_attribute(
    service: Service, plate: str, tmp_path: Path, box: Box
) -> None:
    result = service.result(job(plate, tmp_path, "identity", box))
    assert_every_part_ran(result)
    assert result["counts"]["pixels_changed"] == 0
    for frame in FRAMES:
        assert_plate_kept(tmp_path / f"result.{frame}.exr", Path(plate % frame))


@pytest.mark.parametrize("tasks", [("bfr",), ("colorize",), ("bfr", "colorize")])
def test_identity_changes_nothing_whatever_the_task(
    service: Service, plate: str, tmp_path: Path, tasks: tuple[str, ...]
) -> None:
    spec = JobSpec(
        plate,
        "1001",
        tasks,
        str(tmp_path / "r.%04d.exr"),
        faces=FaceChoice("box", boxes=(BOX,)),
        colour=ColourClaim(space="lin_rec709_scene"),
        model="identity",
    )
    assert service.result(spec)["counts"]["deltas"] == 1
    assert_plate_kept(tmp_path / "r.1001.exr", Path(plate % 1001))


def test_probe_paints_its_patch_and_nothing_else(service: Service, plate: str, tmp_path: Path) -> None:
    result = service.result(job(plate, tmp_path, "probe", BOX))
    assert_every_part_ran(result)
    rows = slice(int(BOX.y) + OVERSCAN + PATCH.start, int(BOX.y) + OVERSCAN + PATCH.stop)
    columns = slice(int(BOX.x) + OVERSCAN + PATCH.start, int(BOX.x) + OVERSCAN + PATCH.stop)
    painted = decode_srgb(PROBE_CODES[None, None])[0, 0]
    for frame in FRAMES:
        ours, theirs = tmp_path / f"result.{frame}.exr", Path(plate % frame)
        assert_plate_kept(ours, theirs, "R", "G", "B")
        mine, plates = plate_parts(ours)["rgba"].channels, plate_parts(theirs)["rgba"].channels
        for index, name in enumerate("RGB"):
            before, after = plates[name].pixels, mine[name].pixels
            outside = np.ones(before.shape, bool)
            outside[rows, columns] = False
            assert np.array_equal(exr_samples.bits(after)[outside], exr_samples.bits(before)[outside])
            ordinary = np.ones(before[rows, columns].shape, bool)
            ordinary[600 - rows.start] = False
            inside = after[rows, columns].astype(np.float32)[ordinary]
            assert np.abs(inside - painted[index]).max() <= 1e-3 * painted[index]


def test_probe_keeps_pixels_that_are_no_numbers(service: Service, plate: str, tmp_path: Path) -> None:
    service.result(job(plate, tmp_path, "probe", BOX))
    mine = plate_parts(tmp_path / "result.1001.exr")["rgba"].channels
    plates = plate_parts(Path(plate % 1001))["rgba"].channels
    for name in "RGB":
        row = plates[name].pixels[600]
        odd = ~np.isfinite(row)
        assert odd.sum() >= 4
        assert np.array_equal(exr_samples.bits(mine[name].pixels[600])[odd], exr_samples.bits(row)[odd])
