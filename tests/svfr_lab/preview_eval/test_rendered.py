import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

import svfr
from svfr.nets.linear_patch import measure_spec
from svfr.published_geometry import FACE_TEMPLATE_256
from svfr.training.export.folder import TrainedNet, export_preview
from svfr.training.nets.preview_net import PreviewNet
from svfr.training.recipe.config import read_recipe
from svfr_lab.degradation.basic import EVALUATION
from svfr_lab.degradation.degrade import degrade
from svfr_lab.errors import ArgumentOutOfRange, EvaluationPlateFailed
from svfr_lab.heads.dataset import RenderedFolder, RenderSettings
from svfr_lab.preview_eval.rendered import EVALUATED_TASKS, check_path, evaluate, merged_from_processes
from svfr_lab.preview_eval.runs import run_alone, run_as_job, task_set
from svfr_lab.preview_eval.split import FROZEN_TASKS, EvaluationSample, EvaluationSplit
from svfr_restore.plan.models import ModelCache

FRAMES = 3


def smooth_clip(seed: int) -> np.ndarray:
    """FRAMES drifting, smooth 96 px pictures, uint8."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(30, 220, (8, 8, 3)).astype(np.float32)
    picture = cv2.resize(coarse, (110, 110), interpolation=cv2.INTER_CUBIC)
    return np.clip(np.stack([picture[i : i + 96, i : i + 96] for i in range(FRAMES)]), 0, 255).astype(
        np.uint8
    )


def sample_of(task: str, clip: int = 0) -> EvaluationSample:
    truth = smooth_clip(clip).astype(np.float32) / np.float32(255)
    return EvaluationSample(clip, truth, degrade(truth, task_set(task), np.random.default_rng(4), EVALUATION))


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The recipe's network as it starts: its residual is zero."""
    config = read_recipe(Path(svfr.__file__).parent / "training" / "configs" / "mini-fifth.toml")
    pictures = torch.from_numpy(smooth_clip(9)).permute(0, 3, 1, 2).float() / 127.5 - 1.0
    net = PreviewNet(config.network, measure_spec(config.network.coefficients, pictures), torch.ones(16))
    folder = tmp_path_factory.mktemp("models") / "mini"
    export_preview(TrainedNet(net, 0), config, folder, {})
    return str(folder)


@pytest.mark.parametrize("task", EVALUATED_TASKS)
def test_a_model_that_changes_nothing_returns_every_bit(task: str) -> None:
    check_path(run_as_job(ModelCache(), "identity", "standard"), sample_of(task), task)


def test_a_path_that_changes_pixels_is_refused() -> None:
    with pytest.raises(EvaluationPlateFailed, match="changes 1 values"):

        def brighter(sample: EvaluationSample, task: str) -> np.ndarray:
            returned = sample.degraded.lq.copy()
            returned[0, 0, 0, 0] += 0.01
            return returned

        check_path(brighter, sample_of("bfr"), "bfr")


@pytest.mark.parametrize("task", EVALUATED_TASKS)
def test_the_job_and_the_sampler_alone_agree_where_references_change_nothing(
    task: str, untrained: str
) -> None:
    models = ModelCache()
    model = models.get(untrained)
    sample = sample_of(task)
    as_job = run_as_job(models, untrained, "standard")(sample, task)
    alone = run_alone(model, model.spec.presets["standard"])(sample, task)
    np.testing.assert_allclose(as_job, alone, atol=2e-6)


def test_only_the_hole_changes(untrained: str) -> None:
    model = ModelCache().get(untrained)
    sample = sample_of("inpaint")
    hole = sample.degraded.hole
    assert hole is not None
    restored = run_alone(model, model.spec.presets["standard"])(sample, "inpaint")
    np.testing.assert_array_equal(restored[:, ~hole], sample.degraded.lq[:, ~hole])
    assert not np.array_equal(restored[:, hole], sample.degraded.lq[:, hole])


@pytest.fixture
def two_clips(tmp_path: Path) -> EvaluationSplit:
    clips = np.stack([smooth_clip(0), smooth_clip(1)])
    settings = RenderSettings(clips=2, first_seed=0, size_px=96, frames=FRAMES)
    points = np.broadcast_to(np.float32(FACE_TEMPLATE_256 * 96 / 256), (2, FRAMES, 5, 2))
    return EvaluationSplit(
        RenderedFolder(
            pictures=clips, picture_landmarks_px=points, settings=settings, clips_sha256="of these two clips"
        ),
        exact=False,
    )


def test_clips_of_another_driver_get_fresh_baselines(two_clips: EvaluationSplit, untrained: str) -> None:
    shown: list[str] = []
    measured = evaluate(untrained, two_clips, ["standard", "alone"], clips=2, report=shown.append)
    assert list(measured["tasks"]) == [*FROZEN_TASKS, "bfr+colorize"] and len(shown) == 8
    inpaint, bfr = measured["tasks"]["inpaint"], measured["tasks"]["bfr"]
    assert set(inpaint["runs"]) == set(bfr["runs"]) == {"standard", "alone"}
    # Untrained, the model returns what it is given: the input without what the codec leaves out.
    assert abs(bfr["runs"]["standard"]["over"]["bicubic"]["mean_db"]) < 1.0
    assert inpaint["runs"]["standard"]["over"]["input"]["mean_db"] > 1.0
    assert measured["exact_split"] is False
    assert len(measured["weights_sha256"]) == 2
    # Without the weights of a face recognition network nothing stands in for identity.
    assert measured["identity"]["computed"] is False and "--dlib-faces" in measured["identity"]["remedy"]
    quality = bfr["quality"]
    assert quality["baseline"] == bfr["strongest"] and quality["frames"] == 2 * FRAMES
    assert "identity_distance" not in quality["measures"]
    assert quality["bars"]["standard"]["identity_distance"] is None
    assert set(quality["measures"]["landmark_error"]["means"]) == {
        "truth",
        "input",
        "baseline",
        "standard",
        "alone",
    }
    assert quality["measures"]["detail_true"]["means"]["truth"] == 1.0


def test_only_the_tasks_asked_for_are_measured(two_clips: EvaluationSplit, untrained: str) -> None:
    measured = evaluate(
        untrained, two_clips, ["alone"], clips=2, report=lambda text: None, tasks=("colorize",)
    )
    assert list(measured["tasks"]) == ["colorize"]


def told_in_a_process(tasks: Sequence[str]) -> dict[str, Any]:
    return {"model": "m", "tasks": {task: os.getpid() for task in tasks}}


def test_tasks_are_measured_in_processes_and_put_together_in_their_order() -> None:
    merged = merged_from_processes(2, told_in_a_process)
    assert merged["model"] == "m" and list(merged["tasks"]) == list(EVALUATED_TASKS)
    assert os.getpid() not in merged["tasks"].values()


def test_a_run_that_does_not_exist_is_named_with_those_that_do(
    two_clips: EvaluationSplit, untrained: str
) -> None:
    with pytest.raises(ArgumentOutOfRange, match="'best'") as caught:
        evaluate(untrained, two_clips, ["best"], clips=2, report=print)
    assert "standard" in caught.value.remedy and "alone" in caught.value.remedy
