"""SVFR's UNet, and an exact, cheaper way to evaluate it.

The network is diffusers' UNetSpatioTemporalConditionModel with 3 x C input channels: the noisy latent, the
low-quality latent, the reference latent (SVFR section 3.4; the official weights have the same keys and
shapes). :class:`FastUNet` computes the same function over the same modules and parameters, and leaves out
work whose result is known:

- Identity tokens are the same for all frames and pixels, and for all steps. diffusers repeats them per frame
  for the spatial and per pixel for the temporal cross-attention and projects every copy; here keys and values
  are projected once for each distinct set of tokens (:class:`TokenProjection`).
- Zero tokens have zero values, since the projections have no bias: cross-attention then returns the bias of
  its output layer, and neither queries nor attention are computed.
- All frames share one noise level and one task set: their embedding is computed once, not once a frame.
- A temporal (3, 1, 1) Conv3d is a (3, 1) Conv2d over frames and flattened pixels.
- ``alpha x + (1 - alpha) (x + h)`` is ``x + (1 - alpha) h``.

Several windows of one length may be evaluated as one batch, with tokens and without. What the topmost level
gets from those below, its deep features, can be taken out and given again, as DeepCache does (Ma et al. 2024,
arXiv 2312.00858): given those of the same input the output is the same bit for bit, given those of an earlier
step it is near.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from diffusers.models.attention import TemporalBasicTransformerBlock
from diffusers.models.attention_processor import Attention
from diffusers.models.resnet import SpatioTemporalResBlock, TemporalResnetBlock
from diffusers.models.transformers.transformer_temporal import TransformerSpatioTemporalModel
from diffusers.models.unets.unet_spatio_temporal_condition import UNetSpatioTemporalConditionModel
from torch import nn
from torch.nn import functional

TokenProjection = Mapping[nn.Module, tuple[torch.Tensor, torch.Tensor]]


class CompiledBranches(Protocol):
    """Compiled forms of :meth:`FastUNet.branch`, each for one set of shapes."""

    def branch(
        self,
        unet: nn.Module,
        sample: torch.Tensor,
        embedding: torch.Tensor,
        tokens: TokenProjection | None,
        *,
        windows: int,
        with_tokens: int,
    ) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Return what the method returns without ``deep``; None where there is none for these shapes."""


def build_unet(config: Mapping[str, Any]) -> UNetSpatioTemporalConditionModel:
    """Build the network with random weights; keys that start with an underscore are ignored."""
    known = {k: tuple(v) if isinstance(v, list) else v for k, v in config.items() if not k.startswith("_")}
    return UNetSpatioTemporalConditionModel(**known).eval()


