"""Weights of a smaller preview network for one with more residual blocks, which computes the same at first.

A block that is new passes on what it is given: its second convolution is zero, and on the way up, where it is
given a skip connection as well, its shortcut leaves that out. So a network that is to become deeper does not
begin anew (Chen et al. 2015, Net2Net, arXiv 1511.05641). Attention outside the middle block may be left out;
that does change what the network computes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch

Weights = Mapping[str, torch.Tensor]

_PLACE = re.compile(r"(down|up)_blocks\.(\d+)\.(resnets|attentions)\.(\d+)\.")


def blocks_of(config: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the residual blocks of each level on the way down, of a UNet's diffusers config."""
    layers = config["layers_per_block"]
    levels = len(config["block_out_channels"])
    return (layers,) * levels if isinstance(layers, int) else tuple(layers)


def grown_weights(given: Weights, fresh: Weights, before: Sequence[int], after: Sequence[int]) -> Weights:
    """Return ``given`` under the names of the network that ``fresh`` are the weights of, new blocks added.

    ``before`` and ``after`` are :func:`blocks_of` both; no level may lose a block. ``fresh`` is as
    :func:`svfr.training.nets.preview_unet.build_preview_unet` makes it, so that temporal parts and attention
    pass on what they are given. Attention that ``fresh`` does not have is left out; anything else that does
    not fit stays, for the caller to refuse.
    """
    if len(before) != len(after) or any(old > new for old, new in zip(before, after, strict=True)):
        raise ValueError(f"a network of {tuple(before)} blocks does not grow to {tuple(after)}")
    grown = {_renamed(name, before, after): tensor for name, tensor in given.items()}
    kept_places = {_place(name) for name in grown}
    for name, tensor in fresh.items():
        place = _place(name)
        if place is not None and place not in kept_places:
            grown[name] = _passing_on(name, tensor)
    known_places = {_place(name) for name in fresh}
    return {
        name: tensor
        for name, tensor in grown.items()
        if ".attentions." not in name or _place(name) in known_places
    }


def _place(name: str) -> str | None:
    """Return which block of a level a weight belongs to, None for those outside the blocks."""
    found = _PLACE.match(name)
    return found.group(0) if found else None


def _renamed(name: str, before: Sequence[int], after: Sequence[int]) -> str:
    """Return the name that a weight has among more blocks.

    On the way down new blocks follow the old ones. On the way up they follow the first, so that every old one
    keeps its skip connection: they come in the reverse order of the way down.
    """
    found = _PLACE.match(name)
    if found is None or found[1] == "down" or found[4] == "0":
        return name
    level = len(before) - 1 - int(found[2])
    index = int(found[4]) + after[level] - before[level]
    return f"up_blocks.{found[2]}.{found[3]}.{index}.{name[found.end() :]}"


def _passing_on(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """Return a new block's weight such that the block changes nothing."""
    if ".spatial_res_block.conv2." in name or name.endswith("conv_shortcut.bias"):
        return torch.zeros_like(tensor)
    if name.endswith("conv_shortcut.weight"):
        eye = torch.zeros_like(tensor)
        eye[:, : tensor.shape[0]] = torch.eye(tensor.shape[0])[:, :, None, None]
        return eye
    return tensor
