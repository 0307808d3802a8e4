"""A model that returns its input returns the plate, bit for bit, whatever the tasks, space and exposure."""

from itertools import combinations

import numpy as np
import pytest

from svfr_client import vocabulary
from svfr_ocio.domain import ModelDomain
from svfr_ocio.transfer import apply, crop_transfer, weigh
from svfr_restore.paste.target import target

TASKS = frozenset(vocabulary.TASKS)
TASK_SETS = [frozenset(names) for count in (1, 2, 3) for names in combinations(sorted(TASKS), count)]
SPACES = ["ACEScg", "Linear Rec.709 (sRGB)", "ACEScct", "sRGB - Display"]


def bits(rgb):
    return np.ascontiguousarray(rgb).view(np.uint32)


def restore(domain, plate, model, tasks, matte, hole):
    codes = np.clip(domain.to_codes(plate), 0.0, 1.0)
    hole = hole if "inpaint" in tasks else None
    crop = crop_transfer(domain, plate, target(codes, model(codes), tasks, hole), hole)
    delta, direct_weight = weigh(crop.delta, matte, crop.hole)
    return apply(domain, plate, delta, crop.direct, direct_weight)


def a_matte(shape):
    rng = np.random.default_rng(3)
    return np.where(rng.random(shape) < 0.3, 1.0, rng.random(shape)).astype(np.float32)


def a_hole(shape):
    return np.random.default_rng(4).random(shape) < 0.4


def identity(codes):
    return codes


def identity_through_the_tensor(codes):
    return (codes * np.float32(2) - np.float32(1)) * np.float32(0.5) + np.float32(0.5)


def test_there_are_seven_task_sets():
    assert len(set(TASK_SETS)) == 7


@pytest.mark.parametrize("tasks", TASK_SETS, ids=lambda tasks: "+".join(sorted(tasks)))
@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("exposure_stops", [-2.0, 0.0, 2.0])
def test_identity_returns_every_half_code_for_every_task_set(
    studio, all_half_codes, space, tasks, exposure_stops
):
    domain = ModelDomain.build(studio, space, exposure_stops)
    shape = all_half_codes.shape[:2]
    restored, changed = restore(domain, all_half_codes, identity, tasks, a_matte(shape), a_hole(shape))
    assert np.array_equal(bits(restored), bits(all_half_codes))
    assert not changed.any()


@pytest.mark.parametrize("size", [400, 512, 800])
@pytest.mark.parametrize("space", SPACES)
def test_identity_returns_nan_payloads_infinities_and_negative_zero_at_every_crop_size(
    studio, plate, space, size
):
    domain = ModelDomain.build(studio, space)
    crop = plate[:size, :size]
    shape = crop.shape[:2]
    restored, changed = restore(domain, crop, identity, TASKS, a_matte(shape), a_hole(shape))
    assert np.array_equal(bits(restored), bits(crop))
    assert not changed.any()


@pytest.mark.parametrize("tasks", TASK_SETS, ids=lambda tasks: "+".join(sorted(tasks)))
def test_the_way_through_a_float32_tensor_in_minus_one_to_one_still_changes_nothing(studio, plate, tasks):
    domain = ModelDomain.build(studio, "ACEScg")
    crop = plate[200:500, 0:300]
    shape = crop.shape[:2]
    codes = np.clip(domain.to_codes(crop), 0.0, 1.0)
    assert not np.array_equal(identity_through_the_tensor(codes), codes)
    restored, _ = restore(domain, crop, identity_through_the_tensor, tasks, a_matte(shape), a_hole(shape))
    assert np.array_equal(bits(restored), bits(crop))


def test_a_video_plate_of_8_bit_codes_comes_back_exactly(studio):
    codes = np.arange(256 * 3, dtype=np.float32).reshape(16, 16, 3) % 256 / np.float32(255)
    domain = ModelDomain.build(studio, "Rec.1886 Rec.709 - Display")
    assert domain.is_passthrough
    restored, _ = restore(domain, codes, identity, TASKS, a_matte((16, 16)), a_hole((16, 16)))
    assert np.array_equal(bits(restored), bits(codes))
