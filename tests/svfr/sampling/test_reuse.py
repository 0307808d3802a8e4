"""Drafts that take over parts of earlier steps: less work, near the full result, no loss by a stop."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import pytest
import torch
from sampling_models import (
    Calls,
    Crops,
    Recorder,
    identify,
    pictures,
    plan_with,
    run_until_cancelled,
    tiny_model,
)

from svfr.errors import PresetNotOfficial
from svfr.models.model import Model
from svfr.precision import Precision
from svfr.sampling.kept_frames import KeptFrames
from svfr.sampling.sampler import two_passes

STEPS = 6
EVERY_SECOND: dict[str, int] = {"guidance_every": 2, "deep_every": 2}


@pytest.fixture(scope="module")
def model() -> Model:
    return tiny_model()


def run(model: Model, frames: int = 9, recorder: Recorder | None = None, **changes: Any) -> torch.Tensor:
    plan = plan_with(steps=STEPS, reference_steps=4, **changes)
    return pictures(two_passes(model, Crops(frames), identify, plan, recorder))


@pytest.mark.parametrize(
    "changes", [{"guidance_every": 2}, {"deep_every": 2}, EVERY_SECOND, {"deep_every": 3}]
)
def test_the_picture_is_another_and_near(model: Model, changes: dict[str, int]) -> None:
    whole, saved = run(model), run(model, **changes)
    assert torch.isfinite(saved).all() and not torch.equal(whole, saved)
    assert (whole - saved).abs().mean() < 0.25 * whole.std()


def test_what_is_left_out_is_not_evaluated() -> None:
    model = tiny_model()
    calls = Calls(model.unet, "conv_in", "mid_block.resnets.0.spatial_res_block")
    run(model, frames=1, **EVERY_SECOND)
    # pass 1: two of four steps deep; pass 2: three steps of two branches, all deep, and three of one
    assert calls.counts == {"conv_in": 4 + 3 * 2 + 3, "mid_block.resnets.0.spatial_res_block": 2 + 3 * 2}


def test_without_a_second_branch_only_the_deep_features_are_taken_over() -> None:
    model = tiny_model()
    calls = Calls(model.unet, "conv_in", "mid_block.resnets.0.spatial_res_block")
    run(model, frames=1, guidance=1.0, deep_every=3)
    assert calls.counts == {"conv_in": 4 + 6, "mid_block.resnets.0.spatial_res_block": 2 + 2}


@pytest.mark.parametrize(
    "changes", [{"guidance_every": 2, "deep_every": 3}, EVERY_SECOND, {"guidance_every": 4}]
)
@pytest.mark.parametrize("windows", [4, 11])
def test_a_run_that_was_stopped_ends_with_the_same_bits(
    model: Model, changes: dict[str, int], windows: int
) -> None:
    whole, recorder = run(model, **changes), Recorder(windows=windows)
    plan = plan_with(steps=STEPS, reference_steps=4, **changes)
    assert run_until_cancelled(two_passes(model, Crops(9), identify, plan, recorder))
    assert torch.equal(run(model, recorder=Recorder(dict(recorder.saved)), **changes), whole)


def test_only_steps_that_nothing_is_taken_over_from_are_kept(model: Model) -> None:
    recorder = Recorder()
    run(model, recorder=recorder, guidance_every=2, deep_every=3)
    steps = [name for name in recorder.saved if "step" in name]
    assert steps == ["pass1/step0003", "pass2/step0005"]


def test_several_networks_give_the_bits_of_one(model: Model) -> None:
    spread = dataclasses.replace(model, copies=(copy.deepcopy(model.unet),))
    assert torch.equal(run(model, frames=20, **EVERY_SECOND), run(spread, frames=20, **EVERY_SECOND))


def test_an_overflow_leaves_nothing_bad_for_later_steps() -> None:
    model = tiny_model()
    model.unet.half()
    model = dataclasses.replace(model, precision=Precision(unet=torch.float16))
    model.unet.conv_in.register_forward_hook(
        lambda _m, _i, output: output * 1e5 if output.dtype == torch.float16 else output
    )
    recorder = Recorder()
    assert torch.isfinite(run(model, recorder=recorder, **EVERY_SECOND)).all()
    assert len(recorder.warnings) == 2


def test_a_lower_start_has_less_noise_and_other_levels(model: Model) -> None:
    low, full = run(model, sigma_start=2.0), run(model)
    assert torch.isfinite(low).all() and not torch.equal(low, full)
    assert torch.equal(run(model, sigma_start=model.spec.schedule.sigma_max), full)


@pytest.mark.parametrize("changes", [{"guidance_every": 2}, {"deep_every": 2}])
def test_the_official_sampler_takes_over_nothing(model: Model, changes: dict[str, int]) -> None:
    plan = plan_with("official", steps=STEPS, **changes)
    with pytest.raises(PresetNotOfficial, match="studio sampler"):
        list(two_passes(model, Crops(9), identify, plan))


def test_values_are_kept_for_each_frame_and_come_in_the_order_of_any_window() -> None:
    kept = KeptFrames(4)
    kept.keep([2, 0], torch.tensor([[2.0], [0.0]]))
    kept.keep([1, 3], torch.tensor([[1.0], [3.0]]))
    here = torch.device("cpu")
    assert kept.of([3, 3, 0, 2], here).flatten().tolist() == [3.0, 3.0, 0.0, 2.0]
    kept.keep([2], torch.tensor([[9.0]]))
    assert kept.of([1, 2], here).flatten().tolist() == [1.0, 9.0]


def test_what_was_never_kept_is_a_fault_of_the_program() -> None:
    with pytest.raises(AssertionError):
        KeptFrames(4).of([0], torch.device("cpu"))
