"""Adding fine texture to a restored crop: ``restored = base + detail * residual``."""

from __future__ import annotations

import torch

from svfr.nets.detail_net import DetailNet


@torch.no_grad()
def add_detail(network: DetailNet, seen: torch.Tensor, base: torch.Tensor, detail: float) -> torch.Tensor:
    """Return a restored picture (3, S, S) in [-1, 1], not clamped, on the CPU.

    ``seen`` (3 or 4, S, S) is the crop as the networks get it, its fourth plane the hole; ``base`` (3, S, S)
    what the sampler made of it. With ``detail`` 0 the base comes back bit for bit.
    """
    if detail == 0.0:
        return base
    weight = network.leave.weight
    hole = seen[3:] if seen.shape[0] > 3 else torch.full_like(seen[:1], -1.0)
    planes = [plane[None].to(weight) for plane in (seen[:3], base.clamp(-1.0, 1.0), hole)]
    return base + detail * network(*planes)[0].float().cpu()
