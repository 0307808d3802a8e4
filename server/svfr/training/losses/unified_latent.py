"""Unified Latent Regularization: clips look alike in the middle of the network, whatever their damage.

SVFR (section 3, Unified Latent Regularization) pulls together the middle-block features of one clip under
different tasks and pushes those of other clips away. The paper gives neither the temperature nor the size of
the transformer that makes one vector of the features; both are in the recipe, with their source.

Its formula is printed with negatives alone in the denominator, which is the decoupled form of Yeh et al. 2022
(arXiv 2110.06848): not bounded below, and without the factor that weakens easy positives. The usual InfoNCE
(van den Oord et al. 2018, arXiv 1807.03748) counts the positive there too. A recipe says which it means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from svfr.validation import NotNegativeInt, Positive, PositiveInt, Strict

Denominator = Literal["negatives", "positive_and_negatives"]

# Features are looked at as a grid of this many places a side, whatever the size of the crop.
_GRID = 4
_NO_CLIP = -1


@dataclass(frozen=True, kw_only=True)
class UnifiedLatentConfig(Strict):
    """The recipe's table ``[unified_latent]``.

    ``denominator``: "negatives" as printed in the SVFR paper, or "positive_and_negatives" (InfoNCE).
    ``queue`` embeddings of earlier steps serve as further negatives (0: none). ``width``, ``layers`` and
    ``heads`` are the latent transformer's, ``embedding`` the length of its vectors.
    """

    denominator: Denominator
    temperature: Positive
    queue: NotNegativeInt
    width: PositiveInt
    layers: PositiveInt
    heads: PositiveInt
    embedding: PositiveInt

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is no multiple of heads {self.heads}")


@dataclass(frozen=True)
class Embeddings:
    """Vectors (N, D) of length one and the clip (N,) each was made from."""

    vectors: torch.Tensor
    clips: torch.Tensor


def contrastive_loss(
    batch: Embeddings, earlier: Embeddings, temperature: float, denominator: Denominator
) -> torch.Tensor:
    """Return the mean loss of the anchors, a scalar; 0 when no anchor has both a positive and a negative.

    Each vector of the batch is an anchor; its positives are the batch's other vectors of its clip, its
    negatives all vectors of other clips, ``earlier`` ones too. With p and n their similarities over the
    temperature, a positive costs ``-p + log sum exp(n)``, where "positive_and_negatives" counts exp(p) in
    the sum. Several positives of one anchor count by their mean (Khosla et al. 2020, arXiv 2004.11362).
    """
    count = len(batch.clips)
    candidates = torch.cat([batch.vectors, earlier.vectors])
    same = batch.clips[:, None] == torch.cat([batch.clips, earlier.clips])[None]
    # An older vector of the anchor's own clip is neither: no negative, and stale as a positive.
    others = ~torch.eye(count, dtype=torch.bool, device=same.device)
    positives, negatives = same[:, :count] & others, ~same
    rows = positives.any(1) & negatives.any(1)
    if not bool(rows.any()):
        return (batch.vectors * 0.0).sum()
    similarity = (batch.vectors @ candidates.T / temperature)[rows]
    pull = similarity[:, :count]
    push = torch.where(negatives[rows], similarity, -torch.inf).logsumexp(1, keepdim=True)
    costs = (push if denominator == "negatives" else torch.logaddexp(push, pull)) - pull
    chosen = positives[rows]
    return ((costs * chosen).sum(1) / chosen.sum(1)).mean()


class LatentTransformer(nn.Module):
    """Features (N, F, C, h, w) of N clips to vectors (N, D) of length one.

    Pooled to 4 x 4 places a frame; a learned token gathers from the places of all frames. Frames carry no
    position: what a clip shows does not depend on which way time runs.
    """

    def __init__(self, channels: int, config: UnifiedLatentConfig) -> None:
        super().__init__()
        self.project_in = nn.Linear(channels, config.width)
        self.places = nn.Parameter(torch.randn(_GRID**2, config.width) * 0.02)
        self.gather = nn.Parameter(torch.randn(config.width) * 0.02)
        layer = nn.TransformerEncoderLayer(
            config.width,
            config.heads,
            dim_feedforward=4 * config.width,
            dropout=0.0,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.body = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(config.width)
        self.project_out = nn.Linear(config.width, config.embedding)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return one vector for each clip."""
        clips = features.shape[0]
        pooled = functional.adaptive_avg_pool2d(features.flatten(0, 1), _GRID).flatten(2).transpose(1, 2)
        tokens = (self.project_in(pooled) + self.places).unflatten(0, features.shape[:2]).flatten(1, 2)
        gathered = self.body(torch.cat([self.gather.expand(clips, 1, -1), tokens], dim=1))[:, 0]
        return functional.normalize(self.project_out(self.norm(gathered)), dim=-1)


class FeatureQueue(nn.Module):
    """The last vectors of earlier steps, as further negatives where a batch holds few clips.

    Kept without a momentum network, as cross-batch memory (Wang et al. 2020, arXiv 1912.06798) does: while
    learning is slow, vectors of recent steps are as good as fresh ones. A part of the training state.
    """

    vectors: torch.Tensor
    clips: torch.Tensor
    oldest: torch.Tensor

    def __init__(self, size: int, embedding: int) -> None:
        super().__init__()
        self.register_buffer("vectors", torch.zeros(size, embedding))
        self.register_buffer("clips", torch.full((size,), _NO_CLIP))
        self.register_buffer("oldest", torch.zeros((), dtype=torch.long))

    def entries(self) -> Embeddings:
        """Return a copy of what has been pushed so far."""
        filled = self.clips != _NO_CLIP
        return Embeddings(self.vectors[filled], self.clips[filled])

    @torch.no_grad()
    def push(self, fresh: Embeddings) -> None:
        """Take in the vectors of a step; the oldest ones make room."""
        size = len(self.clips)
        count = min(size, len(fresh.clips))
        if count == 0:
            return
        places = (self.oldest + torch.arange(count, device=self.clips.device)) % size
        self.vectors[places] = fresh.vectors[-count:].detach().to(self.vectors)
        self.clips[places] = fresh.clips[-count:]
        self.oldest.copy_((self.oldest + count) % size)


class UnifiedLatent(nn.Module):
    """The loss with all that is trained and kept for it."""

    def __init__(self, channels: int, config: UnifiedLatentConfig) -> None:
        super().__init__()
        self.config = config
        self.transformer = LatentTransformer(channels, config)
        self.queue = FeatureQueue(config.queue, config.embedding)

    def forward(self, features: torch.Tensor, clips: torch.Tensor) -> torch.Tensor:
        """Return the loss of features (N, F, C, h, w) of clips (N,), whose vectors then join the queue."""
        fresh = Embeddings(self.transformer(features), clips)
        loss = contrastive_loss(fresh, self.queue.entries(), self.config.temperature, self.config.denominator)
        self.queue.push(fresh)
        return loss
