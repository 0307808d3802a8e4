"""What a model is said to take of a device is what its networks make, counted without any memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
import torch
from official_model import official
from torch import nn

from svfr.models.networks import empty_networks
from svfr.nets.device_memory import MOST_ELEMENTS
from svfr.nets.kl_temporal import KlTemporalCodec
from svfr.nets.live_bytes import LiveBytes
from svfr.nets.unet import FastUNet
from svfr.precision import STRICT, Precision, precision_for
from svfr_restore.plan.memory_cost import ModelMemory, kept_bytes, model_memory

HALF = precision_for("cuda")
GB = 10**9
USABLE = {8: 7.0 * GB, 16: 15.0 * GB, 24: 23.0 * GB, 80: 79.0 * GB}


def counted(work: Callable[[], object]) -> LiveBytes:
    with torch.device("meta"), torch.no_grad(), LiveBytes() as live:
        work()
    return live


def unet_peak(frames: int, precision: Precision) -> LiveBytes:
    unet = empty_networks(official(frames)).unet
    network = FastUNet(nn.Module.to(unet, "meta", precision.unet))
    with torch.device("meta"):
        sample, bits = torch.empty(frames, 12, 64, 64), torch.empty(1, 3)
        tokens = network.project_tokens(torch.empty(1, 49, 1024))
    return counted(lambda: network(sample, 1.0, bits, tokens))


def codec_of(precision: Precision) -> KlTemporalCodec:
    vae = empty_networks(official(16)).vae
    assert vae is not None
    return KlTemporalCodec(nn.Module.to(vae, "meta"), precision.decode)


@pytest.mark.parametrize(("frames", "precision"), [(16, HALF), (8, STRICT)], ids=["half", "float32"])
def test_the_unet_takes_what_is_said_and_no_tensor_is_too_large(frames: int, precision: Precision) -> None:
    live = unet_peak(frames, precision)
    assert model_memory(official(frames), precision).denoise == pytest.approx(live.peak_bytes, rel=0.2)
    assert live.largest_elements <= MOST_ELEMENTS


def test_the_codec_takes_what_is_said_and_no_tensor_is_too_large() -> None:
    codec, memory = codec_of(HALF), model_memory(official(16), HALF)
    latents = torch.empty(16, 4, 64, 64, device="meta", dtype=HALF.decode)
    pictures = torch.empty(16, 3, 512, 512, device="meta")
    found = {
        "encode": counted(lambda: codec.encode(pictures)),
        "decode": counted(lambda: codec.vae.decode(latents, num_frames=16)),
    }
    for name, live in found.items():
        assert getattr(memory, name) == pytest.approx(live.peak_bytes, rel=0.2), name
        assert live.largest_elements <= MOST_ELEMENTS


def test_weights_are_counted_in_their_types() -> None:
    half, full = model_memory(official(16), HALF), model_memory(official(16), STRICT)
    assert full.unet_weights == 2 * half.unet_weights
    assert 1.5e9 < half.unet_weights / 2 < 1.55e9  # the published UNet has 1.52 billion numbers
    assert full.other_weights == half.other_weights  # the recogniser stays float32
    assert half.codec_weights < full.codec_weights < 2 * half.codec_weights  # and so does the encoder


@pytest.mark.parametrize(
    ("card", "half", "float32"),
    [(8, "in chunks", None), (16, "whole", "in chunks"), (24, "whole", "in chunks"), (80, "whole", "whole")],
)
def test_every_card_gets_the_fastest_way_that_fits(card: int, half: str, float32: str | None) -> None:
    assert model_memory(official(16), HALF).fits(USABLE[card]) == half
    assert model_memory(official(16), STRICT).fits(USABLE[card]) == float32


def test_a_way_that_needs_less_never_needs_more() -> None:
    for precision in (HALF, STRICT):
        memory = model_memory(official(16), precision)
        assert memory.in_turns <= memory.in_chunks <= memory.whole
        assert memory.longest_shot(memory.in_turns) == 0
        assert memory.longest_shot(memory.in_turns + 10 * memory.latents) == 10


def test_longer_windows_need_more_and_longer_shots_only_latents() -> None:
    short, long = (model_memory(official(frames), HALF) for frames in (8, 16))
    assert dataclasses.replace(long, denoise=0, decode=0, decode_least=0) == dataclasses.replace(
        short, denoise=0, decode=0, decode_least=0
    )
    assert isinstance(long, ModelMemory) and long.denoise == 2 * short.denoise


def test_what_a_drafts_steps_leave_for_each_other_is_what_the_network_hands_out() -> None:
    model = official(16)
    final = model.presets["final"]
    assert kept_bytes(model, final, HALF) == 0
    network = FastUNet(torch.nn.Module.to(empty_networks(model).unet, "meta", torch.float16))
    with torch.device("meta"), torch.no_grad():
        deep = network.evaluate(torch.empty(1, 12, 64, 64), 0.3, torch.empty(1, 3), None)[1]
    a_branch = deep.numel() * deep.element_size()
    assert kept_bytes(model, dataclasses.replace(final, deep_every=2), HALF) == 2 * a_branch
    assert kept_bytes(model, dataclasses.replace(final, deep_every=2, guidance=1.0), HALF) == a_branch
    assert kept_bytes(model, dataclasses.replace(final, guidance_every=2), HALF) == 4 * 4 * 64 * 64
