"""The preview model's UNet: SVFR's class and 3 x C layout at a size that trains on two cores.

The temporal parts start as an exact identity, so that single pictures can teach the spatial parts first
(cheaper, and sixteen different faces a step instead of two) and clips refine both.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from diffusers.models.attention import TemporalBasicTransformerBlock
from diffusers.models.resnet import SpatioTemporalResBlock, TemporalResnetBlock
from diffusers.models.transformers.transformer_temporal import TransformerSpatioTemporalModel
from diffusers.models.unets.unet_spatio_temporal_condition import UNetSpatioTemporalConditionModel
from torch import nn

from svfr.nets.temporal_conv import use_fast_temporal_convolutions


def preview_unet_config(
    *,
    latent_channels: int,
    latent_px: int,
    widths: tuple[int, ...],
    token_channels: int,
    window: int,
    hole_plane: bool = False,
    layers: tuple[int, ...] | int = 1,
    attention: Literal["lowest", "middle"] = "lowest",
) -> dict[str, Any]:
    """Return the diffusers config of a preview UNet.

    Attention only at the lowest resolution: at twice the side it costs more than all convolutions.
    ``layers``, ``attention``: see :class:`svfr.training.recipe.config.NetworkConfig`.
    """
    levels = len(widths)
    lowest = "CrossAttn" if attention == "lowest" else ""
    return {
        "sample_size": latent_px,
        "in_channels": 3 * latent_channels + hole_plane,
        "out_channels": latent_channels,
        "down_block_types": ["DownBlockSpatioTemporal"] * (levels - 1) + [f"{lowest}DownBlockSpatioTemporal"],
        "up_block_types": [f"{lowest}UpBlockSpatioTemporal"] + ["UpBlockSpatioTemporal"] * (levels - 1),
        "block_out_channels": list(widths),
        "addition_time_embed_dim": 32,
        "projection_class_embeddings_input_dim": 96,
        "layers_per_block": layers if isinstance(layers, int) else list(layers),
        "cross_attention_dim": token_channels,
        "num_attention_heads": [4] * levels,
        "num_frames": window,
    }


def _zero(layer: nn.Module) -> None:
    for parameter in layer.parameters(recurse=False):
        nn.init.zeros_(parameter)


def build_preview_unet(config: dict[str, Any]) -> UNetSpatioTemporalConditionModel:
    """Build a UNet whose output is zero and whose temporal branches are an exact identity."""
    unet = UNetSpatioTemporalConditionModel(**config)
    use_fast_temporal_convolutions(unet)
    _zero(unet.conv_out)
    for module in unet.modules():
        if isinstance(module, TemporalResnetBlock):
            _zero(module.conv2)
        elif isinstance(module, TransformerSpatioTemporalModel):
            _zero(module.proj_out)
            _zero(module.time_pos_embed.linear_2)
        elif isinstance(module, TemporalBasicTransformerBlock):
            for feed_forward in (module.ff_in, module.ff):
                _zero(feed_forward.net[-1])
            for attention in (module.attn1, module.attn2):
                if attention is not None:
                    _zero(attention.to_out[0])
    return unet


def _spatial_res_block(
    block: SpatioTemporalResBlock,
    hidden: torch.Tensor,
    temb: torch.Tensor | None = None,
    image_only_indicator: torch.Tensor | None = None,
) -> torch.Tensor:
    return block.spatial_res_block(hidden, temb)


def _spatial_transformer(
    model: TransformerSpatioTemporalModel,
    hidden_states: torch.Tensor,
    encoder_hidden_states: torch.Tensor,
    image_only_indicator: torch.Tensor | None = None,
    return_dict: bool = True,
) -> tuple[torch.Tensor]:
    batch, channels, height, width = hidden_states.shape
    x = model.norm(hidden_states).permute(0, 2, 3, 1).reshape(batch, height * width, channels)
    x = model.proj_in(x)
    for block in model.transformer_blocks:
        x = block(x, encoder_hidden_states=encoder_hidden_states)
    x = model.proj_out(x).reshape(batch, height, width, channels).permute(0, 3, 1, 2)
    return (x + hidden_states,)


@contextmanager
def spatial_parts_only(unet: nn.Module) -> Iterator[None]:
    """Within the block, forward passes of single frames skip every temporal branch.

    Equal to the full forward as long as the temporal parts are the identity they start as.
    """
    changed: list[nn.Module] = []
    for module in unet.modules():
        if isinstance(module, SpatioTemporalResBlock):
            module.forward = functools.partial(_spatial_res_block, module)  # type: ignore[method-assign]
            changed.append(module)
        elif isinstance(module, TransformerSpatioTemporalModel):
            module.forward = functools.partial(_spatial_transformer, module)  # type: ignore[method-assign]
            changed.append(module)
    try:
        yield
    finally:
        for module in changed:
            del module.__dict__["forward"]
