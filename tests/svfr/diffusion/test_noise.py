import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from svfr.diffusion.noise import OfficialNoise, studio_noise
from svfr.errors import SeedOutOfRange

SHAPE = (4, 8, 8)
FRAMES = st.integers(-(10**6), 10**9)
SEEDS = st.integers(0, 2**64 - 1)


@given(SEEDS, FRAMES, st.integers(0, 20), st.integers(1, 20))
def test_the_noise_of_a_frame_does_not_depend_on_the_range(
    seed: int, frame: int, before: int, after: int
) -> None:
    alone = studio_noise(seed, 2, range(frame, frame + 1), (2, 3))
    among = studio_noise(seed, 2, range(frame - before, frame + after), (2, 3))
    assert torch.equal(among[before], alone[0])


@given(SEEDS, FRAMES)
def test_frames_seeds_and_passes_have_noise_of_their_own(seed: int, frame: int) -> None:
    base = studio_noise(seed, 1, range(frame, frame + 2), (64,))
    assert not torch.equal(base[0], base[1])
    assert not torch.equal(base, studio_noise(seed, 2, range(frame, frame + 2), (64,)))
    assert not torch.equal(base, studio_noise(seed ^ 1, 1, range(frame, frame + 2), (64,)))


def test_studio_noise_is_pinned_to_its_definition() -> None:
    words = np.random.Philox(key=[77, 2], counter=[0, 0, 1010, 0]).random_raw(4).tolist()
    u = [(word >> 11) / 2**53 for word in words]
    radius = [math.sqrt(-2.0 * math.log(1.0 - v)) for v in u[:2]]
    wanted = [r * math.cos(2 * math.pi * v) for r, v in zip(radius, u[2:], strict=True)]
    wanted += [r * math.sin(2 * math.pi * v) for r, v in zip(radius, u[2:], strict=True)]
    ours = studio_noise(77, 2, range(1010, 1011), (4,))[0]
    assert ours.tolist() == pytest.approx(wanted, rel=1e-6)
    assert ours.dtype == torch.float32


def test_an_odd_number_of_values_is_a_part_of_the_even_one_in_kind() -> None:
    assert studio_noise(1, 1, range(1), (3, 3, 3)).shape == (1, 3, 3, 3)


def test_studio_noise_is_standard_normal() -> None:
    values = studio_noise(77, 1, range(100), (4, 32, 32)).double().flatten()
    count = values.numel()
    assert abs(float(values.mean())) < 5 / math.sqrt(count)
    assert abs(float(values.var()) - 1.0) < 5 * math.sqrt(2 / count)
    assert abs(float((values**4).mean()) - 3.0) < 5 * math.sqrt(96 / count)
    neighbours = values.view(100, -1)
    assert abs(float((neighbours[1:] * neighbours[:-1]).mean())) < 5 / math.sqrt(count)


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_that_does_not_fit_is_refused(seed: int) -> None:
    with pytest.raises(SeedOutOfRange, match="2\\^64"):
        studio_noise(seed, 1, range(1), SHAPE)
    with pytest.raises(SeedOutOfRange):
        OfficialNoise(seed)


@pytest.mark.parametrize(("frames", "crop_px"), [(1, 8), (5, 16), (4, 64), (3, 12)])
def test_official_draws_are_those_of_whole_tensors_from_one_stream(frames: int, crop_px: int) -> None:
    torch.manual_seed(77)
    whole = []
    for _ in range(2):
        torch.randn(frames, 3, crop_px, crop_px)
        whole.append(torch.randn(1, frames, *SHAPE)[0])
    stream = OfficialNoise(77)
    assert torch.equal(stream.next_pass(frames, crop_px, SHAPE), whole[0])
    assert torch.equal(stream.next_pass(frames, crop_px, SHAPE), whole[1])


def test_official_noise_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(1)
    wanted = torch.randn(3)
    torch.manual_seed(1)
    OfficialNoise(77).next_pass(2, 8, SHAPE)
    assert torch.equal(torch.randn(3), wanted)
