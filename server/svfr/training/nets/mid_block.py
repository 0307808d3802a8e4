"""A look at the UNet's middle block while it runs.

SVFR's two auxiliary losses (section 3: Unified Latent Regularization, Facial Prior Learning) read the
features that leave the middle block. A forward hook on that one module sees them; the network, its class and
its result stay as they are, and gradient checkpointing inside the block does not run the hook twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


class MidBlock:
    """What left the middle block in the last forward pass."""

    def __init__(self) -> None:
        self._features: torch.Tensor | None = None

    @property
    def features(self) -> torch.Tensor:
        """The features (B * F, C, h, w), clip by clip, with their gradient; RuntimeError before a pass."""
        if self._features is None:
            raise RuntimeError("the UNet has not run inside watch_mid_block yet")
        return self._features

    def _keep(self, _module: nn.Module, _inputs: Any, output: torch.Tensor) -> None:
        self._features = output


@contextmanager
def watch_mid_block(unet: nn.Module) -> Iterator[MidBlock]:
    """Within the block, forward passes of diffusers' ``unet`` leave their features in the given value."""
    seen = MidBlock()
    handle = unet.get_submodule("mid_block").register_forward_hook(seen._keep)
    try:
        yield seen
    finally:
        handle.remove()
