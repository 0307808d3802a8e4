"""Weights of 8 bits: whole numbers from -127 to 127, and one scale for each of a tensor's first axis.

A tensor ``name`` of type I8 has a tensor ``name_scale`` (n,) beside it, whose numbers are how much one step
is worth (symmetric, per output channel: Nagel et al., arXiv 2106.08295, section 2.2). The networks beside a
base are small and change a picture that others go on from: half of their bytes are enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch

_SCALE = "_scale"
_STEPS = 127
_LEAST = 1e-12


def scale_name(name: str) -> str:
    """Return the name of the scales of a tensor."""
    return name + _SCALE


def is_scale(name: str, eight_bit: Iterable[str]) -> bool:
    """Return whether a tensor holds the scales of one of those named, which are of 8 bits."""
    return name.endswith(_SCALE) and name.removesuffix(_SCALE) in set(eight_bit)


def packed(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return weights with those of two and more axes in 8 bits; vectors, which are few, stay as they are."""
    smaller: dict[str, torch.Tensor] = {}
    for name, tensor in weights.items():
        if tensor.ndim < 2 or not tensor.is_floating_point():
            smaller[name] = tensor
            continue
        values = tensor.detach().float().cpu()
        scales = (values.flatten(1).abs().amax(1) / _STEPS).clamp_min(_LEAST)
        smaller[name] = (values / _along(scales, values)).round().to(torch.int8)
        smaller[scale_name(name)] = scales
    return smaller


def unpacked(name: str, tensor: torch.Tensor, other: Callable[[str], torch.Tensor]) -> torch.Tensor:
    """Return a file's tensor, as float32 where it is of 8 bits; ``other`` reads its scales."""
    if tensor.dtype != torch.int8:
        return tensor
    return tensor.float() * _along(other(scale_name(name)).float(), tensor)


def _along(scales: torch.Tensor, tensor: torch.Tensor) -> torch.Tensor:
    return scales.view(-1, *[1] * (tensor.ndim - 1))
