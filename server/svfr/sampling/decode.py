"""Streaming decode: latents of a whole shot in, pictures out one after the other, few of them alive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from svfr.diffusion.windows import DecodeWindow
from svfr.sampling.callbacks import SamplingCallbacks, stop_if_cancelled
from svfr.sampling.encoded_shot import Codec


def decode_stream(
    codec: Codec, latents: torch.Tensor, windows: Sequence[DecodeWindow], callbacks: SamplingCallbacks
) -> Iterator[torch.Tensor]:
    """Yield the pictures (3, S, S) float32 CPU of unscaled ``latents`` (T, C, h, w), in order, unclamped.

    Frames that two windows share cross-fade linearly from the earlier to the later window. At most one
    window of pictures and one overlap are held.
    """
    tail = torch.empty(0)
    for number, window in enumerate(windows):
        stop_if_cancelled(callbacks)
        pictures = codec.decode(latents[window.start : window.stop]).float().cpu()
        for k in range(window.blend):
            pictures[k] = torch.lerp(tail[k], pictures[k], (k + 1) / (window.blend + 1))
        callbacks.progress("decode", number + 1, len(windows))
        held = windows[number + 1].blend if number + 1 < len(windows) else 0
        finished = pictures.shape[0] - held
        tail = pictures[finished:].clone()
        yield from pictures[:finished]
