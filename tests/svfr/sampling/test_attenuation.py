"""Small changes of a restored crop are attenuated: undamaged faces come back as they were."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sampling_models import CROP_PX, tiny_model

from svfr.models.attenuation_spec import Attenuation
from svfr.sampling.attenuation import attenuate
from svfr.sampling.finish import attenuation_for, finish_crop, finishes
from svfr.tasks import TaskSet

RULE = Attenuation(nothing_codes=1.0, whole_codes=3.0)
BFR = TaskSet(bfr=True)


def crop(seed: int, planes: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand((planes, CROP_PX, CROP_PX), generator=generator) * 2 - 1


def changed(seen: torch.Tensor, codes: float) -> torch.Tensor:
    """``seen`` after a change whose root mean square is ``codes`` of 255."""
    direction = crop(9)
    return seen[:3] + direction * (codes / 127.5 / direction.square().mean().sqrt())


def test_the_gain_rises_smoothly_from_nothing_to_all() -> None:
    sizes = np.linspace(0.0, 4.0, 401)
    gains = np.array([RULE.gain(float(size)) for size in sizes])
    assert (gains[sizes <= 1.0] == 0.0).all() and (gains[sizes >= 3.0] == 1.0).all()
    assert RULE.gain(2.0) == pytest.approx(0.5)
    assert (np.diff(gains) >= 0.0).all() and np.diff(gains).max() < 0.01


@pytest.mark.parametrize("planes", [3, 4])
def test_a_small_change_is_dropped_and_a_large_one_comes_back_bit_for_bit(planes: int) -> None:
    seen = crop(1, planes)
    small, large = changed(seen, 0.9), changed(seen, 3.1)
    assert torch.equal(attenuate(RULE, seen=seen, base=small, restored=small), seen[:3])
    assert attenuate(RULE, seen=seen, base=large, restored=large) is large


def test_what_detail_adds_shrinks_with_the_change_and_stays_a_blend() -> None:
    seen = crop(1)
    base = changed(seen, 2.0)
    sharp = base + 0.05 * crop(4)
    ends = [attenuate(RULE, seen=seen, base=base, restored=picture) for picture in (base, sharp)]
    between = attenuate(RULE, seen=seen, base=base, restored=(base + sharp) / 2)
    assert torch.allclose(between, (ends[0] + ends[1]) / 2, atol=1e-6)
    assert torch.allclose(ends[1] - ends[0], (sharp - base) * RULE.gain(2.0), atol=1e-4)


def test_only_bfr_alone_has_an_undamaged_input_to_spare() -> None:
    spec = replace(tiny_model().spec, attenuation=RULE)
    assert attenuation_for(spec, BFR) == RULE
    for tasks in (TaskSet(colorize=True), TaskSet(inpaint=True), TaskSet(bfr=True, colorize=True)):
        assert attenuation_for(spec, tasks) is None
    assert attenuation_for(tiny_model().spec, BFR) is None


@pytest.mark.parametrize(("crop_scale", "factor"), [(4.0, 1.0), (1.0, 1.0), (0.25, 2.0)])
def test_a_crop_that_had_to_be_shrunk_is_spared_larger_changes(crop_scale: float, factor: float) -> None:
    spec = replace(tiny_model().spec, attenuation=RULE)
    assert attenuation_for(spec, BFR, crop_scale) == RULE.scaled(factor)


def test_a_crop_is_finished_by_the_rule_and_without_one_comes_back_as_it_is() -> None:
    model, seen = tiny_model(), crop(1)
    small = changed(seen, 0.5)
    assert finishes(model, detail=0.0, rule=RULE) and not finishes(model, detail=1.0, rule=None)
    assert torch.equal(finish_crop(model, seen=seen, base=small, detail=0.0, rule=RULE), seen)
    assert finish_crop(model, seen=seen, base=small, detail=0.0, rule=None) is small


def test_a_rule_that_says_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing_codes must be below whole_codes"):
        Attenuation(nothing_codes=2.0, whole_codes=2.0)
