from pathlib import Path

import numpy as np
import pytest
import torch
from rendered_clips import CLIPS, FRAMES, SIDE_PX, write_rendered_folder

from svfr.training.recipe.config import Phase
from svfr_lab.clips.augmentation import augment_with_landmarks
from svfr_lab.clips.degraded_clips import RenderedClips
from svfr_lab.errors import ArgumentOutOfRange, RenderedFolderIsUnusable

SHARES = {"bfr": 0.5, "colorize": 0.3, "bfr+inpaint": 0.2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rendered_folder(tmp_path_factory.mktemp("data") / "rendered")


def test_landmarks_stay_on_what_they_mark_however_the_clip_is_augmented() -> None:
    side, moved = 64, set()
    points_px = np.array([[20.5, 18.5], [42.5, 19.5], [31.5, 30.5], [24.5, 43.5], [40.5, 44.5]], np.float32)
    for seed in range(48):
        clip = np.full((1, side, side, 3), 0.2, np.float32)
        for x, y in points_px.astype(int):
            clip[0, y - 1 : y + 2, x - 1 : x + 2] = 0.9
        augmented, shares = augment_with_landmarks(clip, points_px[None], np.random.default_rng(seed))
        moved.add(tuple(np.round(shares.flatten(), 3)))
        brightness = augmented[0].sum(-1)
        threshold = (brightness.max() + np.median(brightness)) / 2
        for x, y in shares[0] * side:
            if not (2 < x < side - 2 and 2 < y < side - 2):
                continue
            near_y, near_x = np.mgrid[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3]
            bright = brightness[near_y, near_x] > threshold
            assert bright.any(), seed
            centre = np.mean(near_x[bright]) + 0.5, np.mean(near_y[bright]) + 0.5
            assert np.hypot(centre[0] - x, centre[1] - y) < 0.9, seed
        left, right = shares[0, 0, 0], shares[0, 1, 0]
        assert left < right, "the picture's left eye comes first, mirrored or not"
    assert len(moved) > 8, "some were mirrored, some zoomed"


def test_a_batch_has_clips_landmarks_and_numbers(folder: Path) -> None:
    batch = RenderedClips(folder, SHARES).batch(
        np.random.default_rng(0), Phase(steps=1, frames=3, batch=6, noised_share=0.0)
    )
    assert batch.clean.shape == batch.low_quality.shape == (6, 3, 3, SIDE_PX, SIDE_PX)
    assert batch.landmarks is not None and batch.landmarks.shape == (6, 3, 5, 2)
    assert batch.reference_landmarks is not None and batch.reference_landmarks.shape == (6, 5, 2)
    assert batch.clips is not None and batch.clips.shape == (6,)
    assert int(batch.clips.max()) < CLIPS - 32, "the last clips are held back"


@pytest.mark.parametrize(
    ("damage", "clips", "mean_landmark"),
    [
        ("usual", [5, 5, 4, 4, 7, 7, 2, 2, 4, 4, 0, 0], 0.5233605770601166),
        ("wide", [5, 5, 4, 4, 7, 7, 2, 2, 0, 0, 2, 2], 0.5296684236990081),
    ],
)
def test_a_run_that_goes_on_draws_what_earlier_versions_drew(
    folder: Path, damage: str, clips: list[int], mean_landmark: float
) -> None:
    phase = Phase(steps=1, frames=3, batch=12, noised_share=0.0, tasks_per_clip=2, damage=damage)
    batch = RenderedClips(folder, SHARES).batch(np.random.default_rng(5), phase)
    assert batch.clips is not None and batch.landmarks is not None
    assert batch.clips.tolist() == clips
    assert float(batch.landmarks.double().mean()) == pytest.approx(mean_landmark, abs=1e-6)


def test_equal_generators_draw_equal_batches_and_others_do_not(folder: Path) -> None:
    source = RenderedClips(folder, SHARES)
    first, again, other = (
        source.batch(np.random.default_rng(s), Phase(steps=1, frames=2, batch=4, noised_share=0.0))
        for s in (1, 1, 2)
    )
    for name, value in vars(first).items():
        drawn = getattr(again, name)
        assert drawn is None if value is None else torch.equal(value, drawn), name
    assert not torch.equal(first.clean, other.clean)


def test_half_of_the_references_are_far_frames_where_there_are_any(tmp_path: Path) -> None:
    source = RenderedClips(write_rendered_folder(tmp_path / "far", far=2), SHARES)
    batch = source.batch(np.random.default_rng(2), Phase(steps=1, frames=FRAMES, batch=200, noised_share=0.0))
    assert batch.reference_landmarks is not None and batch.landmarks is not None
    differences = (batch.reference_landmarks[:, None] - batch.landmarks).abs().amax((2, 3))
    far = float((differences.amin(1) > 1e-6).float().mean())
    assert far == pytest.approx(0.5, abs=0.1), "whole clips are shown: what is not of them is far"


def test_far_frames_are_never_shown_as_part_of_a_clip(tmp_path: Path) -> None:
    plain = RenderedClips(write_rendered_folder(tmp_path / "plain"), SHARES)
    source = RenderedClips(write_rendered_folder(tmp_path / "far", far=2), SHARES)
    with pytest.raises(ArgumentOutOfRange, match="clips have 4 frames"):
        source.batch(np.random.default_rng(0), Phase(steps=1, frames=FRAMES + 1, batch=1, noised_share=0.0))
    assert source.held_back("bfr", 2, FRAMES).clean.shape == plain.held_back("bfr", 2, FRAMES).clean.shape


def test_versions_of_a_clip_are_neighbours_that_differ_in_damage_alone(folder: Path) -> None:
    batch = RenderedClips(folder, SHARES).batch(
        np.random.default_rng(0), Phase(steps=1, frames=2, batch=8, noised_share=0.0, tasks_per_clip=2)
    )
    assert batch.clips is not None and batch.landmarks is not None
    for same in (batch.clean, batch.reference, batch.clips, batch.landmarks):
        assert torch.equal(same[::2], same[1::2])
    assert not bool((batch.tasks[::2] == batch.tasks[1::2]).all(1).any())
    assert not torch.allclose(batch.low_quality[::2], batch.low_quality[1::2])


def test_held_back_clips_are_the_same_every_time_and_for_every_task(folder: Path) -> None:
    source = RenderedClips(folder, SHARES)
    first, again, grey = (source.held_back(task, 3, FRAMES) for task in ("bfr", "bfr", "colorize"))
    assert torch.equal(first.low_quality, again.low_quality) and torch.equal(first.clean, grey.clean)
    assert first.clips is not None and first.clips.tolist() == [CLIPS - 3, CLIPS - 2, CLIPS - 1]
    assert grey.tasks.tolist() == [[0.0, 1.0, 0.0]] * 3
    assert torch.equal(first.reference, first.clean[:, -1])


def test_a_hole_is_filled_as_the_network_knows_it(folder: Path) -> None:
    white, telea = (
        RenderedClips(folder, {"inpaint": 1.0}, hole_fill=fill).held_back("inpaint", 1, 2)
        for fill in ("white", "telea")
    )
    changed = white.low_quality != telea.low_quality
    assert changed.any() and bool((white.low_quality[changed] == 1.0).all())


@pytest.mark.parametrize(
    ("phase", "message"),
    [
        (Phase(steps=1, frames=FRAMES + 1, batch=1, noised_share=0.0), "clips have 4 frames"),
        (Phase(steps=1, frames=1, batch=4, noised_share=0.0, tasks_per_clip=4), "there are 3 task sets"),
        (
            Phase(steps=1, frames=1, batch=1, noised_share=0.0, damage="none"),
            "Unknown degradation recipe 'none'",
        ),
    ],
)
def test_a_phase_that_the_clips_cannot_serve_is_refused(folder: Path, phase: Phase, message: str) -> None:
    with pytest.raises(ArgumentOutOfRange, match=message):
        RenderedClips(folder, SHARES).batch(np.random.default_rng(0), phase)


def test_folders_without_enough_clips_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RenderedFolderIsUnusable):
        RenderedClips(tmp_path / "nothing", SHARES)
    few = write_rendered_folder(tmp_path / "few", clips=32)
    with pytest.raises(RenderedFolderIsUnusable, match="32 are held back"):
        RenderedClips(few, SHARES)
