"""Leaving alone what is not damaged: small changes of a restored crop are attenuated, smaller ones dropped.

A network that was trained to repair also changes pictures that nothing is wrong with, by a little. How much
it changes a crop tells the two apart: undamaged faces by one or two codes, damaged ones by several. So the
change of a frame counts by its size, as a James-Stein estimator shrinks what is no larger than its own error.
"""

from __future__ import annotations

import torch

from svfr.models.attenuation_spec import Attenuation

_CODES_HALF_RANGE = 127.5


def attenuate(
    rule: Attenuation, *, seen: torch.Tensor, base: torch.Tensor, restored: torch.Tensor
) -> torch.Tensor:
    """Return ``restored`` (3, S, S) in [-1, 1] less what the rule takes from its change.

    ``seen`` (3 or 4, S, S) is the crop as the networks get it, ``base`` what the sampler made of it: the
    change from one to the other decides, so that ``restored = base + detail * residual`` stays a blend of its
    two ends. Where the change counts whole, ``restored`` comes back bit for bit.
    """
    before = seen[:3].to(restored)
    change = (base.to(restored) - before).square().mean().sqrt()
    gain = rule.gain(float(change) * _CODES_HALF_RANGE)
    return restored if gain == 1.0 else before + gain * (restored - before)