class FastUNet:
    """Evaluates one branch of a UNet for one window of frames; it holds no weights of its own.

    Where ``compiled`` has a form for a call's shapes, that is run instead.
    """

    def __init__(self, unet: nn.Module, compiled: CompiledBranches | None = None) -> None:
        self._unet: Any = unet
        self._compiled = compiled
        transformers = [m for m in unet.modules() if isinstance(m, TransformerSpatioTemporalModel)]
        self._cross_attentions: list[Attention] = [
            block.attn2
            for module in transformers
            for block in (*module.transformer_blocks, *module.temporal_transformer_blocks)
        ]

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self._unet.conv_in.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """The number type of the weights, in which the network computes."""
        return self._unet.conv_in.weight.dtype

    @contextmanager
    def computing_in(self, dtype: torch.dtype) -> Iterator[None]:
        """Within the block the weights are ``dtype``; a wider one and back leaves every bit as it was."""
        own = self.dtype
        nn.Module.to(self._unet, dtype)  # diffusers' own warns, for layers that this network does not have
        try:
            yield
        finally:
            nn.Module.to(self._unet, own)

    def project_tokens(self, tokens: torch.Tensor) -> TokenProjection:
        """Project tokens (1, L, channels) to the keys and values of every cross-attention, once."""
        given = tokens.to(self.device, self.dtype)
        return {
            attention: (
                _split_heads(attention.to_k(given), attention.heads),
                _split_heads(attention.to_v(given), attention.heads),
            )
            for attention in self._cross_attentions
        }

    def as_projection(self, tokens: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> TokenProjection:
        """Return what :meth:`project_tokens` does of its values alone, in their order."""
        return dict(zip(self._cross_attentions, tokens, strict=True))

    def __call__(
        self,
        sample: torch.Tensor,
        timestep: float,
        added_time_ids: torch.Tensor,
        tokens: TokenProjection | None,
    ) -> torch.Tensor:
        """Return the network's output (F, C, h, w) for one window ``sample`` (F, 3C, h, w).

        ``timestep`` is 0.25 ln sigma, ``added_time_ids`` the task bits (1, 3); ``tokens`` None stands for
        zero tokens. Equal to diffusers' forward with a batch of one, up to float rounding.
        """
        return self.evaluate(sample, timestep, added_time_ids, tokens)[0]

    def evaluate(
        self,
        sample: torch.Tensor,
        timestep: float,
        added_time_ids: torch.Tensor,
        tokens: TokenProjection | None,
        *,
        deep: torch.Tensor | None = None,
        windows: int = 1,
        with_tokens: int | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the output (F, C, h, w) for ``sample`` (F, 3C, h, w), and its deep features (F, D, h, w).

        ``deep`` given: the levels below the topmost are not evaluated. ``sample`` may hold several
        ``windows`` of F / windows frames, one behind the other; the first ``with_tokens`` of them, None: all,
        attend to ``tokens``, the others to zero tokens.
        """
        attending = 0 if tokens is None else windows if with_tokens is None else with_tokens
        sample, embedding = sample.to(self.dtype), self.embed(timestep, added_time_ids)
        if self._compiled is not None and deep is None:
            found = self._compiled.branch(
                self._unet, sample, embedding, tokens, windows=windows, with_tokens=attending
            )
            if found is not None:
                return found
        return self.branch(sample, embedding, tokens, deep=deep, windows=windows, with_tokens=attending)

    def branch(
        self,
        sample: torch.Tensor,
        embedding: torch.Tensor,
        tokens: TokenProjection | None,
        *,
        deep: torch.Tensor | None,
        windows: int,
        with_tokens: int,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Do what :meth:`evaluate` does for an ``embedding`` (1, E) of :meth:`embed`: tensors in and out."""
        unet = self._unet
        given = _Given(embedding=embedding, tokens=tokens, windows=windows, with_tokens=with_tokens)
        top = [unet.conv_in(sample)]
        hidden = _down(unet.down_blocks[0], top[0], given, top)
        if deep is None:
            deep = self._below_the_top(hidden, given)
        hidden = _up(unet.up_blocks[-1], deep.to(self.dtype), given, top)
        return unet.conv_out(unet.conv_act(unet.conv_norm_out(hidden))), deep

    def _below_the_top(self, hidden: torch.Tensor, given: _Given) -> torch.Tensor:
        """Return what the last block up gets from the levels below the topmost, in its height and width."""
        unet, size = self._unet, hidden.shape[2:]
        skips: list[torch.Tensor] = []
        for number, block in enumerate(unet.down_blocks):
            hidden = _down(block, hidden, given, skips) if number else hidden
            for downsampler in block.downsamplers or ():
                hidden = downsampler(hidden)
                skips.append(hidden)
        hidden = _resnet(unet.mid_block.resnets[0], hidden, given)
        for attention, resnet in zip(unet.mid_block.attentions, unet.mid_block.resnets[1:], strict=True):
            hidden = _resnet(resnet, _transformer(attention, hidden, given), given)
        for block in unet.up_blocks[:-1]:
            hidden = _up(block, hidden, given, skips)
            for upsampler in block.upsamplers or ():
                # sizes that do not halve evenly must come back as they were, not doubled
                hidden = upsampler(hidden, skips[-1].shape[2:] if skips else size)
        return hidden

    def embed(self, timestep: float, added_time_ids: torch.Tensor) -> torch.Tensor:
        """Return the (1, E) embedding of noise level and tasks."""
        unet = self._unet
        step = torch.tensor([timestep], dtype=torch.float32, device=self.device)
        task_bits = unet.add_time_proj(added_time_ids.to(self.device).flatten()).reshape(1, -1)
        return unet.time_embedding(unet.time_proj(step).to(self.dtype)) + unet.add_embedding(
            task_bits.to(self.dtype)
        )


@dataclass(frozen=True, kw_only=True)
class _Given:
    """What every layer is told: (1, E) of noise level and tasks, tokens, and how many windows there are.

    The first ``with_tokens`` windows attend to ``tokens``, the others to zero tokens.
    """

    embedding: torch.Tensor
    tokens: TokenProjection | None
    windows: int
    with_tokens: int


def _down(block: Any, hidden: torch.Tensor, given: _Given, skips: list[torch.Tensor]) -> torch.Tensor:
    """Evaluate a block's layers, not its downsampler, and append what the way up is given of each."""
    for i, resnet in enumerate(block.resnets):
        hidden = _resnet(resnet, hidden, given)
        if hasattr(block, "attentions"):
            hidden = _transformer(block.attentions[i], hidden, given)
        skips.append(hidden)
    return hidden


def _up(block: Any, hidden: torch.Tensor, given: _Given, skips: list[torch.Tensor]) -> torch.Tensor:
    """Evaluate a block's layers, not its upsampler, each with the last of ``skips``, which is taken away."""
    for i, resnet in enumerate(block.resnets):
        hidden = _resnet(resnet, torch.cat([hidden, skips.pop()], dim=1), given)
        if hasattr(block, "attentions"):
            hidden = _transformer(block.attentions[i], hidden, given)
    return hidden


def _split_heads(x: torch.Tensor, heads: int) -> torch.Tensor:
    """(1, N, heads * d) to (1, heads, N, d)."""
    return x.view(1, -1, heads, x.shape[-1] // heads).transpose(1, 2)


def _temporal_convolution(conv: nn.Conv3d, x: torch.Tensor) -> torch.Tensor:
    """Apply a (3, 1, 1) convolution to (windows, C, F, pixels)."""
    return functional.conv2d(x, conv.weight[..., 0], conv.bias, padding=(1, 0))


def _temporal_residual(block: TemporalResnetBlock, x: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
    """Return what the temporal block adds to its input (windows, C, F, pixels)."""
    hidden = _temporal_convolution(block.conv1, block.nonlinearity(block.norm1(x)))
    hidden = hidden + block.time_emb_proj(block.nonlinearity(embedding))[:, :, None, None]
    return _temporal_convolution(block.conv2, block.nonlinearity(block.norm2(hidden)))


def _resnet(block: SpatioTemporalResBlock, x: torch.Tensor, given: _Given) -> torch.Tensor:
    """Evaluate a spatial and a temporal residual block on (windows * F, C, h, w)."""
    spatial = block.spatial_res_block(x, given.embedding)
    count, channels, height, width = spatial.shape
    residual = _temporal_residual(block.temporal_res_block, _by_channel(spatial, given), given.embedding)
    residual = residual.transpose(1, 2).reshape(count, channels, height, width)
    return torch.addcmul(spatial, residual, _temporal_share(block.time_mixer, spatial))


def _by_channel(x: torch.Tensor, given: _Given) -> torch.Tensor:
    """(windows * F, C, h, w) to (windows, C, F, h * w)."""
    if given.windows == 1:  # strides that no library takes for channels last, so that bits stay as they were
        return x.transpose(0, 1).reshape(1, x.shape[1], x.shape[0], -1)
    return x.flatten(2).unflatten(0, (given.windows, -1)).transpose(1, 2)


def _temporal_share(mixer: nn.Module, like: torch.Tensor) -> torch.Tensor:
    """Return 1 - alpha of a learned mixer: how much of the temporal branch is blended in for video frames."""
    # in float32: one minus a number near one has few bits left in a narrow type
    return (1.0 - torch.sigmoid(mixer.get_parameter("mix_factor").float())).to(like.dtype)


def _cross_attend(attention: Attention, norm: nn.Module, x: torch.Tensor, given: _Given) -> torch.Tensor:
    """Add cross-attention to ``x`` (A, B, channels), window by window; the order of its rows is free."""
    output: Any = attention.to_out[0]
    if given.tokens is None or given.with_tokens == 0:
        return x + output.bias
    if given.with_tokens < given.windows:
        rows = x.shape[0] * given.with_tokens // given.windows
        attending = _cross_attend(attention, norm, x[:rows], replace(given, windows=given.with_tokens))
        return torch.cat([attending, x[rows:] + output.bias])
    key, value = given.tokens[attention]
    query = _split_heads(attention.to_q(norm(x)).reshape(1, -1, key.shape[1] * key.shape[3]), attention.heads)
    attended = functional.scaled_dot_product_attention(query, key, value)
    return x + output(attended.transpose(1, 2).reshape(*x.shape[:2], -1))


def _transformer(model: TransformerSpatioTemporalModel, x: torch.Tensor, given: _Given) -> torch.Tensor:
    """Evaluate the spatial and temporal transformer blocks on (windows * F, C, h, w)."""
    count, channels, height, width = x.shape
    windows, frames = given.windows, count // given.windows
    positions = model.time_proj(torch.arange(frames, device=x.device)).to(x.dtype)
    positions = model.time_pos_embed(positions)[:, None]
    hidden = model.norm(x).permute(0, 2, 3, 1).reshape(count, height * width, channels)
    hidden = model.proj_in(hidden)
    share = _temporal_share(model.time_mixer, x)
    blocks: Any = zip(model.transformer_blocks, model.temporal_transformer_blocks, strict=True)
    for spatial, temporal in blocks:
        hidden = hidden + spatial.attn1(spatial.norm1(hidden))
        hidden = _cross_attend(spatial.attn2, spatial.norm2, hidden, given)
        hidden = hidden + spatial.ff(spatial.norm3(hidden))
        placed = hidden.unflatten(0, (windows, frames)) + positions
        over_time = _temporal_block(temporal, placed.transpose(1, 2).flatten(0, 1), given)
        over_time = over_time.unflatten(0, (windows, -1)).transpose(1, 2).flatten(0, 1)
        hidden = torch.lerp(hidden, over_time, share)
    hidden = model.proj_out(hidden).reshape(count, height, width, channels).permute(0, 3, 1, 2)
    return hidden + x


def _temporal_block(block: TemporalBasicTransformerBlock, x: torch.Tensor, given: _Given) -> torch.Tensor:
    """Evaluate a temporal transformer block on (windows * pixels, F, channels)."""
    x = x + block.ff_in(block.norm_in(x))
    x = x + block.attn1(block.norm1(x))
    x = _cross_attend(block.attn2, block.norm2, x, given)
    return x + block.ff(block.norm3(x))
