import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenImageIO as oiio
import pytest
import torch
from clip_samples import FRAMES, head_pictures, write_movie, write_pictures, write_predictor
from typer.testing import CliRunner

from svfr.training.recipe.config import Phase, read_recipe
from svfr_cli.main import app
from svfr_client.frames import FrameRange
from svfr_client.job import FaceChoice, JobSpec
from svfr_lab.clips import video_clips
from svfr_lab.clips.alignment import ClipPlate, LandmarkPredictor, read_crop
from svfr_lab.clips.entries import ClipEntry, Region
from svfr_lab.clips.errors import ClipListInvalid, ClipsUnusable, LandmarkPredictorUnusable
from svfr_lab.clips.list_file import read_clip_list, write_clip_list
from svfr_lab.clips.video_clips import AlignedClip, Aligner, LeftOut, VideoClips, align_list
from svfr_lab.heads.renderer import FaceRenderer
from svfr_lab.training.run import find_recipe, open_clips
from svfr_restore.job import survey_job
from svfr_restore.plan.job_plan import plan_job
from svfr_restore.plan.models import ModelCache
from svfr_restore.plan.track_plan import plan_tracks
from svfr_restore.reports import JobContext

SHARES = {"bfr": 0.5, "colorize": 0.5}
CROP_PX = 64
PHASE = Phase(steps=1, frames=3, batch=4, noised_share=0.0, tasks_per_clip=2)


