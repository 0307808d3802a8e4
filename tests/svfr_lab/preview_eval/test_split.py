import json
from dataclasses import replace

import numpy as np
import pytest

from svfr_lab.degradation.basic import EVALUATION
from svfr_lab.errors import EvaluationSplitDiffers
from svfr_lab.heads.dataset import render_dataset
from svfr_lab.heads.renderer import FaceRenderer, draw_scene
from svfr_lab.preview_eval.split import (
    EVALUATION_SPLIT_PATH,
    freeze_evaluation_split,
    open_evaluation_split,
)

BFR = frozenset({"bfr"})


@pytest.fixture
def record(small_folder, tmp_path):
    path = tmp_path / "split.json"
    freeze_evaluation_split(small_folder, path)
    return path


def edited(record, **changes):
    record.write_text(json.dumps(json.loads(record.read_text()) | changes))
    return record


def test_the_frozen_folder_opens_and_yields_every_clip(small_folder, record):
    split = open_evaluation_split(small_folder, record)
    assert split.exact
    samples = list(split.samples(frozenset({"inpaint"})))
    assert [sample.clip for sample in samples] == [0, 1, 2, 3]
    assert samples[0].truth.shape == (3, 48, 48, 3)
    assert samples[0].degraded.hole is not None


def test_damage_depends_on_clip_and_tasks_but_not_on_who_asks_first(small_folder, record):
    split = open_evaluation_split(small_folder, record)
    first = [sample.degraded.lq for sample in split.samples(BFR)]
    list(split.samples(frozenset({"colorize"})))
    again = [sample.degraded.lq for sample in split.samples(BFR)]
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


def test_single_pixels_rounded_otherwise_are_accepted_but_not_called_exact(small_folder, record):
    split = open_evaluation_split(small_folder, edited(record, clips_sha256="0" * 64))
    assert not split.exact


def test_another_picture_is_refused_with_the_command_that_renders_the_right_one(small_folder, record):
    means = json.loads(record.read_text())["clip_mean_codes"]
    means[2][0] += 1.0
    with pytest.raises(EvaluationSplitDiffers, match=r"Clip 2 .*--first-seed 70 --size 48"):
        open_evaluation_split(small_folder, edited(record, clips_sha256="0" * 64, clip_mean_codes=means))


def test_damage_that_differs_is_named_by_task(small_folder, record):
    digests = json.loads(record.read_text())["degraded_sha256"] | {"colorize": "0" * 64}
    with pytest.raises(EvaluationSplitDiffers, match="damage for colorize is not"):
        open_evaluation_split(small_folder, edited(record, degraded_sha256=digests))


def test_a_folder_of_other_seeds_is_refused(record, tmp_path, small_folder, small_settings):
    other = tmp_path / "other"
    render_dataset(other, replace(small_settings, first_seed=900))
    with pytest.raises(EvaluationSplitDiffers, match="Render the split with"):
        open_evaluation_split(other, record)


def test_the_packaged_split_shares_no_seed_with_training_and_uses_the_evaluation_recipe():
    packaged = json.loads(EVALUATION_SPLIT_PATH.read_text())
    assert packaged["settings"]["first_seed"] >= 5_000_000
    assert packaged["settings"]["bank_seed"] != 5
    assert packaged["settings"]["clips"] == len(packaged["clip_mean_codes"]) == 64
    assert packaged["degradation"]["any_scale_share"] == EVALUATION.any_scale_share == 0


def test_the_renderer_still_makes_the_packaged_split(renderer):
    packaged = json.loads(EVALUATION_SPLIT_PATH.read_text())
    settings = packaged["settings"]
    # the session's renderer proves that there is graphics; these scenes show none of the bank's images
    smaller = FaceRenderer(
        settings["size_px"], np.zeros((settings["bank"], 192, 192, 3), np.uint8), revision=1
    )
    seeds = range(settings["first_seed"], settings["first_seed"] + settings["clips"])
    scenes = (
        (clip, draw_scene(smaller.model, seed, 8, settings["bank"], 1)) for clip, seed in enumerate(seeds)
    )
    before_a_wall = [(clip, scene) for clip, scene in scenes if scene.backdrop is None][:3]
    for clip, scene in before_a_wall:
        means = smaller.render_scene(scene).frames.mean(axis=(0, 1, 2))
        assert means == pytest.approx(packaged["clip_mean_codes"][clip], abs=0.05)
    smaller.close()
