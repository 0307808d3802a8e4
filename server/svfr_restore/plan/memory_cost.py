"""What a model takes of a device's memory, phase by phase, and what fits on which card.

The largest sums of feature maps alive at once are short formulas of the networks' widths; a test holds them
to a count on torch's meta device at the official size. They do not grow with a shot but for its latents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from svfr.models.networks import empty_networks
from svfr.models.spec import DiffusionSpec, KlTemporalSpec, ModelSpec, Preset
from svfr.nets.decode_in_chunks import DecodeMemory
from svfr.nets.kl_temporal import ENCODE_CHUNK
from svfr.precision import Precision, precision_for
from svfr_restore.compute_options import asked_batch, asked_number_types
from svfr_restore.memory_budget import (
    BASE_BYTES,
    PLATE_BYTES_PER_PIXEL,
    budget_bytes,
    kept_pixels_bytes,
    kept_squares_bytes,
    require_memory,
)

Residence = Literal["whole", "in chunks", "in turns"]

# Feature maps of the topmost level that are alive at once, in the UNet (its attention widens them eightfold)
# and in the autoencoder's encoder.
_UNET_MAPS, _ENCODER_MAPS = 22, 5
# Of each latent of a shot: low-quality, noisy, blended, and where the pass starts.
_LATENT_COPIES = 4
_FLOAT_BYTES, _RGB_BYTES = 4, 12
_LARGE_PLATE_PX = 3840 * 2160


@dataclass(frozen=True, kw_only=True)
class ModelMemory:
    """Bytes of a model on its device: the weights, and the largest sum of tensors of each phase.

    ``decode`` is that of a whole window, ``decode_least`` of the same frame by frame. ``latents`` are of each
    frame of the shot.
    """

    unet_weights: int
    codec_weights: int
    other_weights: int
    encode: int
    denoise: int
    decode: int
    decode_least: int
    latents: int

    @property
    def whole(self) -> int:
        """The peak with every network on the device and windows decoded at once."""
        return self.resident + max(self.encode, self.denoise, self.decode)

    @property
    def in_chunks(self) -> int:
        """The peak when windows are decoded frame by frame, as happens by itself when memory is short."""
        return self.resident + max(self.encode, self.denoise, self.decode_least)

    @property
    def in_turns(self) -> int:
        """The peak when UNet and codec change places besides: the rung after a lack of memory."""
        codec = self.codec_weights + max(self.encode, self.decode_least)
        return self.other_weights + max(self.unet_weights + self.denoise, codec)

    def fits(self, usable_bytes: float) -> Residence | None:
        """Return how the model works within ``usable_bytes``, the fastest way first; None: not at all."""
        ways: tuple[tuple[Residence, int], ...] = (
            ("whole", self.whole),
            ("in chunks", self.in_chunks),
            ("in turns", self.in_turns),
        )
        return next((way for way, needed in ways if needed <= usable_bytes), None)

    def branches_at_once(self, usable_bytes: float) -> int:
        """Return how many branches of a window can be evaluated at once within ``usable_bytes``."""
        return max(1, int((usable_bytes - self.resident) // self.denoise)) if self.denoise else 1

    def longest_shot(self, usable_bytes: float) -> int:
        """Return how many frames' latents fit beside the least that the model needs."""
        return max(0, int((usable_bytes - self.in_turns) // self.latents))

    @property
    def resident(self) -> int:
        """The weights of all networks."""
        return self.unet_weights + self.codec_weights + self.other_weights


@dataclass(frozen=True)
class SeenAtOnce:
    """How many frames the UNet and the picture decoder see together, at most."""

    unet: int
    decoder: int

    @classmethod
    def of(cls, model: DiffusionSpec, longest_track: int, sampler: str) -> SeenAtOnce:
        """Return them for a job: a short track makes short windows, where the model and the mode allow."""
        decoder = max(1, min(model.window, longest_track))
        if sampler == "official" or model.shortest_window is None:
            return cls(model.window, decoder)
        return cls(min(model.window, max(longest_track, model.shortest_window)), decoder)


def model_memory(model: DiffusionSpec, precision: Precision, seen: SeenAtOnce | None = None) -> ModelMemory:
    """Return what a model takes in the number types of ``precision``; ``seen`` None: in whole windows."""
    networks, seen = empty_networks(model), seen or SeenAtOnce(model.window, model.window)
    unet_size, decode_size = precision.unet.itemsize, precision.decode.itemsize
    side = model.crop_px // model.codec.factor
    unet = _UNET_MAPS * model.unet["block_out_channels"][0] * side**2 * seen.unet * unet_size
    codec_weights = encode = decode = least = 0
    if isinstance(model.codec, KlTemporalSpec) and networks.vae is not None:
        decoder = _numbers(networks.vae.decoder)
        codec_weights = decoder * decode_size + (_numbers(networks.vae) - decoder) * _FLOAT_BYTES
        widths = model.codec.config["block_out_channels"]
        encode = _ENCODER_MAPS * widths[0] * model.crop_px**2 * ENCODE_CHUNK * _FLOAT_BYTES
        memory = DecodeMemory(
            last=widths[0],
            before=widths[min(1, len(widths) - 1)],
            picture_px=model.crop_px,
            element_bytes=decode_size,
        )
        decode, least = memory.whole_bytes(seen.decoder), memory.chunked_bytes(seen.decoder, 1)
    others = (
        networks.recogniser,
        networks.id_projection,
        networks.conv_identity,
        networks.detail,
        networks.colour,
    )
    return ModelMemory(
        unet_weights=_numbers(networks.unet) * unet_size,
        codec_weights=codec_weights,
        other_weights=sum(_numbers(network) * _FLOAT_BYTES for network in others if network is not None),
        encode=encode,
        denoise=unet,
        decode=decode,
        decode_least=min(least, decode),
        latents=_LATENT_COPIES * model.latent_channels * side**2 * _FLOAT_BYTES,
    )


def asked_precision(model: DiffusionSpec, device: str) -> Precision:
    """Return the number types in which a model computes on a device, as this machine was told."""
    return precision_for(device, asked_number_types(), model.precision)


def kept_bytes(model: DiffusionSpec, preset: Preset, precision: Precision) -> int:
    """Return what the steps of a preset leave for later ones, of each frame, in the machine's memory."""
    area, widths = (model.crop_px // model.codec.factor) ** 2, model.unet["block_out_channels"]
    deep = widths[min(1, len(widths) - 1)] * precision.unet.itemsize if preset.deep_every > 1 else 0
    guidance = model.latent_channels * _FLOAT_BYTES if preset.guidance_every > 1 else 0
    return area * (guidance + deep * (1 if preset.guidance == 1.0 else 2))


def decode_room(memory: ModelMemory) -> int:
    """Return what decoding a window may take of the machine's memory, on a CPU, beside all else of a job.

    It is what a job may take less what it has besides on a large plate, and does not depend on how much
    happens to be free: the same machine gives the same bits.
    """
    plate = PLATE_BYTES_PER_PIXEL * _LARGE_PLATE_PX
    kept = kept_pixels_bytes() + kept_squares_bytes()
    return max(0, budget_bytes() - BASE_BYTES - plate - kept - memory.resident)


def cpu_model_bytes(memory: ModelMemory) -> int:
    """Return the most that a model takes of the machine's memory at once, where it computes on a CPU.

    A window that does not fit into :func:`decode_room` is decoded a few frames at a time.
    """
    decode = memory.decode if memory.decode <= decode_room(memory) else memory.decode_least
    return memory.resident + max(memory.encode, asked_batch() * memory.denoise, decode)


def job_memory_bytes(
    model: ModelSpec,
    *,
    plate_pixels: int,
    longest_track: int,
    device: str,
    preset: Preset | None = None,
    sampler: str = "studio",
) -> float:
    """Return what plate, model and latents of a job take of the machine's memory together.

    Networks on a GPU are judged by its own memory, when they come to it.
    """
    frames = _RGB_BYTES * plate_pixels * longest_track
    kept = min(kept_pixels_bytes(), frames) + min(kept_squares_bytes(), 2 * frames)
    needed: float = BASE_BYTES + PLATE_BYTES_PER_PIXEL * plate_pixels + kept
    if isinstance(model, DiffusionSpec) and preset is not None:
        needed += longest_track * kept_bytes(model, preset, asked_precision(model, device))
    if device == "cpu" and isinstance(model, DiffusionSpec):
        seen = SeenAtOnce.of(model, longest_track, sampler)
        memory = model_memory(model, asked_precision(model, device), seen)
        needed += cpu_model_bytes(memory) + memory.latents * longest_track
    return needed


def require_job_memory(
    model: ModelSpec,
    *,
    plate_pixels: int,
    longest_track: int,
    device: str,
    preset: Preset | None = None,
    sampler: str = "studio",
) -> None:
    """Raise JobNeedsMoreMemory when a job would take more than it may; see :func:`job_memory_bytes`."""
    needed = job_memory_bytes(
        model,
        plate_pixels=plate_pixels,
        longest_track=longest_track,
        device=device,
        preset=preset,
        sampler=sampler,
    )
    require_memory(f"The model {model.name} on {longest_track} frames of {plate_pixels} pixels", needed)


def _numbers(network: nn.Module) -> int:
    return sum(tensor.numel() for tensor in network.state_dict().values() if isinstance(tensor, torch.Tensor))
