"""The saving at the official size, by counting floating-point operations instead of running them.

The benchmark's small network cannot say how much the savings weigh in the full one, where self-attention over
64 x 64 latents takes a larger share. Here the full network is built on torch's meta device, which holds no
data, and the operations of its matrix products, convolutions and attention are counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from svfr.models.svd_folder import SVD_XT_UNET
from svfr.nets.unet import FastUNet, TokenProjection, build_unet

FRAMES, LATENT_PX, TOKENS = 16, 64, 49


def _operations(evaluate: Callable[[], object]) -> int:
    with FlopCounterMode(display=False) as counter:
        evaluate()
    return int(counter.get_total_flops())


class OfficialOperations(NamedTuple):
    """Operations of one window: both branches as published, ours, and those of the topmost level alone."""

    published: int
    conditional: int
    unconditional: int
    conditional_top: int
    unconditional_top: int


def official_operations() -> OfficialOperations:
    """Count one window of the official size in every way that it is evaluated."""
    with torch.device("meta"):
        # the mixers' factors are made on the CPU whatever the default device is
        unet = torch.nn.Module.to(build_unet(SVD_XT_UNET), "meta").requires_grad_(False)
        fast, sample = FastUNet(unet), torch.empty(FRAMES, 12, LATENT_PX, LATENT_PX)
        tokens, tasks = torch.empty(1, TOKENS, 1024), torch.empty(1, 3)
        projected = fast.project_tokens(tokens)
        deep = fast.evaluate(sample, 0.3, tasks, None)[1]
        published = _operations(
            lambda: unet(sample.expand(2, *sample.shape), 0.3, tokens.expand(2, -1, -1), tasks.expand(2, -1))
        )

        def ours(tokens: TokenProjection | None, given: torch.Tensor | None = None) -> int:
            return _operations(lambda: fast.evaluate(sample, 0.3, tasks, tokens, deep=given))

        return OfficialOperations(
            published=published,
            conditional=ours(projected),
            unconditional=ours(None),
            conditional_top=ours(projected, deep),
            unconditional_top=ours(None, deep),
        )


def official_size_ratio(windows_pass1: int, windows_pass2: int) -> float:
    """Return published operations over ours, for the UNet of both passes."""
    counted = official_operations()
    published = (windows_pass1 + windows_pass2) * counted.published
    ours = windows_pass1 * counted.unconditional
    ours += windows_pass2 * (counted.conditional + counted.unconditional)
    return published / ours
