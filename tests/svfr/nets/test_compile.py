"""Both networks of a window are one graph each: what a compiler needs to fuse them without falling back."""

from __future__ import annotations

import torch
from sampling_models import TOKEN_CHANNELS, random_unet

from svfr.nets.kl_temporal import KlTemporalCodec, build_kl
from svfr.nets.unet import FastUNet

ONE_BLOCK = {
    "down_block_types": ["CrossAttnDownBlockSpatioTemporal"],
    "up_block_types": ["CrossAttnUpBlockSpatioTemporal"],
    "block_out_channels": [32],
    "num_attention_heads": [2],
    "addition_time_embed_dim": 8,
}
VAE = {"block_out_channels": [32], "down_block_types": ["DownEncoderBlock2D"], "layers_per_block": 1}


def test_a_branch_of_the_unet_is_one_graph() -> None:
    network = FastUNet(random_unet(**ONE_BLOCK))
    tokens = network.project_tokens(torch.ones(1, 3, TOKEN_CHANNELS))
    sample, tasks = torch.randn(2, 12, 4, 4), torch.tensor([[1.0, 0.0, 1.0]])
    compiled = torch.compile(lambda x: network(x, 0.5, tasks, tokens), backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(sample), network(sample, 0.5, tasks, tokens))


def test_the_decoder_is_one_graph() -> None:
    codec = KlTemporalCodec(build_kl(VAE).requires_grad_(False))
    latents = torch.randn(2, 4, 4, 4)
    compiled = torch.compile(codec.decode, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(latents), codec.decode(latents))
