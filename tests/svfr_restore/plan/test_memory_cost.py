"""What a model is said to take of a device is what its networks make, counted without any memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path

import official_files
import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl_temporal_decoder import TemporalDecoder
from official_model import official
from torch import nn

from svfr.models.networks import empty_networks
from svfr.nets import kl_temporal
from svfr.nets.device_memory import MOST_ELEMENTS
from svfr.nets.kl_temporal import KlTemporalCodec
from svfr.nets.live_bytes import LiveBytes
from svfr.nets.unet import FastUNet
from svfr.precision import STRICT, Precision, precision_for
from svfr_restore.errors import JobNeedsMoreMemory
from svfr_restore.memory_budget import BUDGET_VARIABLE
from svfr_restore.plan.memory_cost import (
    ModelMemory,
    SeenAtOnce,
    cpu_model_bytes,
    kept_bytes,
    model_memory,
    require_job_memory,
)
from svfr_restore.plan.models import ModelCache

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


def test_a_short_shot_is_not_charged_with_whole_windows() -> None:
    short_ends = dataclasses.replace(official(16), shortest_window=8)
    seen = {frames: SeenAtOnce.of(short_ends, frames, "studio") for frames in (1, 10, 100)}
    assert seen == {1: SeenAtOnce(8, 1), 10: SeenAtOnce(10, 10), 100: SeenAtOnce(16, 16)}
    assert SeenAtOnce.of(short_ends, 5, "official") == SeenAtOnce(16, 5)  # its windows run round the shot
    whole_ends = dataclasses.replace(official(16), shortest_window=None)
    assert SeenAtOnce.of(whole_ends, 1, "studio") == SeenAtOnce(16, 1)
    codec, memory = codec_of(STRICT), model_memory(official(16), STRICT, SeenAtOnce(8, 3))
    latents = torch.empty(3, 4, 64, 64, device="meta")
    live = counted(lambda: codec.vae.decode(latents, num_frames=3))
    assert memory.decode == pytest.approx(live.peak_bytes, rel=0.2)


def test_a_machine_that_cannot_hold_a_decoded_window_takes_it_in_chunks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    require = partial(require_job_memory, official(16), plate_pixels=1920 * 1080, longest_track=100)
    seen = SeenAtOnce(16, 16)
    needed = {}
    for gib in (12, 20, 64):
        monkeypatch.setenv(BUDGET_VARIABLE, str(gib * 1024))
        needed[gib] = cpu_model_bytes(model_memory(official(16), STRICT, seen))
    whole, least = (getattr(model_memory(official(16), STRICT), name) for name in ("whole", "in_chunks"))
    assert needed == {12: least, 20: least, 64: whole}
    monkeypatch.setenv(BUDGET_VARIABLE, str(20 * 1024))
    require(device="cpu")
    monkeypatch.setenv(BUDGET_VARIABLE, str(12 * 1024))
    with pytest.raises(JobNeedsMoreMemory, match=r"needs about 1\d\.\d GiB"):
        require(device="cpu")


def test_the_decoder_on_a_cpu_keeps_to_the_room_that_the_estimate_gives_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = str(tmp_path / "model")
    official_files.import_to(official_files.write_official_files(tmp_path), tmp_path / "model")
    monkeypatch.setenv(BUDGET_VARIABLE, "64000")
    roomy = ModelCache().get(folder).codec
    monkeypatch.setenv(BUDGET_VARIABLE, "1000")
    tight = ModelCache().get(folder).codec
    cut: list[int] = []
    in_chunks = kl_temporal.decode_in_chunks

    def noted(decoder: TemporalDecoder, latents: torch.Tensor, frames_at_once: int) -> torch.Tensor:
        cut.append(frames_at_once)
        return in_chunks(decoder, latents, frames_at_once)

    monkeypatch.setattr(kl_temporal, "decode_in_chunks", noted)
    latents = torch.randn((3, 4, 8, 8), generator=torch.Generator().manual_seed(1))
    whole = roomy.decode(latents)
    assert cut == []
    torch.testing.assert_close(tight.decode(latents), whole, atol=1e-5, rtol=1e-5)
    assert cut == [1]
