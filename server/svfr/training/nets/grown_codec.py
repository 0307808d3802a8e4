"""Weights of a preview network for one whose codec keeps more coefficients, which answers the same at first.

The first layer sees the new coefficients with a weight of zero, and the last one gives a zero for them: with
the residual objective the low-quality picture's own come back unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

Weights = Mapping[str, torch.Tensor]
_FIRST, _LAST = "conv_in.weight", ("conv_out.weight", "conv_out.bias")


def grown_codec(given: Weights, before: Sequence[int], after: Sequence[int]) -> dict[str, torch.Tensor]:
    """Return a UNet's weights ``given`` for the coefficients ``after``, which hold all those of ``before``.

    The first layer's input channels are the noisy latent, the low-quality one, a hole plane or none, and the
    reference.
    """
    grown = dict(given)
    if tuple(before) == tuple(after):
        return grown
    places = torch.tensor([list(after).index(index) for index in before])
    first = grown[_FIRST]
    hole = first.shape[1] - 3 * len(before)
    noisy, low_quality, plane, reference = first.split([len(before), len(before), hole, len(before)], dim=1)
    thirds = [_spread(third, places, len(after), dim=1) for third in (noisy, low_quality, reference)]
    grown[_FIRST] = torch.cat([*thirds[:2], plane, thirds[2]], dim=1)
    for name in _LAST:
        grown[name] = _spread(grown[name], places, len(after), dim=0)
    return grown


def _spread(weights: torch.Tensor, places: torch.Tensor, count: int, dim: int) -> torch.Tensor:
    """Return ``weights`` at ``places`` along ``dim`` of ``count``, zeros between."""
    shape = list(weights.shape)
    shape[dim] = count
    return weights.new_zeros(shape).index_copy(dim, places, weights)
