"""Plates that hold every kind of value, and one opened config."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from svfr_ocio.config import ColourConfig, open_config


@pytest.fixture(scope="session")
def studio() -> ColourConfig:
    return open_config(None)


@pytest.fixture(scope="session")
def all_half_codes() -> NDArray[np.float32]:
    """All 65536 half floats in each channel, in three orders, as float32 (256, 256, 3)."""
    codes = np.arange(65536, dtype=np.uint32).astype(np.uint16)
    channels = [codes, codes[::-1], np.roll(codes, 12345)]
    with np.errstate(invalid="ignore"):
        return np.stack([c.view(np.float16).astype(np.float32) for c in channels], axis=-1).reshape(
            256, 256, 3
        )


@pytest.fixture(scope="session")
def plate(all_half_codes: NDArray[np.float32]) -> NDArray[np.float32]:
    """An 800x800 plate: skin tones, highlights to 32, negatives, and every special value."""
    rng = np.random.default_rng(20)
    rgb = np.exp2(rng.normal(-2.5, 2.0, (800, 800, 3))).astype(np.float32)
    rgb[300:340, 300:360] = 32.0
    rgb[380:400] -= 0.3
    rgb[:256, :256] = all_half_codes
    rgb[390, 100:104] = np.array([0x7FC12345, 0xFFC00001, 0x7F800001, 0xFF812345], np.uint32).view(
        np.float32
    )[:, None]
    rgb[391, 100:105] = np.array([np.inf, -np.inf, -0.0, 65504.0, 1e30], np.float32)[:, None]
    rgb[392, 100:103] = [[np.nan, 0.2, 0.2], [0.2, np.inf, 0.2], [-0.0, 0.2, 0.0]]
    return rgb
