import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from svfr_lab.errors import ArgumentOutOfRange, RenderedFolderIsUnusable
from svfr_lab.heads.dataset import add_landmarks68, file_sha256, open_rendered_folder, render_dataset


def copied(source: Path, target: Path) -> Path:
    target.mkdir()
    for entry in source.iterdir():
        (target / entry.name).write_bytes(entry.read_bytes())
    return target


def test_a_finished_folder_holds_clips_landmarks_and_its_record(small_folder, small_settings):
    rendered = open_rendered_folder(small_folder)
    assert rendered.clips.shape == (4, 3, 48, 48, 3) and rendered.clips.dtype == np.uint8
    assert rendered.landmarks_px.shape == (4, 3, 5, 2)
    assert rendered.landmarks68_px is not None and rendered.landmarks68_px.shape == (4, 3, 68, 2)
    assert rendered.settings == small_settings
    assert rendered.clips_sha256 == file_sha256(small_folder / "clips.npy")
    assert {"numpy", "opencv", "moderngl"} <= set(
        json.loads((small_folder / "dataset.json").read_text())["versions"]
    )


def test_rendering_continues_where_it_was_interrupted(small_folder, tmp_path, small_settings):
    interrupted = copied(small_folder, tmp_path / "interrupted")
    clips = np.load(interrupted / "clips.npy", mmap_mode="r+")
    clips[2:] = 0
    clips.flush()
    (interrupted / "done").write_text("2\n")
    assert len(open_rendered_folder(interrupted).clips) == 2
    render_dataset(interrupted, small_settings)
    assert file_sha256(interrupted / "clips.npy") == file_sha256(small_folder / "clips.npy")


def test_an_older_folder_opens_and_gets_its_68_landmarks_from_its_seeds(small_folder, tmp_path):
    old = copied(small_folder, tmp_path / "old")
    known = np.load(old / "landmarks68.npy")
    (old / "landmarks68.npy").unlink()
    assert open_rendered_folder(old).landmarks68_px is None
    before = file_sha256(old / "clips.npy"), (old / "dataset.json").read_bytes()
    add_landmarks68(old)
    assert np.allclose(np.load(old / "landmarks68.npy"), known, atol=1e-3)
    assert (file_sha256(old / "clips.npy"), (old / "dataset.json").read_bytes()) == before


def test_landmarks_are_not_added_to_clips_that_their_seeds_do_not_explain(small_folder, tmp_path):
    other = copied(small_folder, tmp_path / "other")
    (other / "landmarks68.npy").unlink()
    record = json.loads((other / "dataset.json").read_text())
    record["settings"]["first_seed"] += 1
    (other / "dataset.json").write_text(json.dumps(record))
    with pytest.raises(RenderedFolderIsUnusable, match="is not the clip of seed 71"):
        add_landmarks68(other)
    assert not (other / "landmarks68.npy").exists()


def test_other_settings_in_a_begun_folder_are_refused_and_nothing_is_lost(small_folder, small_settings):
    before = file_sha256(small_folder / "clips.npy")
    with pytest.raises(RenderedFolderIsUnusable, match="was begun with"):
        render_dataset(small_folder, replace(small_settings, first_seed=71))
    assert file_sha256(small_folder / "clips.npy") == before


def test_a_folder_without_clips_is_refused(tmp_path):
    with pytest.raises(RenderedFolderIsUnusable, match=r"svfr_lab\.heads\.dataset"):
        open_rendered_folder(tmp_path)


def test_a_folder_whose_first_clip_is_not_ready_is_refused(small_folder, tmp_path):
    waiting = copied(small_folder, tmp_path / "waiting")
    (waiting / "done").write_text("0\n")
    with pytest.raises(RenderedFolderIsUnusable, match="Wait for the renderer"):
        open_rendered_folder(waiting)


@pytest.mark.parametrize("field", ["clips", "frames", "bank"])
def test_nothing_to_render_is_refused_before_a_folder_is_made(tmp_path, field, small_settings):
    with pytest.raises(ArgumentOutOfRange):
        render_dataset(tmp_path / "new", replace(small_settings, **{field: 0}))
    assert not (tmp_path / "new").exists()


@pytest.fixture(scope="module")
def far_folder(tmp_path_factory, small_settings):
    folder = tmp_path_factory.mktemp("far") / "rendered"
    render_dataset(folder, replace(small_settings, clips=2, far_frames=2))
    return folder


def test_far_frames_stand_behind_clips_that_they_do_not_change(far_folder, small_folder):
    far, plain = open_rendered_folder(far_folder), open_rendered_folder(small_folder)
    assert far.pictures.shape == (2, 5, 48, 48, 3) and far.clips.shape == (2, 3, 48, 48, 3)
    assert np.array_equal(far.clips, plain.clips[:2])
    assert far.picture_landmarks_px.shape == (2, 5, 5, 2) and far.landmarks_px.shape == (2, 3, 5, 2)
    assert far.picture_landmarks68_px is not None and far.picture_landmarks68_px.shape == (2, 5, 68, 2)
    assert plain.pictures.shape == plain.clips.shape


def test_far_frames_show_the_same_person_in_the_same_light_at_another_moment(far_folder):
    folder = open_rendered_folder(far_folder)
    for pictures, points_px in zip(folder.pictures, folder.picture_landmarks68_px, strict=True):
        clip, far = points_px[:3], points_px[3:]
        shape = [frame - frame.mean(0) for frame in (*clip, *far)]
        within = np.abs(shape[1] - shape[0]).mean()
        for moved in shape[3:]:
            assert np.abs(moved - shape[0]).mean() > 2 * within
        means = pictures.astype(float).mean((1, 2))
        assert np.abs(means[3:] - means[:3].mean(0)).max() < 40


def test_a_folder_begun_without_far_frames_is_not_continued_with_them(small_folder, small_settings):
    with pytest.raises(RenderedFolderIsUnusable, match="was begun with"):
        render_dataset(small_folder, replace(small_settings, far_frames=2))


def test_fewer_than_no_far_frames_are_refused(tmp_path, small_settings):
    with pytest.raises(ArgumentOutOfRange):
        render_dataset(tmp_path / "new", replace(small_settings, far_frames=-1))
