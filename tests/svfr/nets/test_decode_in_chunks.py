from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from svfr.nets.decode_in_chunks import DecodeMemory, decode_in_chunks
from svfr.nets.device_memory import MOST_ELEMENTS
from svfr.nets.kl_temporal import KlTemporalCodec, build_kl
from svfr.nets.live_bytes import LiveBytes

SMALL: dict[str, Any] = {
    "block_out_channels": [32, 64, 64],
    "down_block_types": ["DownEncoderBlock2D"] * 3,
    "latent_channels": 4,
    "layers_per_block": 2,
}
OFFICIAL = {
    **SMALL,
    "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
}
OFFICIAL_MEMORY = DecodeMemory(last=128, before=256, picture_px=512, element_bytes=2)
GIB = 2**30


@pytest.fixture(scope="module")
def vae() -> torch.nn.Module:
    torch.manual_seed(2)
    built = build_kl(SMALL).requires_grad_(False)
    for name, parameter in built.named_parameters():
        if name.endswith("mix_factor"):
            torch.nn.init.normal_(parameter)
    return built


def latents(count: int) -> torch.Tensor:
    return torch.randn((count, 4, 4, 4), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("at_once", [1, 2, 4, 7, 9])
def test_a_window_in_chunks_is_the_whole_window(at_once: int, layers: int) -> None:
    torch.manual_seed(layers)
    codec = KlTemporalCodec(build_kl({**SMALL, "layers_per_block": layers}).requires_grad_(False))
    ours = decode_in_chunks(codec.vae.decoder, latents(7), at_once)
    torch.testing.assert_close(ours, codec.decode(latents(7)), atol=1e-5, rtol=1e-5)


def test_no_halo_gives_the_same_picture_since_norms_see_the_whole_window(vae: torch.nn.Module) -> None:
    codec = KlTemporalCodec(copy.deepcopy(vae))
    whole = codec.decode(latents(8))
    assert float((codec.decode(latents(8)[1:])[-1] - whole[-1]).abs().max()) > 1e-3


def test_half_precision_in_chunks_is_as_near_to_float32_as_the_whole_window(vae: torch.nn.Module) -> None:
    exact = KlTemporalCodec(copy.deepcopy(vae).half().float()).decode(latents(5))
    half = KlTemporalCodec(copy.deepcopy(vae), torch.float16)
    whole = float((half.decode(latents(5)) - exact).square().mean())
    chunked = decode_in_chunks(half.vae.decoder, latents(5).half(), 2).float()
    assert float((chunked - exact).square().mean()) < 1.26 * whole  # 1 dB


def test_a_codec_decodes_in_chunks_where_memory_is_short(
    vae: torch.nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = KlTemporalCodec(copy.deepcopy(vae)).decode(latents(3))
    sparing = KlTemporalCodec(copy.deepcopy(vae), usable_bytes=lambda _: 0)
    monkeypatch.setattr(sparing.vae, "decode", lambda *_, **__: pytest.fail("the window was decoded at once"))
    torch.testing.assert_close(sparing.decode(latents(3)), wanted, atol=1e-5, rtol=1e-5)


def test_as_many_frames_are_decoded_at_once_as_fit() -> None:
    memory = OFFICIAL_MEMORY
    assert memory.frames_at_once(16, None) == memory.frames_at_once(16, 8 * GIB) == 16
    assert memory.frames_at_once(16, 0) == memory.frames_at_once(1, 0) == 1
    chosen = [memory.frames_at_once(16, free * GIB // 4) for free in range(4, 40)]
    assert chosen == sorted(chosen) and {1, 2, 4, 16} <= set(chosen)
    for free in range(11, 32):
        chunk = memory.frames_at_once(16, free * GIB // 4)
        assert memory.chunked_bytes(16, chunk) <= free * GIB // 4


def test_no_tensor_grows_beyond_what_kernels_count() -> None:
    large = DecodeMemory(last=128, before=256, picture_px=1024, element_bytes=2)
    at_once = large.frames_at_once(16, None)
    assert at_once == 7 and at_once * 256 * 1024**2 <= MOST_ELEMENTS < 8 * 256 * 1024**2


def official_peak(at_once: int) -> LiveBytes:
    with torch.device("meta"), torch.no_grad():
        codec = KlTemporalCodec(build_kl(OFFICIAL).to("meta"), torch.float16)
        given = torch.empty((16, 4, 64, 64), dtype=torch.float16)
        with LiveBytes() as live:
            if at_once == 16:
                codec.vae.decode(given, num_frames=16)
            else:
                decode_in_chunks(codec.vae.decoder, given, at_once)
    return live


@pytest.mark.parametrize("at_once", [1, 16])
def test_the_memory_it_reckons_with_is_what_the_official_decoder_takes(at_once: int) -> None:
    live = official_peak(at_once)
    reckoned = (
        OFFICIAL_MEMORY.whole_bytes(16) if at_once == 16 else OFFICIAL_MEMORY.chunked_bytes(16, at_once)
    )
    assert 0.999 * live.peak_bytes < reckoned < 1.25 * live.peak_bytes
    assert live.largest_elements <= MOST_ELEMENTS
