"""The windows of a step on several networks at once: the bits of one network, in order, stopped at once."""

import copy
import dataclasses
import threading
from typing import Any

import pytest
import torch
from sampling_models import Crops, Recorder, identify, pictures, plan_with, run_until_cancelled, tiny_model

from svfr.models.model import Model
from svfr.nets.unet import FastUNet
from svfr.sampling.sampler import two_passes

PLAN = plan_with()


def spread(model: Model, count: int) -> Model:
    return dataclasses.replace(model, copies=tuple(copy.deepcopy(model.unet) for _ in range(count - 1)))


@pytest.mark.parametrize("networks", [2, 3])
@pytest.mark.parametrize("frames", [1, 9, 40])
def test_several_workers_give_the_bits_of_one(networks: int, frames: int) -> None:
    model = tiny_model()
    alone = pictures(list(two_passes(model, Crops(frames), identify, PLAN)))
    together = pictures(list(two_passes(spread(model, networks), Crops(frames), identify, PLAN)))
    assert torch.equal(alone, together)


def test_every_network_has_its_share_and_none_has_two_windows_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = spread(tiny_model(), 3)
    calls: dict[int, int] = {}
    busy: set[int] = set()
    lock = threading.Lock()
    original = FastUNet.__call__

    def counted(self: FastUNet, *arguments: object) -> torch.Tensor:
        key = id(self._unet)
        with lock:
            assert key not in busy
            busy.add(key)
            calls[key] = calls.get(key, 0) + 1
        try:
            return original(self, *arguments)
        finally:
            busy.discard(key)

    monkeypatch.setattr(FastUNet, "__call__", counted)
    list(two_passes(model, Crops(40), identify, PLAN))
    assert len(calls) == 3
    assert max(calls.values()) < 2 * min(calls.values()) + 8  # pass 1 has one window, for the first network


def test_a_run_cancelled_on_three_networks_goes_on_with_one_and_ends_with_the_same_bits() -> None:
    model = tiny_model()
    whole = pictures(list(two_passes(model, Crops(11), identify, PLAN)))
    recorder = Recorder(windows=6)
    assert run_until_cancelled(two_passes(spread(model, 3), Crops(11), identify, PLAN, recorder))
    resumed = list(two_passes(model, Crops(11), identify, PLAN, Recorder(dict(recorder.saved))))
    assert recorder.saved and torch.equal(pictures(resumed), whole)


@pytest.mark.parametrize(("batch", "calls"), [(1, 8), (2, 4), (3, 4), (4, 2), (8, 1)])
def test_branches_and_windows_of_a_step_are_evaluated_at_once(
    monkeypatch: pytest.MonkeyPatch, batch: int, calls: int
) -> None:
    seen: list[int] = []
    original = FastUNet.evaluate

    def counted(self: FastUNet, sample: torch.Tensor, *given: Any, **named: Any) -> Any:
        seen.append(sample.shape[0])
        return original(self, sample, *given, **named)

    monkeypatch.setattr(FastUNet, "evaluate", counted)
    model = dataclasses.replace(tiny_model(), at_once=batch)
    recorder, plan = Recorder(), plan_with(reference_steps=1, steps=1)
    # pass 2: windows of 8 frames from 0, 5, 10, 15: four, in two branches
    list(two_passes(model, Crops(20), identify, plan, recorder))
    assert len(seen) == 1 + calls and max(seen) <= 8 * max(batch, 1)
    assert [report for report in recorder.reports if report[0] == "denoise"][-1] == ("denoise", 4, 4)


@pytest.mark.parametrize("changes", [{}, {"guidance_every": 2, "deep_every": 3}, {"guidance": 1.0}])
@pytest.mark.parametrize("batch", [2, 5])
def test_a_batch_gives_the_picture_of_one_at_a_time_within_rounding(
    changes: dict[str, Any], batch: int
) -> None:
    plan = plan_with(steps=4, **changes)
    model = dataclasses.replace(tiny_model(), spec=dataclasses.replace(tiny_model().spec, shortest_window=4))
    alone = pictures(two_passes(model, Crops(17), identify, plan))
    together = pictures(two_passes(dataclasses.replace(model, at_once=batch), Crops(17), identify, plan))
    assert float((alone - together).abs().max()) < 1e-4 * float(alone.abs().max())
    assert torch.equal(
        together, pictures(two_passes(dataclasses.replace(model, at_once=batch), Crops(17), identify, plan))
    )


def test_a_run_in_batches_that_was_cancelled_goes_on_with_the_same_bits() -> None:
    model = dataclasses.replace(tiny_model(), at_once=4)
    whole = pictures(two_passes(model, Crops(11), identify, PLAN))
    recorder = Recorder(windows=4)
    assert run_until_cancelled(two_passes(model, Crops(11), identify, PLAN, recorder))
    resumed = two_passes(model, Crops(11), identify, PLAN, Recorder(dict(recorder.saved)))
    assert recorder.saved and torch.equal(pictures(resumed), whole)
