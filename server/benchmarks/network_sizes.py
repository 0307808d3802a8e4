"""What benchmarks of the networks run: the published autoencoder, and tiny networks to rehearse with."""

from __future__ import annotations

from typing import Any

from svfr.models.svd_folder import SVD_XT_UNET

VAE: dict[str, Any] = {
    "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "latent_channels": 4,
    "layers_per_block": 2,
}
TINY_UNET = {
    **SVD_XT_UNET,
    "block_out_channels": [32, 32, 32, 32],
    "num_attention_heads": [1, 1, 1, 1],
    "layers_per_block": 1,
    "cross_attention_dim": 32,
    "addition_time_embed_dim": 32,
    "projection_class_embeddings_input_dim": 96,
}
TINY_VAE = {**VAE, "block_out_channels": [32, 32, 32, 32], "layers_per_block": 1}
