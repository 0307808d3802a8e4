"""Jobs over plates of every kind: windows, pixel aspects, gaps, cuts, stills, movies, masks."""

from pathlib import Path

import cv2
import job_samples
import numpy as np
import pytest
from exr_samples import read_provenance
from job_samples import Reports

from svfr_client.job import Box, ColourClaim, FaceChoice
from svfr_client.masks import MaskLayer, MaskPoint, MaskShape, MaskSpline, SplineMask

pytestmark = pytest.mark.usefixtures("scratch")


def changed(plate: Path, output: Path) -> np.ndarray:
    """The (h, w) pixels of which a bit differs."""
    before, after = job_samples.read_exr(plate), job_samples.read_exr(output)
    return (before.view(np.uint16) != after.view(np.uint16)).any(axis=-1)


def bounds(pixels: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def test_a_crop_of_an_anamorphic_plate_is_square_on_screen(tmp_path: Path) -> None:
    plate = job_samples.write_plate(tmp_path / "plate", [1001], pixel_aspect=2.0)
    box = FaceChoice("box", boxes=(Box(24.0, 8.0, 20.0, 40.0),))
    spec = job_samples.job(plate, tmp_path / "out", "1001", model="probe", faces=box)
    path = job_samples.run(spec).outputs[0].path
    left, top, right, bottom = bounds(changed(Path(plate % 1001), path))
    # the middle third of 20 x 40 plate pixels, and what a cubic spreads beyond
    assert abs((left + right) / 2 - 34.0) <= 0.5 and abs((top + bottom) / 2 - 28.0) <= 0.5
    assert 20 / 3 - 1 <= right - left <= 20 / 3 + 5 and 40 / 3 - 1 <= bottom - top <= 40 / 3 + 5


def test_the_mask_mode_follows_pixel_aspect_too(tmp_path: Path) -> None:
    plate = job_samples.write_plate(tmp_path / "plate", [1001, 1002], pixel_aspect=2.0)
    mask = job_samples.write_mattes(tmp_path / "mask", [1001, 1002])
    spec = job_samples.job(
        plate, tmp_path / "out", "1001-1002", model="probe", faces=FaceChoice("mask"), mask_path=mask
    )
    for output in job_samples.run(spec).outputs:
        left, top, right, bottom = bounds(changed(Path(plate % output.frame), output.path))
        assert 28 <= left < right <= 44 and 19 <= top < bottom <= 36


def test_overscan_and_windows_that_move_keep_the_crop_in_its_place(tmp_path: Path) -> None:
    pattern = str(tmp_path / "plate" / "shot.%04d.exr")
    whole = job_samples.picture(1001, 76, 92)  # display 72 x 56 and 10 pixels around
    at = {1001: (-10, -10), 1002: (0, 0), 1003: (4, 2), 1004: (-10, -3)}
    for frame, (x, y) in at.items():
        pixels = whole[y + 10 :, x + 10 :]
        job_samples.write_exr(Path(pattern % frame), pixels, (x, y), display=(0, 0, 72, 56))
    reports = Reports()
    spec = job_samples.job(pattern, tmp_path / "out", "1001-1004", model="probe")
    result = job_samples.run(spec, reports=reports)
    middles = set()
    for output in result.outputs:
        x, y = at[output.frame]
        left, top, right, bottom = bounds(changed(Path(pattern % output.frame), output.path))
        middles.add((left + x, top + y, right + x, bottom + y))
    assert len(middles) == 1  # one place on the display, whatever the data window
    assert reports.warnings == []  # and no cut between them


def test_a_window_that_misses_the_crop_leaves_the_frame(tmp_path: Path) -> None:
    pattern = str(tmp_path / "plate" / "shot.%04d.exr")
    for frame, width in ((1001, 72), (1002, 8)):
        job_samples.write_exr(
            Path(pattern % frame), job_samples.picture(frame, 56, width), display=(0, 0, 72, 56)
        )
    spec = job_samples.job(pattern, tmp_path / "out", "1001-1002", model="probe", layers=("delta", "matte"))
    first, second = (output.path for output in job_samples.run(spec).outputs)
    assert changed(Path(pattern % 1001), first).any()
    assert not changed(Path(pattern % 1002), second).any()


@pytest.mark.parametrize(("missing", "expected"), [("hold", [1001, 1002, 1003]), ("skip", [1001, 1003])])
def test_missing_frames_are_held_or_skipped(tmp_path: Path, missing: str, expected: list[int]) -> None:
    plate = job_samples.write_plate(tmp_path / "plate", [1001, 1003])
    spec = job_samples.job(plate, tmp_path / "out", "1001-1003", model="probe", missing=missing)
    reports = job_samples.Reports()
    result = job_samples.run(spec, reports=reports)
    assert [output.frame for output in result.outputs] == expected
    assert [text for text in reports.warnings if "has no frames 1002" in text]
    assert result.counts["crops_cut"] == 3  # a skipped frame is context still
    held = {output.frame: job_samples.read_exr(output.path) for output in result.outputs}
    held_for = [(r.frame, r.message) for r in reports.all if r.kind == "warning" and r.frame is not None]
    if missing == "skip":
        assert held_for == []
    if missing == "hold":
        assert held_for == [(1002, "Frame 1002 is not in the plate: frame 1001 is restored in its place.")]
        np.testing.assert_array_equal(held[1002].view(np.uint16), held[1001].view(np.uint16))


def test_a_gap_that_was_not_asked_for_may_be_missing(tmp_path: Path) -> None:
    plate = job_samples.write_plate(tmp_path / "plate", [1001, 1003])
    result = job_samples.run(job_samples.job(plate, tmp_path / "out", "1001,1003"))
    assert [output.frame for output in result.outputs] == [1001, 1003]


@pytest.mark.parametrize("write_handles", [False, True])
def test_handles_reach_as_far_as_the_plate(plate: str, tmp_path: Path, write_handles: bool) -> None:
    spec = job_samples.job(plate, tmp_path, "1003-1005", handles=4, write_handles=write_handles)
    reports = job_samples.Reports()
    result = job_samples.run(spec, reports=reports)
    assert result.counts["crops_cut"] == 9  # 1001-1009
    (lacking,) = (text for text in reports.warnings if "handles" in text)
    assert "The plate has no frames 999-1000" in lacking
    expected = range(1001, 1010) if write_handles else range(1003, 1006)
    assert [output.frame for output in result.outputs] == list(expected)


def test_a_box_that_reaches_beyond_the_plate_is_named(plate: str, tmp_path: Path) -> None:
    beyond = Box(job_samples.WIDTH - 20.0, 12.0, 32.0, 32.0)
    faces = FaceChoice("box", boxes=(job_samples.BOX, beyond))
    reports = job_samples.Reports()
    job_samples.run(job_samples.job(plate, tmp_path, "1003", handles=1, faces=faces), reports=reports)
    (text,) = (text for text in reports.warnings if "beyond" in text or "handles" in text)
    assert "The box 52,12,32,32 reaches beyond the plate, which covers 0,0,72,56" in text


def test_a_mask_need_not_cover_the_handles(plate: str, tiny_model: str, tmp_path: Path) -> None:
    mask = job_samples.write_mattes(tmp_path / "mask", range(1003, 1006))
    spec = job_samples.job(
        plate, tmp_path / "out", "1003-1005", handles=2, mask_path=mask, tasks=("inpaint",), model=tiny_model
    )
    assert job_samples.run(spec).counts["crops_restored"] == 7


def test_a_cut_parts_the_range_and_the_box_keeps_its_number(tiny_model: str, tmp_path: Path) -> None:
    pattern = str(tmp_path / "plate" / "shot.%04d.exr")
    for frame in range(1001, 1013):
        pixels = job_samples.picture(frame)
        dark = pixels[::-1] * np.array([0.05, 0.02, 0.3], np.float32)
        job_samples.write_exr(Path(pattern % frame), pixels if frame < 1008 else dark)
    reports = Reports()
    spec = job_samples.job(pattern, tmp_path / "out", "1001-1012", model=tiny_model, colour=job_samples.SDR)
    result = job_samples.run(spec, reports=reports)
    assert result.tracks == (0,)
    # two shots of 7 and 5 frames: each has a reference of its own
    assert result.counts["reference_windows"] == 4
    assert len(result.outputs) == 12


def test_the_exposure_is_measured_in_each_shot(tiny_model: str, tmp_path: Path) -> None:
    pattern = str(tmp_path / "plate" / "shot.%04d.exr")
    for frame in range(1001, 1013):
        pixels = job_samples.picture(frame)
        dark = pixels[::-1, ::-1] * np.array([0.05, 0.02, 0.08], np.float32)
        job_samples.write_exr(Path(pattern % frame), pixels if frame < 1008 else dark)
    metered = ColourClaim(space="lin_rec709_scene")
    spec = job_samples.job(pattern, tmp_path / "out", "1001-1012", model="identity", colour=metered)
    outputs = job_samples.run(spec).outputs
    stops = [float(read_provenance(output.path)["svfr/exposure_stops"]) for output in outputs]
    assert len(set(stops[:7])) == 1 and len(set(stops[7:])) == 1  # constant within a shot
    assert stops[-1] - stops[0] > 2.0
    assert all(value * 4 == round(value * 4) for value in stops)


def spline_square(x: float, y: float, side: float, size: tuple[int, int]) -> MaskShape:
    corners = [(x, y), (x + side, y), (x + side, y + side), (x, y + side)]
    points = tuple(MaskPoint(corner, corner, corner) for corner in corners)
    return MaskShape((MaskLayer((MaskSpline(points),)),), width=size[0], height=size[1])


def test_splines_move_what_is_changed(plate: str, tmp_path: Path) -> None:
    size = (job_samples.WIDTH, job_samples.HEIGHT)
    mask = SplineMask({1001: spline_square(30, 22, 6, size), 1003: spline_square(34, 26, 6, size)})
    spec = job_samples.job(plate, tmp_path, "1001-1003", model="probe", mask_splines=mask)
    outputs = job_samples.run(spec).outputs
    found = [bounds(changed(Path(plate % output.frame), output.path)) for output in outputs]
    assert found == [(30, 22, 36, 28), (30, 22, 36, 28), (34, 26, 40, 32)]


def test_one_still_is_a_mask_for_every_frame_and_may_be_empty_in_the_crop(plate: str, tmp_path: Path) -> None:
    mask = tmp_path / "mask.png"
    corner = np.zeros((job_samples.HEIGHT, job_samples.WIDTH), np.uint8)
    corner[-1, -1] = 255
    cv2.imwrite(str(mask), corner)
    spec = job_samples.job(
        plate, tmp_path / "out", "1001-1003", model="probe", mask_path=str(mask), tasks=("bfr", "inpaint")
    )
    result = job_samples.run(spec)
    assert result.counts["pixels_changed"] == 0 and result.counts["frames_written"] == 3


def test_a_mask_that_is_empty_in_some_frames_bounds_its_crop(plate: str, tmp_path: Path) -> None:
    mask = job_samples.write_mattes(tmp_path / "mask", range(1001, 1007))
    empty = np.zeros((job_samples.HEIGHT, job_samples.WIDTH, 1), np.float32)
    for frame in (1001, 1004, 1006):
        job_samples.write_exr(Path(mask % frame), empty)
    spec = job_samples.job(
        plate, tmp_path / "out", "1001-1006", model="probe", faces=FaceChoice("mask"), mask_path=mask
    )
    result = job_samples.run(spec)
    assert result.counts["crops_cut"] == 4  # 1002 to 1005
    touched = [
        output.frame for output in result.outputs if changed(Path(plate % output.frame), output.path).any()
    ]
    assert touched == [1002, 1003, 1005]


def test_stills_come_back_as_exr_with_their_space_named(tmp_path: Path) -> None:
    pattern = str(tmp_path / "plate" / "still.%04d.png")
    (tmp_path / "plate").mkdir()
    for frame in (1, 2):
        cv2.imwrite(pattern % frame, np.rint(job_samples.picture(1000 + frame)[..., ::-1] * 255))
    spec = job_samples.job(pattern, tmp_path / "out", "1-2", model="identity", colour=ColourClaim())
    for output in job_samples.run(spec).outputs:
        codes = cv2.imread(pattern % output.frame)[..., ::-1].astype(np.float32) / np.float32(255)
        np.testing.assert_array_equal(job_samples.read_exr(output.path), codes.astype(np.float16))


def test_a_movie_is_a_plate_from_frame_1_on(tmp_path: Path) -> None:
    import av

    path = tmp_path / "movie.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for frame in range(6):
            codes = np.rint(job_samples.picture(1001 + frame, 48, 64) * 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(codes, format="rgb24")))
        container.mux(stream.encode())
    box = FaceChoice("box", boxes=(Box(10.0, 8.0, 32.0, 32.0),))
    spec = job_samples.job(str(path), tmp_path / "out", "2-4", model="probe", colour=ColourClaim(), faces=box)
    result = job_samples.run(spec)
    assert [output.frame for output in result.outputs] == [2, 3, 4]
    patch = job_samples.read_exr(result.outputs[0].path)[24, 26].astype(np.float32)
    # a delta that was resampled down and up again is right within the plate's own texture
    np.testing.assert_allclose(patch, [0.75, 0.25, 0.5], atol=5e-3)


