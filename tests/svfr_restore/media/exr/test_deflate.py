"""Chunks that either library packs are unpacked to the same lines."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from svfr_restore.media.exr import deflate
from svfr_restore.media.exr.pixels import pack, unpack


@pytest.mark.parametrize("has_isal", [True, False])
@pytest.mark.parametrize("kind", ["grain", "flat"])
def test_what_is_packed_comes_back_whichever_library_there_is(
    has_isal: bool, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if has_isal:
        pytest.importorskip("isal")
    else:
        monkeypatch.setattr(deflate, "isal_zlib", None)
    grain = np.random.default_rng(1).normal(0.2, 0.01, (16, 300)).astype(np.float16)
    lines = (grain if kind == "grain" else np.zeros_like(grain)).view(np.uint8)
    packed = pack(lines, "zip")
    assert len(packed) < lines.nbytes
    assert zlib.decompressobj().decompress(packed)  # what any other reader has
    np.testing.assert_array_equal(unpack(packed, "zip", *lines.shape), lines)
