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
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from diffusers.models.attention import TemporalBasicTransformerBlock
from diffusers.models.attention_processor import Attention
from diffusers.models.resnet import SpatioTemporalResBlock, TemporalResnetBlock
from diffusers.models.transformers.transformer_temporal import TransformerSpatioTemporalModel
from diffusers.models.unets.unet_spatio_temporal_condition import UNetSpatioTemporalConditionModel
from torch import nn
from torch.nn import functional

TokenProjection = Mapping[nn.Module, tuple[torch.Tensor, torch.Tensor]]


def build_unet(config: Mapping[str, Any]) -> UNetSpatioTemporalConditionModel:
    """Build the network with random weights; keys that start with an underscore are ignored."""
    known = {k: tuple(v) if isinstance(v, list) else v for k, v in config.items() if not k.startswith("_")}
    return UNetSpatioTemporalConditionModel(**known).eval()


class FastUNet:
    """Evaluates one branch of a UNet for one window of frames; it holds no weights of its own."""

    def __init__(self, unet: nn.Module) -> None:
        self._unet: Any = unet
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
        unet = self._unet
        embedding = self._embed(timestep, added_time_ids)
        hidden = unet.conv_in(sample.to(self.dtype))
        skips = [hidden]
        for block in unet.down_blocks:
            for i, resnet in enumerate(block.resnets):
                hidden = _resnet(resnet, hidden, embedding)
                if hasattr(block, "attentions"):
                    hidden = _transformer(block.attentions[i], hidden, tokens)
                skips.append(hidden)
            for downsampler in block.downsamplers or ():
                hidden = downsampler(hidden)
                skips.append(hidden)
        hidden = _resnet(unet.mid_block.resnets[0], hidden, embedding)
        for attention, resnet in zip(unet.mid_block.attentions, unet.mid_block.resnets[1:], strict=True):
            hidden = _resnet(resnet, _transformer(attention, hidden, tokens), embedding)
        for block in unet.up_blocks:
            for i, resnet in enumerate(block.resnets):
                hidden = _resnet(resnet, torch.cat([hidden, skips.pop()], dim=1), embedding)
                if hasattr(block, "attentions"):
                    hidden = _transformer(block.attentions[i], hidden, tokens)
            for upsampler in block.upsamplers or ():
                # sizes that do not halve evenly must come back as they were, not doubled
                hidden = upsampler(hidden, skips[-1].shape[2:])
        return unet.conv_out(unet.conv_act(unet.conv_norm_out(hidden)))

    def _embed(self, timestep: float, added_time_ids: torch.Tensor) -> torch.Tensor:
        """Return the (1, E) embedding of noise level and tasks."""
        unet = self._unet
        step = torch.tensor([timestep], dtype=torch.float32, device=self.device)
        task_bits = unet.add_time_proj(added_time_ids.to(self.device).flatten()).reshape(1, -1)
        return unet.time_embedding(unet.time_proj(step).to(self.dtype)) + unet.add_embedding(
            task_bits.to(self.dtype)
        )


def _split_heads(x: torch.Tensor, heads: int) -> torch.Tensor:
    """(1, N, heads * d) to (1, heads, N, d)."""
    return x.view(1, -1, heads, x.shape[-1] // heads).transpose(1, 2)


def _temporal_convolution(conv: nn.Conv3d, x: torch.Tensor) -> torch.Tensor:
    """Apply a (3, 1, 1) convolution to (1, C, F, pixels)."""
    return functional.conv2d(x, conv.weight[..., 0], conv.bias, padding=(1, 0))


def _temporal_residual(block: TemporalResnetBlock, x: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
    """Return what the temporal block adds to its input (1, C, F, pixels)."""
    hidden = _temporal_convolution(block.conv1, block.nonlinearity(block.norm1(x)))
    hidden = hidden + block.time_emb_proj(block.nonlinearity(embedding))[:, :, None, None]
    return _temporal_convolution(block.conv2, block.nonlinearity(block.norm2(hidden)))


def _resnet(block: SpatioTemporalResBlock, x: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
    """Evaluate a spatial and a temporal residual block on (F, C, h, w)."""
    spatial = block.spatial_res_block(x, embedding)
    frames, channels, height, width = spatial.shape
    by_channel = spatial.transpose(0, 1).reshape(1, channels, frames, height * width)
    residual = _temporal_residual(block.temporal_res_block, by_channel, embedding)
    residual = residual.view(channels, frames, height, width).transpose(0, 1)
    return torch.addcmul(spatial, residual, _temporal_share(block.time_mixer, spatial))


def _temporal_share(mixer: nn.Module, like: torch.Tensor) -> torch.Tensor:
    """Return 1 - alpha of a learned mixer: how much of the temporal branch is blended in for video frames."""
    # in float32: one minus a number near one has few bits left in a narrow type
    return (1.0 - torch.sigmoid(mixer.get_parameter("mix_factor").float())).to(like.dtype)


def _cross_attend(
    attention: Attention, norm: nn.Module, x: torch.Tensor, tokens: TokenProjection | None
) -> torch.Tensor:
    """Add cross-attention to ``x`` (A, B, channels); the order of its rows does not matter."""
    output: Any = attention.to_out[0]
    if tokens is None:
        return x + output.bias
    key, value = tokens[attention]
    query = _split_heads(attention.to_q(norm(x)).reshape(1, -1, key.shape[1] * key.shape[3]), attention.heads)
    attended = functional.scaled_dot_product_attention(query, key, value)
    return x + output(attended.transpose(1, 2).reshape(*x.shape[:2], -1))


def _transformer(
    model: TransformerSpatioTemporalModel, x: torch.Tensor, tokens: TokenProjection | None
) -> torch.Tensor:
    """Evaluate the spatial and temporal transformer blocks on (F, C, h, w)."""
    frames, channels, height, width = x.shape
    positions = model.time_proj(torch.arange(frames, device=x.device)).to(x.dtype)
    positions = model.time_pos_embed(positions)[:, None]
    hidden = model.norm(x).permute(0, 2, 3, 1).reshape(frames, height * width, channels)
    hidden = model.proj_in(hidden)
    share = _temporal_share(model.time_mixer, x)
    blocks: Any = zip(model.transformer_blocks, model.temporal_transformer_blocks, strict=True)
    for spatial, temporal in blocks:
        hidden = hidden + spatial.attn1(spatial.norm1(hidden))
        hidden = _cross_attend(spatial.attn2, spatial.norm2, hidden, tokens)
        hidden = hidden + spatial.ff(spatial.norm3(hidden))
        over_time = _temporal_block(temporal, (hidden + positions).transpose(0, 1), tokens)
        hidden = torch.lerp(hidden, over_time.transpose(0, 1), share)
    hidden = model.proj_out(hidden).reshape(frames, height, width, channels).permute(0, 3, 1, 2)
    return hidden + x


def _temporal_block(
    block: TemporalBasicTransformerBlock, x: torch.Tensor, tokens: TokenProjection | None
) -> torch.Tensor:
    """Evaluate a temporal transformer block on (pixels, F, channels)."""
    x = x + block.ff_in(block.norm_in(x))
    x = x + block.attn1(block.norm1(x))
    x = _cross_attend(block.attn2, block.norm2, x, tokens)
    return x + block.ff(block.norm3(x))