def test_faces_that_overlap_do_not_depend_on_their_order(plate: str, tmp_path: Path) -> None:
    boxes = (Box(8.0, 8.0, 36.0, 36.0), Box(22.0, 14.0, 36.0, 36.0))
    results = []
    for name, order in (("one", boxes), ("other", boxes[::-1])):
        spec = job_samples.job(
            plate, tmp_path / name, "1001", model="probe", faces=FaceChoice("box", boxes=order)
        )
        results.append(job_samples.read_exr(job_samples.run(spec).outputs[0].path).astype(np.float32))
    np.testing.assert_allclose(results[0], results[1], rtol=2e-3)


def test_progress_names_every_stage_and_counts_to_its_end(
    plate: str, tiny_model: str, tmp_path: Path
) -> None:
    reports = Reports()
    job_samples.run(job_samples.job(plate, tmp_path, "1001-1006", model=tiny_model), reports=reports)
    stages = list(dict.fromkeys(r.stage for r in reports.all if r.kind == "progress"))
    assert stages == ["survey", "crop", "encode", "reference", "denoise", "decode", "write"]
    for stage in stages:
        done = reports.progress(str(stage))
        # cropping is no more heard of once sampling is: it may have the last crop before that is reported
        assert (done[-1][0] == done[-1][1] or stage == "crop") and done[-1][0] > 0
        assert done == sorted(done) or stage == "encode"
    frames = [(r.frame, r.path) for r in reports.all if r.kind == "frame"]
    assert sorted(frames) == [(f, str(tmp_path / f"out.{f}.exr")) for f in range(1001, 1007)]


def test_a_face_that_enters_late_and_runs_that_lie_apart(plate: str, tiny_model: str, tmp_path: Path) -> None:
    tracks = job_samples.write_two_faces(tmp_path / "tracks.json", 1030)
    spec = job_samples.job(
        plate, tmp_path / "out", "1003-1006,1025-1026", model=tiny_model, crop_tracks=tracks
    )
    result = job_samples.run(spec)
    # run 1: face 0 in 2 frames and face 1 in 4; run 2: both in 2
    assert result.counts["crops_cut"] == result.counts["crops_restored"] == 10
    assert [output.frame for output in result.outputs] == [1003, 1004, 1005, 1006, 1025, 1026]
