"""SVD's picture codec behind the interface that all codecs share.

diffusers' AutoencoderKLTemporalDecoder: pictures are encoded one by one, latents are decoded in chunks of
frames that its temporal layers see together. It encodes in float32 whatever the UNet's type, as published
(``force_upcast``): float16 overflows in its encoder. Decoding may be float16, as published.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import torch
from diffusers.models.autoencoders.autoencoder_kl_temporal_decoder import AutoencoderKLTemporalDecoder
from torch import nn

from svfr.nets.decode_in_chunks import DecodeMemory, decode_in_chunks
from svfr.nets.device_memory import usable_bytes
from svfr.nets.temporal_conv import use_fast_temporal_convolutions

# Pictures encoded at a time: the encoder treats each by itself, so this only bounds memory.
ENCODE_CHUNK = 4


class CompiledDecoder(Protocol):
    """Compiled forms of a decoder, each for one shape of latents."""

    def decode(self, vae: nn.Module, latents: torch.Tensor) -> torch.Tensor | None:
        """Return the pictures of a window in the decoder's type; None where there is none for the shape."""


def build_kl(config: Mapping[str, Any]) -> AutoencoderKLTemporalDecoder:
    """Build the autoencoder from its diffusers config; keys that start with an underscore are ignored."""
    known = {k: v for k, v in config.items() if not k.startswith("_")}
    return AutoencoderKLTemporalDecoder(**known).eval()


class KlTemporalCodec(nn.Module):
    """Pictures (N, 3, H, W) in [-1, 1] to unscaled latents (N, C, H/factor, W/factor), and back.

    The autoencoder it is given becomes its own: its encoder float32, its decoder ``decode_dtype``, its
    temporal convolutions in their fast form.
    """

    def __init__(
        self,
        vae: AutoencoderKLTemporalDecoder,
        decode_dtype: torch.dtype = torch.float32,
        usable_bytes: Callable[[torch.device], int | None] = usable_bytes,
    ) -> None:
        super().__init__()
        self.vae = vae.float()
        self.vae.decoder.to(decode_dtype)
        self.decode_dtype = decode_dtype
        self._usable_bytes = usable_bytes
        use_fast_temporal_convolutions(self.vae)
        self.channels = int(vae.config["latent_channels"])
        self.factor = 2 ** (len(vae.config["block_out_channels"]) - 1)
        self.scaling_factor = float(vae.config["scaling_factor"])

    def in_place(self) -> AbstractContextManager[None]:
        """Return a block without an effect: the weights are where they are."""
        return nullcontext()

    def encode(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return the mean of the latent distribution, without the scaling factor, float32."""
        parts = pictures.float().split(ENCODE_CHUNK)
        return torch.cat([self.vae.encode(part).latent_dist.mode() for part in parts])

    def decode(self, latents: torch.Tensor, compiled: CompiledDecoder | None = None) -> torch.Tensor:
        """Decode unscaled (N, C, h, w), all N frames seen together, to pictures that may leave [-1, 1].

        Where a device has little memory left, a few frames at a time: the same picture up to float rounding.
        What a narrow decoder leaves infinite or NaN is decoded again in float32. A whole window is decoded by
        ``compiled`` where that has a form for its shape. Returns float32.
        """
        pictures = self._decode(latents, self.decode_dtype, compiled)
        if self.decode_dtype == torch.float32 or bool(torch.isfinite(pictures).all()):
            return pictures
        self.vae.decoder.float()
        try:
            return self._decode(latents, torch.float32)
        finally:
            self.vae.decoder.to(self.decode_dtype)

    def _decode(
        self, latents: torch.Tensor, dtype: torch.dtype, compiled: CompiledDecoder | None = None
    ) -> torch.Tensor:
        frames, latents = len(latents), latents.to(dtype)
        widths = self.vae.config["block_out_channels"]
        memory = DecodeMemory(
            last=widths[0],
            before=widths[min(1, len(widths) - 1)],
            picture_px=self.factor * max(latents.shape[2:]),
            element_bytes=latents.element_size(),
        )
        at_once = memory.frames_at_once(frames, self._usable_bytes(latents.device))
        if at_once < frames:
            return decode_in_chunks(self.vae.decoder, latents, at_once).float()
        found = None if compiled is None else compiled.decode(self.vae, latents)
        return (self.vae.decode(latents, num_frames=frames).sample if found is None else found).float()
