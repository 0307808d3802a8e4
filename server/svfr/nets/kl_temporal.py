"""SVD's picture codec behind the interface that all codecs share.

diffusers' AutoencoderKLTemporalDecoder: pictures are encoded one by one, latents are decoded in chunks of
frames that its temporal layers see together. It works in float32 whatever the UNet's type, as published for
encoding (``force_upcast``): float16 overflows in its encoder.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_temporal_decoder import AutoencoderKLTemporalDecoder
from torch import nn

from svfr.nets.temporal_conv import use_fast_temporal_convolutions

# Pictures encoded at a time: the encoder treats each by itself, so this only bounds memory.
_ENCODE_CHUNK = 4


def build_kl(config: Mapping[str, Any]) -> AutoencoderKLTemporalDecoder:
    """Build the autoencoder from its diffusers config; keys that start with an underscore are ignored."""
    known = {k: v for k, v in config.items() if not k.startswith("_")}
    return AutoencoderKLTemporalDecoder(**known).eval()


class KlTemporalCodec(nn.Module):
    """Pictures (N, 3, H, W) in [-1, 1] to unscaled latents (N, C, H/factor, W/factor), and back.

    The autoencoder it is given becomes its own: float32, its temporal convolutions in their fast form.
    """

    def __init__(self, vae: AutoencoderKLTemporalDecoder) -> None:
        super().__init__()
        self.vae = vae.float()
        use_fast_temporal_convolutions(self.vae)
        self.channels = int(vae.config["latent_channels"])
        self.factor = 2 ** (len(vae.config["block_out_channels"]) - 1)
        self.scaling_factor = float(vae.config["scaling_factor"])

    def encode(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return the mean of the latent distribution, without the scaling factor, float32."""
        parts = pictures.float().split(_ENCODE_CHUNK)
        return torch.cat([self.vae.encode(part).latent_dist.mode() for part in parts])

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Decode unscaled (N, C, h, w), all N frames seen together, to pictures that may leave [-1, 1]."""
        return self.vae.decode(latents.float(), num_frames=latents.shape[0]).sample
