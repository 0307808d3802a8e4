"""What a model's networks cost: operations counted without weights, and how fast this machine does them.

Operations are counted by running the networks on torch's meta device, which computes shapes and no numbers.
The rate is measured here and now on a small network of the same kind, so that an estimate knows the
processor, its load and the libraries without a table of them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from svfr.models.networks import empty_networks
from svfr.models.spec import DiffusionSpec
from svfr.nets.unet import FastUNet, build_unet
from svfr.training.nets.preview_unet import preview_unet_config

# The network that measures a processor must do what a real one does at a size that takes it well under a
# second: by device, its latent side, window and widths.
_MEASURING = {"cpu": (24, 8, (64, 128)), "cuda": (64, 14, (320, 640))}
_TOKENS, _TOKEN_CHANNELS = 49, 32
_TIMED_RUNS = 2


@dataclass(frozen=True)
class WindowCost:
    """Float operations of one window: of one branch of the UNet, of encoding and of decoding its crops.

    ``detail`` is that of the detail network on one crop, ``colour`` and ``hole`` of the networks that change
    one reference, which they see twice.
    """

    unet: float
    encode: float
    decode: float
    detail: float = 0.0
    colour: float = 0.0
    hole: float = 0.0


def window_cost(model: DiffusionSpec) -> WindowCost:
    """Count a diffusion model's operations; a linear codec counts as free."""
    networks = empty_networks(model)
    side, frames = model.crop_px // model.codec.factor, model.window
    sample = torch.empty(frames, model.unet["in_channels"], side, side, device="meta")
    tokens = torch.empty(1, _TOKENS, model.identity.channels, device="meta")
    unet = _operations(networks.unet, sample, tokens)
    detail = _plain_operations(networks.detail, [3, 3, 1], model.crop_px)
    colour = 0.0 if model.colour is None else _plain_operations(networks.colour, [1], model.colour.side_px)
    hole = 0.0 if model.hole is None else _plain_operations(networks.hole, [3, 1], model.hole.side_px)
    cost = WindowCost(unet, 0.0, 0.0, detail=detail, colour=2 * colour, hole=2 * hole)
    if networks.vae is None:
        return cost
    vae: Any = networks.vae
    vae.to("meta")
    pictures = torch.empty(frames, 3, model.crop_px, model.crop_px, device="meta")
    latents = torch.empty(frames, model.latent_channels, side, side, device="meta")
    with torch.device("meta"), torch.no_grad():
        with FlopCounterMode(display=False) as encoding:
            vae.encode(pictures)
        with FlopCounterMode(display=False) as decoding:
            vae.decode(latents, num_frames=frames)
    encode, decode = float(encoding.get_total_flops()), float(decoding.get_total_flops())
    return replace(cost, encode=encode, decode=decode)


def topmost_share(model: DiffusionSpec) -> float:
    """Return the operations of the UNet's topmost level, given what comes from below, as a share of all."""
    unet = empty_networks(model).unet
    side, frames = model.crop_px // model.codec.factor, model.window
    sample = torch.empty(frames, model.unet["in_channels"], side, side, device="meta")
    tokens = torch.empty(1, _TOKENS, model.identity.channels, device="meta")
    return _operations(unet, sample, tokens, topmost=True) / _operations(unet, sample, tokens)


@cache
def sustained_rate(device: str) -> float:
    """Return the float operations a second that a network of this kind gets on ``device`` now, in float32.

    Takes about a second; a process measures each device once.
    """
    side, frames, widths = _MEASURING["cuda" if device.startswith("cuda") else "cpu"]
    config = preview_unet_config(
        latent_channels=4, latent_px=side, widths=widths, token_channels=_TOKEN_CHANNELS, window=frames
    )
    with torch.device(device):
        unet: torch.nn.Module = build_unet(config)
        sample = torch.zeros(frames, 12, side, side)
        tokens = torch.zeros(1, _TOKENS, _TOKEN_CHANNELS)
    unet = unet.to(device).requires_grad_(False)  # one parameter is made on the CPU whatever the context
    seconds = [_seconds(unet, sample, tokens, device) for _ in range(1 + _TIMED_RUNS)]
    return _operations(unet, sample.to("meta"), tokens.to("meta")) / min(seconds[1:])


def _operations(
    unet: torch.nn.Module, sample: torch.Tensor, tokens: torch.Tensor, topmost: bool = False
) -> float:
    """Count one branch over a window ``sample`` (F, 3C, h, w), all on the meta device."""
    network = FastUNet(unet.to("meta"))
    with torch.device("meta"), torch.no_grad():
        projected = network.project_tokens(tokens)
        given = sample, 1.0, torch.zeros(1, 3), projected
        deep = network.evaluate(*given)[1] if topmost else None
        with FlopCounterMode(display=False) as counter:
            network.evaluate(*given, deep=deep)
    return float(counter.get_total_flops())


def _plain_operations(network: torch.nn.Module | None, planes_in: Sequence[int], side_px: int) -> float:
    """Count one picture through a network beside the UNet, which takes tensors of so many planes."""
    if network is None:
        return 0.0
    planes = [torch.empty(1, count, side_px, side_px, device="meta") for count in planes_in]
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(*planes)
    return float(counter.get_total_flops())


def _seconds(unet: torch.nn.Module, sample: torch.Tensor, tokens: torch.Tensor, device: str) -> float:
    network = FastUNet(unet)
    with torch.no_grad():
        projected = network.project_tokens(tokens)
        began = time.perf_counter()
        network(sample, 1.0, torch.zeros(1, 3, device=device), projected)
        if device.startswith("cuda"):
            torch.cuda.synchronize(device)
        return time.perf_counter() - began
