"""The low-quality crops of one face track within one shot, encoded to latents once for both passes."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

import torch

from svfr.errors import CropShapeMismatch, NotFinite
from svfr.sampling.callbacks import SamplingCallbacks, stop_if_cancelled


class CropSource(Protocol):
    """Prepared low-quality crops of one face track within one shot.

    ``frames`` are the absolute frame numbers, consecutive.
    """

    @property
    def frames(self) -> range:
        """The absolute frame numbers, consecutive."""

    def read(self, start: int, stop: int) -> torch.Tensor:
        """Return crops (stop - start, 3, S, S) float32 in [-1, 1] on the CPU; indices from frames[0].

        For a model with a hole plane they have four planes, the last 1 in the hole and -1 elsewhere.
        """


class Codec(Protocol):
    """Turns pictures to unscaled latents and back; see linear_patch and kl_temporal."""

    channels: int
    factor: int
    scaling_factor: float

    def encode(self, pictures: torch.Tensor) -> torch.Tensor:
        """(N, 3, S, S) in [-1, 1] to (N, C, s, s); a hole plane becomes a channel more."""

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """(N, C, s, s) to (N, 3, S, S); all N frames are seen together."""

    def in_place(self) -> AbstractContextManager[None]:
        """Within the block it is called several times, and the UNet is not.

        One that takes turns with the UNet in a device's memory stays there until the block ends.
        """


class EncodedShot:
    """A crop source that remembers its latents; pixels are read a chunk at a time and let go.

    Chunks are anchored at the first frame, so a longer range of the same track reuses the saved ones.
    ``shape`` is what the model needs of one crop, (planes, S, S).
    """

    def __init__(
        self, codec: Codec, source: CropSource, shape: tuple[int, int, int], chunk: int, device: torch.device
    ) -> None:
        if len(source.frames) == 0:
            raise CropShapeMismatch("There are no crops to restore.", remedy="Choose a range with a face.")
        self.source = source
        self._codec, self._shape, self._chunk, self._device = codec, shape, chunk, device
        self._latents = torch.empty(0, device=device)
        self._chunks = 0

    @property
    def frames(self) -> range:
        """The absolute frame numbers of the shot."""
        return self.source.frames

    def read(self, start: int, stop: int) -> torch.Tensor:
        """Return the crops of the source."""
        return self.source.read(start, stop)

    def latents(self, stop: int, callbacks: SamplingCallbacks) -> torch.Tensor:
        """Return the unscaled latents of the first ``stop`` frames, (stop, C, s, s) float32.

        With a hole plane they have a channel more.

        Encodes only what is neither here nor saved by an earlier run. Raises CropShapeMismatch or NotFinite
        naming the frame.
        """
        total = -(-stop // self._chunk)
        parts = [self._latents] if self._chunks else []
        for number in range(self._chunks, total):
            stop_if_cancelled(callbacks)
            parts.append(self._part(number * self._chunk, callbacks).to(self._device))
            callbacks.progress("encode", number + 1, total)
        if total > self._chunks:  # one tensor, and not the parts beside it
            self._latents, self._chunks = torch.cat(parts), total
        return self._latents[:stop]

    def _part(self, start: int, callbacks: SamplingCallbacks) -> torch.Tensor:
        stop = min(start + self._chunk, len(self.frames))
        name = f"encode/{self.frames[start]}-{self.frames[stop - 1]}"
        saved = callbacks.load(name)
        if saved is not None:
            return saved
        crops = self.source.read(start, stop)
        self._check(crops, start, stop)
        part = self._codec.encode(crops.to(self._device)).float()
        callbacks.save(name, part.cpu())
        return part

    def _check(self, crops: torch.Tensor, start: int, stop: int) -> None:
        expected = (stop - start, *self._shape)
        if tuple(crops.shape) != expected:
            raise CropShapeMismatch(
                f"Crops have the shape {tuple(crops.shape)}, the model needs {expected}.",
                frame=self.frames[start],
            )
        finite = torch.isfinite(crops).flatten(1).all(1)
        if not bool(finite.all()):
            bad = start + int(finite.logical_not().nonzero()[0])
            raise NotFinite("A crop holds NaN or infinity.", frame=self.frames[bad])
