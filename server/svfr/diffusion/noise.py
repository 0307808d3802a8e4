"""The starting noise of both passes.

Official mode draws from one torch generator in the published order, so its noise depends on the length of
the clip. Studio mode computes the noise of a frame from (seed, pass, absolute frame number) alone: it does
not depend on range, machine, batch or other faces, so a farm may split a shot anywhere.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from svfr.errors import SeedOutOfRange

_WORD = 2**64


def checked_seed(seed: int) -> int:
    """Return a seed that the noise can be made of; raises SeedOutOfRange."""
    if not 0 <= seed < _WORD:
        raise SeedOutOfRange(f"Seed {seed} is outside 0 to 2^64 - 1.", remedy="Choose a seed of 0 or more.")
    return seed


class OfficialNoise:
    """The draws of the published pipeline, from a CPU generator seeded once for both passes.

    Each pass first draws noise in the shape of its pictures for a noise augmentation of strength zero, and
    never uses it, then the latents. Pass 2 continues the stream of pass 1.
    """

    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator("cpu").manual_seed(checked_seed(seed))

    def next_pass(self, frame_count: int, crop_px: int, latent_shape: tuple[int, ...]) -> torch.Tensor:
        """Return the unit noise of the next pass, (frame_count, C, h, w) float32.

        The unused picture draw goes frame by frame: torch fills normal numbers in groups of 16, which
        divides a frame's 3 x S x S for every S that is a multiple of 4, so the stream is the same.
        """
        for _ in range(frame_count):
            torch.randn((3, crop_px, crop_px), generator=self._generator)
        return torch.randn((1, frame_count, *latent_shape), generator=self._generator)[0]


def studio_noise(seed: int, sampling_pass: int, frames: range, latent_shape: tuple[int, ...]) -> torch.Tensor:
    """Return the unit noise of absolute ``frames``, (len(frames), C, h, w) float32."""
    checked_seed(seed)
    return torch.stack([_frame_noise(seed, sampling_pass, frame, latent_shape) for frame in frames])


def _frame_noise(seed: int, sampling_pass: int, frame: int, shape: tuple[int, ...]) -> torch.Tensor:
    """Philox4x64 keyed (seed, pass) with the frame in the counter's third word, then Box-Muller in float64.

    Only the raw words are numpy's, whose bit streams are stable between versions; its normal distribution
    promises no such thing. A frame owns 2^128 counter values, so frames never share words.
    """
    count = math.prod(shape)
    pairs = (count + 1) // 2
    counter = np.array([0, 0, frame % _WORD, 0], dtype=np.uint64)
    key = np.array([seed, sampling_pass], dtype=np.uint64)
    words = np.random.Philox(key=key, counter=counter).random_raw(2 * pairs)
    uniform = (words >> np.uint64(11)).astype(np.float64) * 2.0**-53
    radius = np.sqrt(-2.0 * np.log1p(-uniform[:pairs]))  # 1 - u is in (0, 1]: the logarithm is finite
    angle = 2.0 * math.pi * uniform[pairs:]
    normal = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]
    return torch.from_numpy(normal.astype(np.float32)).reshape(shape)
