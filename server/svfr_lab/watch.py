"""A quick look at a run: PSNR of one-step outputs on held-back training clips, beside doing nothing.

These clips guide a run; the frozen evaluation split judges it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from svfr.training.preview_net import PreviewNet
from svfr_lab.degradations import EVALUATION, degrade
from svfr_lab.training_clips import TASKS, to_tensor
from svfr_restore.prepare import prepare

_CLIPS = 24
_SEED = 404


def _psnr(error: torch.Tensor) -> float:
    return float(-10.0 * torch.log10(error.clamp(min=1e-10)))


@torch.no_grad()
def watch(net: PreviewNet, folder: Path) -> dict[str, dict[str, float]]:
    """Return for each task the mean PSNR (dB) of the prepared input and of the model, with and without
    the model's own reference; for inpainting inside the hole only."""
    clips = np.load(folder / "clips.npy", mmap_mode="r")[int((folder / "done").read_text()) - _CLIPS :][
        :_CLIPS
    ]
    table: dict[str, dict[str, float]] = {}
    for index, task in enumerate(TASKS):
        rng = np.random.default_rng(_SEED)
        rows: list[list[float]] = []
        for clip in clips:
            clean = clip.astype(np.float32) / np.float32(255.0)
            degraded = degrade(clean, frozenset([task]), rng, EVALUATION)
            given = np.stack([prepare(f, [task], degraded.hole, "telea") for f in degraded.lq])
            truth = to_tensor(clean)
            tasks = torch.eye(3)[index][None]
            alone, referred = _two_passes(net, to_tensor(given), tasks)
            region = torch.ones(truth.shape[2:], dtype=torch.bool)
            if degraded.hole is not None:
                region = torch.from_numpy(degraded.hole)
            pictures = (to_tensor(given), alone, referred)
            rows.append([_psnr((((p - truth) * 0.5)[..., region] ** 2).mean()) for p in pictures])
        means = np.mean(rows, axis=0)
        table[task] = dict(
            zip(("input", "alone", "referred"), (round(float(v), 2) for v in means), strict=True)
        )
    return table


def _two_passes(
    net: PreviewNet, given: torch.Tensor, tasks: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (F, 3, S, S) one-step outputs without and with the last frame of the first as reference."""
    z_lq = net.encode(given[None])
    sigma = torch.full((1,), net.config.sigma_max)
    alone = net.codec.decode(net.denoise(z_lq, z_lq, sigma, tasks, *net.no_reference(1))[0])
    reference = alone[-1:]
    latents, tokens = net.codec.encode(reference), net.identity(reference)
    referred = net.codec.decode(net.denoise(z_lq, z_lq, sigma, tasks, latents, tokens)[0])
    return alone.clamp(-1, 1), referred.clamp(-1, 1)