@pytest.fixture(scope="module")
def footage(renderer: FaceRenderer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people: one as pictures and as a movie, one as pictures; and a plate without a face."""
    folder = tmp_path_factory.mktemp("footage")
    pictures = head_pictures(renderer)
    write_pictures(folder / "one", pictures)
    write_movie(folder / "one.mp4", pictures)
    write_pictures(folder / "two", head_pictures(renderer, seed=204), first=1001)
    write_pictures(folder / "empty", np.full((4, 96, 96, 3), 80, np.uint8))
    return folder


Listed = Callable[..., Path]


@pytest.fixture
def listed(footage: Path, tmp_path: Path) -> Listed:
    """Write a list of the given clips; alignments are kept for all tests, unless one has its own cache."""

    def write(*entries: ClipEntry, cache: Path = footage / "cache") -> Path:
        write_clip_list(tmp_path / "clips.jsonl", entries, footage, cache=cache)
        return tmp_path / "clips.jsonl"

    return write


@pytest.fixture
def alignments(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The clips that are aligned while the test runs, and not taken from the cache."""
    seen: list[Path] = []
    align = video_clips.align_clip

    def watched(clip: ClipPlate, *more: Any) -> Any:
        seen.append(Path(clip.plate.pattern))
        return align(clip, *more)

    monkeypatch.setattr(video_clips, "align_clip", watched)
    return seen


ONE, MOVIE = ClipEntry(path="one", identity="p1"), ClipEntry(path="one.mp4", identity="p1")
TWO = ClipEntry(path="two", identity="p2", split="held_back")


def is_static(track):
    return not any(np.ptp(series) for series in (track.centre_x, track.centre_y, track.side_px))


def write_exr(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    out = oiio.ImageOutput.create(str(path))
    out.open(str(path), oiio.ImageSpec(pixels.shape[1], pixels.shape[0], 3, "float"))
    out.write_image(np.ascontiguousarray(pixels, np.float32))
    out.close()


def aligned(path: Path) -> Iterator[AlignedClip | LeftOut]:
    clips = read_clip_list(path)
    return align_list(clips, Aligner(clips))


def only(path: Path) -> AlignedClip:
    (found,) = aligned(path)
    assert isinstance(found, AlignedClip)
    return found


@pytest.mark.parametrize("name", ["one/%08d.png", "one.mp4"])
def test_a_training_crop_is_what_a_job_cuts(footage: Path, tmp_path: Path, listed: Listed, name: str):
    spec = JobSpec(
        plate=str(footage / name),
        frames=f"1-{FRAMES}",
        tasks=("bfr",),
        output=str(tmp_path / "out.%04d.exr"),
        faces=FaceChoice(mode="largest"),
        model="identity",
    )
    plan = plan_job(spec, ModelCache())
    (track,) = plan_tracks(plan, survey_job(plan, JobContext()))
    clip = only(listed(ClipEntry(path=name, identity="p1")))
    assert clip.alignment.crop == track.crop
    assert not is_static(clip.alignment.crop), "the head wanders, so the crop must follow it"
    source = VideoClips(
        listed(ClipEntry(path=name, identity="p1"), TWO), SHARES, crop_px=CROP_PX, least_frames=3
    )
    store = source._store
    crops, landmarks = store.read(2, [4, 0])
    plate = ClipPlate.open(footage / name, ONE)
    for crop, frame in zip(crops, (5, 1), strict=True):
        assert np.array_equal(crop, read_crop(plate, track.crop, plate.domain, frame, CROP_PX))
    assert landmarks.shape == (2, 5, 2)


def test_movie_frames_come_by_their_number_in_any_order(listed: Listed):
    whole_head = Region("crop", {None: (60, 40, 192)})
    still, moving = (
        VideoClips(
            listed(replace(entry, region=whole_head), TWO), SHARES, crop_px=CROP_PX, least_frames=3
        )._store
        for entry in (ONE, MOVIE)
    )
    order = [5, 0, 3, 3, 1]
    pictures, decoded = still.read(2, range(FRAMES))[0], moving.read(2, order)[0]
    distance = np.abs(decoded[:, None] - pictures[None]).mean(axis=(2, 3, 4))
    assert distance.argmin(axis=1).tolist() == order


def test_landmarks_are_where_the_face_is(footage: Path, listed: Listed, renderer: FaceRenderer):
    clip = only(listed(replace(TWO, split="train")))
    truth = renderer.render_clip(204, FRAMES).landmarks_px * (192 / 128)
    for number, frame in enumerate(clip.alignment.crop.frames):
        index = frame - 1001
        plate_px = truth[index] + [60 + 12 * index, 40 + 2 * index]
        transform = clip.alignment.crop.transform(frame, 1, 1.0)
        shares = (plate_px - [transform.left, transform.top]) / [transform.scale_x, transform.scale_y]
        assert np.abs(clip.alignment.landmarks5[number] - shares).max() < 0.06
    assert np.isnan(clip.alignment.landmarks68).all(), "without a predictor there are no 68"


def test_a_batch_has_the_shape_that_training_wants(listed: Listed):
    source = VideoClips(listed(ONE, MOVIE, TWO), SHARES, crop_px=CROP_PX, least_frames=3)
    batch = source.batch(np.random.default_rng(0), PHASE)
    assert batch.clean.shape == batch.low_quality.shape == (4, 3, 3, CROP_PX, CROP_PX)
    assert batch.clips is not None and set(batch.clips.tolist()) <= {2, 3}, "people held back are not drawn"
    again = source.batch(np.random.default_rng(0), PHASE)
    assert torch.equal(batch.clean, again.clean) and torch.equal(batch.low_quality, again.low_quality)
    watched = source.held_back("colorize", 3, 2)
    assert watched.clips is not None and watched.clips.tolist() == [4]
    nobody = VideoClips(listed(ONE, MOVIE), SHARES, crop_px=CROP_PX, least_frames=3).held_back("bfr", 1, 2)
    assert nobody.clips is not None and nobody.clips.tolist() == [3], "the last one that is drawn"


def test_training_takes_a_list_where_it_takes_a_rendered_folder(listed: Listed):
    config = replace(read_recipe(find_recipe("mini")), phases=(replace(PHASE, frames=4),))
    source = open_clips(listed(ONE, TWO), config)
    assert isinstance(source, VideoClips) and not source.left_out
    batch = source.batch(np.random.default_rng(1), config.phases[0])
    assert batch.clean.shape == (4, 4, 3, config.network.crop_px, config.network.crop_px)
    assert batch.landmarks is not None and batch.landmarks.shape == (4, 4, 5, 2)
    with pytest.raises(ClipsUnusable, match="at least 9 frames"):
        open_clips(listed(ONE, TWO), replace(config, phases=(replace(PHASE, frames=9),)))


def test_alignments_are_computed_once(listed: Listed, alignments: list[Path], tmp_path: Path):
    path = listed(ONE, TWO, cache=tmp_path / "cache")
    first = list(aligned(path))
    assert len(alignments) == 2
    again = list(aligned(path))
    assert len(alignments) == 2
    for one, other in zip(first, again, strict=True):
        assert isinstance(one, AlignedClip) and isinstance(other, AlignedClip)
        assert one.alignment.crop == other.alignment.crop
        assert np.array_equal(one.alignment.landmarks5, other.alignment.landmarks5, equal_nan=True)


def test_what_was_damaged_or_listed_otherwise_is_aligned_again(
    listed: Listed, alignments: list[Path], tmp_path: Path
):
    path = listed(ONE, cache=tmp_path / "cache")
    list(aligned(path))
    kept = next((tmp_path / "cache").rglob("*.npz"))
    kept.write_bytes(kept.read_bytes()[:100])
    list(aligned(path))
    assert len(alignments) == 2
    boxed = replace(ONE, region=Region("box", {None: (150, 90, 80, 80)}))
    list(aligned(listed(boxed, cache=tmp_path / "cache")))
    assert len(alignments) == 3


def test_a_clip_that_was_replaced_is_aligned_again(
    listed: Listed, alignments: list[Path], footage: Path, tmp_path: Path, renderer: FaceRenderer
):
    write_pictures(footage / "changing", head_pictures(renderer, frames=3))
    path = listed(ClipEntry(path="changing", identity="p1"), cache=tmp_path / "cache")
    list(aligned(path))
    write_pictures(footage / "changing", head_pictures(renderer, seed=204, frames=3))
    list(aligned(path))
    assert len(alignments) == 2


def test_a_list_that_was_interrupted_goes_on(listed: Listed, alignments: list[Path], tmp_path: Path):
    path = listed(ONE, TWO, cache=tmp_path / "cache")
    next(iter(aligned(path)))
    assert len(list(aligned(path))) == 2
    assert [clip.parent.name for clip in alignments] == ["one", "two"]


def test_boxes_and_crops_of_the_list_are_obeyed(listed: Listed):
    box = only(listed(replace(ONE, region=Region("box", {None: (100, 80, 100, 100)}))))
    crop = box.alignment.crop
    assert is_static(crop) and crop.side_px[0] == pytest.approx(180.0)
    assert (crop.centre_x[0], crop.centre_y[0]) == pytest.approx((150.0, 130.0))
    square = only(listed(replace(ONE, region=Region("crop", {1: (10, 20, 128), 5: (30, 20, 128)}))))
    assert square.alignment.crop.centre_x.tolist() == pytest.approx([74, 79, 84, 89, 94, 94])
    assert set(square.alignment.crop.side_px.tolist()) == {128.0}


def test_scene_linear_pictures_are_exposed_as_a_job_exposes_them(footage: Path, listed: Listed):
    codes = cv2.imread(str(footage / "one" / "00000001.png"))[..., ::-1] / 255.0
    for number in (1, 2, 3):
        write_exr(footage / "dark" / f"dark.{number:04d}.exr", codes**2.2 / 16.0)
    clip = only(listed(ClipEntry(path="dark/dark.%04d.exr", identity="p1", space="lin_rec709_scene")))
    assert clip.alignment.exposure_stops > 2.0
    plate = ClipPlate.open(footage / "dark/dark.%04d.exr", clip.entry)
    dark, exposed = (
        read_crop(plate, clip.alignment.crop, plate.exposed(stops), 1, CROP_PX).mean()
        for stops in (0.0, clip.alignment.exposure_stops)
    )
    assert exposed > 1.5 * dark


def test_clips_that_cannot_be_used_are_left_out_with_the_reason(listed: Listed):
    single = ClipEntry(path="one/00000001.png", identity="p1")
    source = VideoClips(
        listed(ONE, ClipEntry(path="empty", identity="p3"), TWO, single),
        SHARES,
        crop_px=CROP_PX,
        least_frames=3,
    )
    assert [(each.line, each.reason) for each in source.left_out] == [
        (3, "It shows no face."),
        (5, "Its face is seen for 1 frames only."),
    ]


def test_a_clip_that_changes_under_a_run_stops_it(
    listed: Listed, footage: Path, tmp_path: Path, renderer: FaceRenderer
):
    write_pictures(footage / "lost", head_pictures(renderer, frames=4))
    source = VideoClips(
        listed(ClipEntry(path="lost", identity="p1"), cache=tmp_path / "cache"),
        SHARES,
        crop_px=CROP_PX,
        least_frames=3,
    )
    write_pictures(footage / "lost", np.full((4, 96, 96, 3), 80, np.uint8))
    with pytest.raises(ClipsUnusable, match="was changed"):
        source.batch(np.random.default_rng(0), PHASE)


def test_a_list_without_a_usable_clip_is_refused(listed: Listed):
    with pytest.raises(ClipsUnusable, match=r"line 2: It shows no face"):
        VideoClips(listed(ClipEntry(path="empty", identity="p1")), SHARES, crop_px=CROP_PX, least_frames=3)


def test_frames_that_a_clip_lacks_are_a_reason(footage: Path, listed: Listed):
    with pytest.raises(ClipListInvalid, match="lacks 94 of its frames"):
        ClipPlate.open(footage / "one", replace(ONE, frames=FrameRange.parse("1-100")))


def test_a_file_that_is_no_predictor_is_refused(tmp_path: Path):
    path = tmp_path / "predictor.dat"
    path.write_bytes(b"no predictor")
    with pytest.raises(LandmarkPredictorUnusable, match="cannot load"):
        LandmarkPredictor(path)


def test_a_predictor_of_the_users_gives_the_68_landmarks(footage: Path, tmp_path: Path):
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (256, 256, 3), dtype=np.uint8) for _ in range(2)]
    places = np.stack(np.meshgrid(np.linspace(70, 190, 17), np.linspace(80, 190, 4)), axis=-1).reshape(-1, 2)
    file = write_predictor(tmp_path / "68.dat", pictures, [places, places])
    write_clip_list(tmp_path / "clips.jsonl", [ONE], footage, tmp_path / "cache", file)
    source = VideoClips(tmp_path / "clips.jsonl", SHARES, crop_px=CROP_PX, least_frames=3, landmarks=68)
    batch = source.batch(np.random.default_rng(0), PHASE)
    assert batch.landmarks is not None and batch.landmarks.shape == (4, 3, 68, 2)
    assert bool(torch.isfinite(batch.landmarks).all())
    clip = only(tmp_path / "clips.jsonl")
    middle = clip.alignment.landmarks68.mean(axis=(0, 1))
    # laid about the face's rectangle, which is the detector's and not quite the one it was trained with
    assert np.abs(middle - places.mean(axis=0) / 256).max() < 0.1


def test_a_predictor_of_other_points_is_refused(tmp_path: Path):
    pictures = [np.zeros((256, 256, 3), np.uint8)] * 2
    file = write_predictor(tmp_path / "5.dat", pictures, [np.full((5, 2), 100.0)] * 2)
    with pytest.raises(LandmarkPredictorUnusable, match="finds 5 points"):
        LandmarkPredictor(file)


def test_the_command_prepares_a_list_and_names_what_is_left_out(listed: Listed):
    path = listed(ONE, ClipEntry(path="empty", identity="p3"))
    done = CliRunner().invoke(app, ["clips", "prepare", str(path), "--json"])
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in done.output.splitlines()]
    (left_out,) = [row for row in rows if row["kind"] == "left_out"]
    assert left_out["line"] == 3 and left_out["reason"] == "It shows no face."
    assert rows[-1]["usable"] == 1


def test_left_out_clips_say_where_they_are(listed: Listed):
    (found,) = aligned(listed(ClipEntry(path="empty", identity="p1")))
    assert isinstance(found, LeftOut) and found.path.name == "empty"
