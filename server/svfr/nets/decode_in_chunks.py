"""The temporal decoder evaluated a few frames at a time, with all frames of the window still seen together.

The decoder cannot be cut in time: its temporal convolutions reach one frame to either side, and that would be
a halo of two frames a block, but the group norm before each of them takes its statistics over every frame of
the window, so that every picture depends on all of them. What can be cut is each layer. Between layers only
two feature maps of the whole window are held; what a layer needs besides, for a few frames. Spatial layers
treat frames one by one anyway; a temporal norm sums its statistics over the frames before it is applied.

The result is the decoder's own up to float rounding, since the statistics are summed frame by frame: about
1e-5 in float32; in float16 both ways are equally far from float32 within 1 dB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_temporal_decoder import TemporalDecoder
from diffusers.models.resnet import SpatioTemporalResBlock
from torch import nn
from torch.nn import functional

from svfr.nets.device_memory import MOST_ELEMENTS

Frames = torch.Tensor
Norm = Callable[[Frames], Frames]


@dataclass(frozen=True, kw_only=True)
class DecodeMemory:
    """What decoding windows takes of a device besides the weights.

    ``last`` and ``before`` are the widths of the decoder's last two blocks (its ``block_out_channels`` 0 and
    1): the last block works at the pictures' size, and its first layers have the width of the one before.
    """

    last: int
    before: int
    picture_px: int
    element_bytes: int

    def whole_bytes(self, frames: int) -> int:
        """Return the peak for a window that is decoded at once."""
        return frames * max(8 * self.last, 4 * self.before) * self._map_bytes

    def chunked_bytes(self, frames: int, frames_at_once: int) -> int:
        """Return the peak for a window in chunks: two maps of it, and the layers of one chunk."""
        chunk = max(6 * self.last, 3 * self.before) * frames_at_once + 4 * self.last
        return (2 * self.last * frames + chunk) * self._map_bytes

    def frames_at_once(self, frames: int, free_bytes: int | None) -> int:
        """Return how many frames to decode at once: the whole window if it fits, else fewer, at least one.

        ``free_bytes`` None: only the largest tensor that kernels can count limits them.
        """
        countable = max(1, MOST_ELEMENTS // (max(self.last, self.before) * self.picture_px**2))
        if countable >= frames and (free_bytes is None or self.whole_bytes(frames) <= free_bytes):
            return frames
        for chunk in range(min(frames, countable), 1, -1):
            if free_bytes is None or self.chunked_bytes(frames, chunk) <= free_bytes:
                return chunk
        return 1

    @property
    def _map_bytes(self) -> int:
        return self.picture_px**2 * self.element_bytes


def decode_in_chunks(decoder: TemporalDecoder, latents: torch.Tensor, frames_at_once: int) -> torch.Tensor:
    """Return the pictures (F, 3, H, W) of one window of unscaled latents (F, C, h, w)."""
    net: Any = decoder
    hidden = latents
    for block, prepare in _blocks(decoder):
        spatial = nn.Sequential(*prepare, _Spatial(block))
        hidden = _per_frame(spatial, hidden, frames_at_once)
        _add_temporal(block, hidden, frames_at_once)
    leave = nn.Sequential(net.conv_norm_out, net.conv_act, net.conv_out)
    hidden = _per_frame(leave, hidden, frames_at_once)
    pictures: torch.Tensor = net.time_conv_out(hidden.transpose(0, 1)[None])
    return pictures[0].transpose(0, 1)


class _Spatial(nn.Module):
    """The spatial half of a block, which has no embedding in a decoder."""

    def __init__(self, block: SpatioTemporalResBlock) -> None:
        super().__init__()
        self._block = block.spatial_res_block

    def forward(self, frames: Frames) -> Frames:
        return self._block(frames, None)


def _blocks(decoder: TemporalDecoder) -> Iterator[tuple[SpatioTemporalResBlock, Sequence[nn.Module]]]:
    """Yield every residual block with what is done to each frame before it, in order."""
    net: Any = decoder
    middle = net.mid_block
    yield middle.resnets[0], [net.conv_in]
    for resnet, attention in zip(
        middle.resnets[1:], middle.attentions, strict=False
    ):  # paired as by diffusers
        yield resnet, [attention]
    before: Sequence[nn.Module] = ()
    for block in net.up_blocks:
        for resnet in block.resnets:
            yield resnet, before
            before = ()
        before = block.upsamplers or ()


def _per_frame(work: nn.Module, frames: Frames, frames_at_once: int) -> Frames:
    """Return ``work`` of frames that do not depend on each other, some at a time."""
    whole: Frames | None = None
    for start in range(0, len(frames), frames_at_once):
        part = work(frames[start : start + frames_at_once])
        if whole is None:
            whole = part.new_empty((len(frames), *part.shape[1:]))
        whole[start : start + frames_at_once] = part
    assert whole is not None
    return whole


def _add_temporal(block: SpatioTemporalResBlock, frames: Frames, frames_at_once: int) -> None:
    """Evaluate the temporal half of a block and its mixer, diffusers' forward, in place."""
    temporal = block.temporal_res_block
    middle = _normed_convolution(temporal.norm1, temporal.conv1, frames, frames_at_once)
    norm = _norm_over_frames(temporal.norm2, middle)
    for start in range(0, len(frames), frames_at_once):
        own = frames[start : start + frames_at_once]
        spatial = own.transpose(0, 1)[None]
        added = _convolved(norm, temporal.conv2, middle, start, start + len(own))
        mixed = block.time_mixer(x_spatial=spatial, x_temporal=spatial + added)
        own.copy_(mixed[0].transpose(0, 1))  # later chunks read ``middle`` alone


def _normed_convolution(
    norm: nn.GroupNorm, convolution: nn.Module, frames: Frames, frames_at_once: int
) -> Frames:
    """Return norm, SiLU and temporal convolution of all frames."""
    normed = _norm_over_frames(norm, frames)
    result = torch.empty_like(frames)
    for start in range(0, len(frames), frames_at_once):
        stop = min(start + frames_at_once, len(frames))
        result[start:stop] = _convolved(normed, convolution, frames, start, stop)[0].transpose(0, 1)
    return result


def _convolved(norm: Norm, convolution: nn.Module, frames: Frames, start: int, stop: int) -> torch.Tensor:
    """Return the temporal convolution (1, C, f, H, W) at frames ``start`` to ``stop``, one neighbour seen."""
    first, last = max(start - 1, 0), min(stop + 1, len(frames))
    seen = functional.silu(norm(frames[first:last]), inplace=True)
    result: torch.Tensor = convolution(seen.transpose(0, 1)[None])
    return result[:, :, start - first : stop - first]


def _norm_over_frames(norm: nn.GroupNorm, frames: Frames) -> Norm:
    """Return a group norm of some frames by the statistics of all ``frames`` (F, C, H, W)."""
    moments = [
        torch.var_mean(frame.float().reshape(norm.num_groups, -1), dim=1, correction=0) for frame in frames
    ]
    means = torch.stack([mean for _, mean in moments]).double()
    mean = means.mean(0)
    variance = torch.stack([variance for variance, _ in moments]).double().mean(0)
    variance = variance + (means - mean).square().mean(0)
    by_channel = norm.num_channels // norm.num_groups
    mean, variance = (value.float().repeat_interleave(by_channel) for value in (mean, variance))
    weight, bias = norm.weight.float(), norm.bias.float()

    def apply(part: Frames) -> Frames:
        return functional.batch_norm(part, mean, variance, weight, bias, training=False, eps=norm.eps)

    return apply
