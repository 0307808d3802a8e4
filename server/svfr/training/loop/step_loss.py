"""The loss of one training step: SVFR's three terms (section 3) over one forward pass.

``L = noise + 0.01 unified latent + 0.1 facial prior`` with the published weights. One module holds the
network and what the auxiliary terms train beside it, so that several processes can share its gradients.
"""

from __future__ import annotations

import torch
from torch import nn

from svfr.training.batches import ClipBatch, StepDraws
from svfr.training.errors import TrainingDataUnusable
from svfr.training.loop.references import drop_references
from svfr.training.losses.facial_prior import FacialPrior
from svfr.training.losses.unified_latent import UnifiedLatent
from svfr.training.nets.mid_block import watch_mid_block
from svfr.training.nets.trainable import DenoisingGoal, TrainableNet
from svfr.training.recipe.config import Recipe

UNIFIED_LATENT, FACIAL_PRIOR = "unified_latent", "facial_prior"


class StepLoss(nn.Module):
    """The network and ``heads``: what only the auxiliary losses train, and no model folder holds."""

    def __init__(self, net: TrainableNet, config: Recipe) -> None:
        super().__init__()
        self.net = net
        self.weights = config.losses
        self.heads = nn.ModuleDict()
        channels = net.unet.config["block_out_channels"][-1]
        if self.weights.unified_latent:
            assert config.unified_latent
            self.heads[UNIFIED_LATENT] = UnifiedLatent(channels, config.unified_latent)
        if self.weights.facial_prior:
            assert config.facial_prior
            self.heads[FACIAL_PRIOR] = FacialPrior(channels, config.facial_prior)

    def forward(self, batch: ClipBatch, draws: StepDraws) -> dict[str, torch.Tensor]:
        """Return ``loss``, its unweighted terms by name, and each sample's ``errors`` (B,).

        Noise comes from torch's global generator; all samples of one clip share it. Raises
        TrainingDataUnusable when the batch lacks what a term needs.
        """
        scale = self.net.codec.scaling_factor
        z_clean, z_lq = self.net.encode(batch.clean) * scale, self.net.encode(batch.low_quality)
        sigma = draws.sigma.to(z_clean.device)
        x = _diffused(z_clean, self.net.pictured(z_lq) * scale, sigma, draws)
        reference, tokens = self._references(batch, draws)
        with self.net.parts_for(batch.clean.shape[1]), watch_mid_block(self.net.unet) as mid:
            denoised = self.net.denoise(x, z_lq, sigma, batch.tasks, reference, tokens)
        goal = DenoisingGoal(clean=z_clean, low_quality=z_lq * scale, sigma=sigma, tasks=batch.tasks)
        losses, errors = self.net.noise_losses(denoised, goal)
        terms = {"noise": losses.mean()} | self._auxiliary(mid.features.float(), batch)
        loss = torch.stack([getattr(self.weights, name) * term for name, term in terms.items()]).sum()
        return {"loss": loss, "errors": errors, **terms}

    def _references(self, batch: ClipBatch, draws: StepDraws) -> tuple[torch.Tensor, torch.Tensor]:
        """Return reference latents and tokens, dropped for the samples that are to do without."""
        pictures = self.net.reference_pictures(batch, draws)
        if not draws.has_reference.any():
            return self.net.no_reference(batch.tasks.shape[0])
        keep = draws.has_reference.to(pictures.device)
        latents = self.net.encode(pictures[:, None])[:, 0]
        return drop_references(keep, latents, self.net.identify(pictures, batch.reference_landmarks))

    def _auxiliary(self, features: torch.Tensor, batch: ClipBatch) -> dict[str, torch.Tensor]:
        """Return the terms of the middle block's features (B * F, C, h, w)."""
        terms = {}
        if UNIFIED_LATENT in self.heads:
            if batch.clips is None:
                raise _lacking("which samples show one clip", UNIFIED_LATENT)
            by_clip = features.unflatten(0, batch.clean.shape[:2])
            terms[UNIFIED_LATENT] = self.heads[UNIFIED_LATENT](by_clip, batch.clips)
        if FACIAL_PRIOR in self.heads:
            if batch.landmarks is None:
                raise _lacking("the landmarks of the faces", FACIAL_PRIOR)
            terms[FACIAL_PRIOR] = self.heads[FACIAL_PRIOR](features, batch.landmarks)
        return terms


def _diffused(clean: torch.Tensor, z_lq: torch.Tensor, sigma: torch.Tensor, draws: StepDraws) -> torch.Tensor:
    """Return the clean latents under noise, or, where not to be diffused, the low-quality latents."""
    level = sigma.view(-1, 1, 1, 1, 1)
    noised = draws.noised.to(clean.device).view(-1, 1, 1, 1, 1)
    noise = torch.randn_like(clean[:: draws.tasks_per_clip])
    return torch.where(noised, clean + level * noise.repeat_interleave(draws.tasks_per_clip, 0), z_lq)


def _lacking(what: str, term: str) -> TrainingDataUnusable:
    return TrainingDataUnusable(
        f"The clips do not say {what}, which the loss {term} learns from.",
        remedy=f"Use clips that do, or set the weight of {term} to 0.",
    )
