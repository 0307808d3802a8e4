import json

import cv2
import numpy as np
import pytest

from svfr_lab.degradation.basic import EVALUATION
from svfr_lab.degradation.degrade import Degraded, degrade
from svfr_lab.errors import ArgumentOutOfRange, EvaluationSplitDiffers
from svfr_lab.metrics.psnr_ssim import psnr_db
from svfr_lab.preview_eval.baselines import (
    BASELINES_PATH,
    BFR_GRID,
    DENOISERS,
    NEIGHBOUR_WEIGHTS,
    DenoiseAndEnlarge,
    Denoiser,
    baseline_methods,
    fill_from_edge,
    fill_mean,
    fit_colour,
    measure_baselines,
    temporal_mean,
    tune_bfr,
)
from svfr_lab.preview_eval.split import EVALUATION_SPLIT_PATH


def ramp_clip(frames=4, size=48):
    y, x = np.mgrid[0:size, 0:size] / size
    return np.repeat(np.stack([x, y, 1 - x], axis=-1)[None].astype(np.float32), frames, axis=0)


def with_hole(clip):
    hole = np.zeros(clip.shape[1:3], bool)
    hole[10:20, 12:24] = True
    return Degraded(np.where(hole[..., None], np.float32(0.5), clip), hole, None)


def test_the_grid_joins_every_denoiser_with_every_neighbour_weight():
    assert len(BFR_GRID) == len(set(BFR_GRID)) == len(DENOISERS) * len(NEIGHBOUR_WEIGHTS)
    assert DenoiseAndEnlarge(Denoiser("none"), 0.0) in BFR_GRID
    assert {denoiser.kind for denoiser in DENOISERS} == {"none", "gaussian", "nlm", "bilateral"}


@pytest.mark.parametrize("denoiser", DENOISERS)
def test_every_denoiser_keeps_shape_and_a_flat_frame(denoiser):
    flat = np.full((24, 24, 3), 100 / 255, np.float32)
    assert denoiser(flat).shape == flat.shape
    assert np.allclose(denoiser(flat), flat, atol=1 / 255)


def test_no_denoiser_and_no_neighbours_is_plain_bicubic():
    degraded = degrade(ramp_clip(), frozenset({"bfr"}), np.random.default_rng(1), EVALUATION)
    assert np.array_equal(DenoiseAndEnlarge(Denoiser("none"), 0.0)(degraded), degraded.lq)


def test_a_temporal_mean_keeps_what_stands_still_and_averages_what_does_not():
    still = ramp_clip()
    assert np.allclose(temporal_mean(still, 0.3), still, atol=1e-6)
    blink = np.array([0, 3, 0], np.float32)[:, None]
    assert np.allclose(temporal_mean(blink, 1 / 3), [[1], [1], [1]], atol=1e-6)


def test_tuning_prefers_neighbours_when_nothing_moves():
    clips = np.rint(ramp_clip()[None] * 255).astype(np.uint8)
    best, scores = tune_bfr(clips)
    assert best.neighbour_weight == max(NEIGHBOUR_WEIGHTS)
    assert len(scores) == len(BFR_GRID)
    assert max(scores.values()) > scores["none 0 0 + 0.00"]


def test_a_constant_tint_is_found_and_put_back():
    luma = np.random.default_rng(0).integers(40, 200, (3, 4, 16, 16, 1))
    # 0.299 * 30 - 0.114 * 30 is added to the luma by this tint
    clips = (luma + np.array([30, 0, -30])).astype(np.uint8)
    fit = fit_colour(clips)
    truth = clips[0].astype(np.float32) / np.float32(255)
    grey = degrade(truth, frozenset({"colorize"}), np.random.default_rng(0), EVALUATION)
    assert psnr_db(fit.add_tint(grey), truth) > 60
    assert psnr_db(fit.apply_cubic(grey), truth) > 45
    assert psnr_db(grey.lq, truth) < 25


@pytest.mark.parametrize("method", [cv2.INPAINT_NS, cv2.INPAINT_TELEA])
def test_fills_continue_the_edge_and_keep_known_pixels_exactly(method):
    clip = ramp_clip()
    degraded = with_hole(clip)
    filled = fill_from_edge(degraded, method, 3)
    assert np.array_equal(filled[:, ~degraded.hole], clip[:, ~degraded.hole])
    assert psnr_db(filled, clip, degraded.hole) > psnr_db(fill_mean(degraded), clip, degraded.hole) > 5


def test_a_flat_fill_is_the_mean_of_what_is_known():
    degraded = with_hole(ramp_clip())
    filled = fill_mean(degraded)[:, degraded.hole]
    assert np.allclose(filled, degraded.lq[:, ~degraded.hole].mean(axis=(0, 1)), atol=1e-5)


def test_baselines_refuse_clips_without_what_they_mend():
    whole = Degraded(ramp_clip(), None, None)
    for method in (fill_mean, lambda d: fill_from_edge(d, cv2.INPAINT_NS, 3), BFR_GRID[0]):
        with pytest.raises(ArgumentOutOfRange, match="Degrade it for"):
            method(whole)


def test_measuring_on_a_folder_that_is_not_the_frozen_split_is_refused(small_folder):
    with pytest.raises(EvaluationSplitDiffers):
        measure_baselines(small_folder, small_folder)


def test_the_packaged_table_belongs_to_the_packaged_split_and_is_complete():
    table = json.loads(BASELINES_PATH.read_text())
    assert table["clips_sha256"] == json.loads(EVALUATION_SPLIT_PATH.read_text())["clips_sha256"]
    assert set(table["per_clip_db"]) == {"bfr", "colorize", "inpaint"}
    for task, by_method in table["per_clip_db"].items():
        for name, values in by_method.items():
            assert len(values) == 64
            assert np.mean(values) == pytest.approx(table["mean_db"][task][name], abs=1e-3)
        assert table["strongest"][task] in by_method


def test_the_packaged_parameters_rebuild_the_packaged_methods():
    table = json.loads(BASELINES_PATH.read_text())
    bfr = DenoiseAndEnlarge(Denoiser(**table["bfr"]["denoiser"]), table["bfr"]["neighbour_weight"])
    assert bfr in BFR_GRID
    colour = fit_colour(np.rint(ramp_clip()[None] * 255).astype(np.uint8))
    methods = baseline_methods(bfr, colour)
    assert {task: set(names) for task, names in methods.items()} == {
        task: set(names) for task, names in table["per_clip_db"].items()
    }
