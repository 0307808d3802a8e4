"""The windows of a step on several networks at once: the bits of one network, in order, stopped at once."""

import copy
import dataclasses
import threading

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
