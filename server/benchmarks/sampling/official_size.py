"""The saving at the official size, by counting floating-point operations instead of running them.

The benchmark's small network cannot say how much the savings weigh in the full one, where self-attention over
64 x 64 latents takes a larger share. Here the full network is built on torch's meta device, which holds no
data, and the operations of its matrix products, convolutions and attention are counted.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from svfr.models.svd_folder import SVD_XT_UNET
from svfr.nets.unet import FastUNet, build_unet

FRAMES, LATENT_PX, TOKENS = 16, 64, 49


def _operations(evaluate: Callable[[], object]) -> int:
    with FlopCounterMode(display=False) as counter:
        evaluate()
    return int(counter.get_total_flops())


def official_size_ratio(windows_pass1: int, windows_pass2: int) -> float:
    """Return published operations over ours, for the UNet of both passes."""
    with torch.device("meta"):
        # the mixers' factors are made on the CPU whatever the default device is
        unet = torch.nn.Module.to(build_unet(SVD_XT_UNET), "meta").requires_grad_(False)
        fast, sample = FastUNet(unet), torch.empty(FRAMES, 12, LATENT_PX, LATENT_PX)
        tokens, tasks = torch.empty(1, TOKENS, 1024), torch.empty(1, 3)
        projected = fast.project_tokens(tokens)
        both = _operations(
            lambda: unet(sample.expand(2, *sample.shape), 0.3, tokens.expand(2, -1, -1), tasks.expand(2, -1))
        )
        conditional = _operations(lambda: fast(sample, 0.3, tasks, projected))
        unconditional = _operations(lambda: fast(sample, 0.3, tasks, None))
    published = (windows_pass1 + windows_pass2) * both
    ours = windows_pass1 * unconditional + windows_pass2 * (conditional + unconditional)
    return published / ours
