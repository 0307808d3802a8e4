"""Values that a step of a pass leaves for later steps, one for each frame, in the machine's own memory.

They grow with the shot, as nothing on a GPU may but the latents: at the official size the features of a frame
and branch are 5.2 MB in float16.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import torch

from svfr.diffusion.reuse import Reuse


class KeptFrames:
    """One tensor for each frame of a shot; windows on several threads may each keep frames of their own."""

    def __init__(self, frame_count: int) -> None:
        self._count = frame_count
        self._values: torch.Tensor | None = None
        self._lock = threading.Lock()

    def keep(self, frames: Sequence[int], values: torch.Tensor) -> None:
        """Keep ``values`` (len(frames), ...) in place of what was kept for these frames."""
        with self._lock:
            if self._values is None or self._values.dtype != values.dtype:
                # a step that overflowed is done again in a wider type, in which all its frames are kept
                self._values = torch.empty((self._count, *values.shape[1:]), dtype=values.dtype)
        self._values[list(frames)] = values.cpu()

    def of(self, frames: Sequence[int], device: torch.device) -> torch.Tensor:
        """Return the values of ``frames``, which may hold a frame twice, on a device."""
        assert self._values is not None, "the first step keeps what later ones use"
        return self._values[list(frames)].to(device)


class PassMemory:
    """What the steps of one pass take over: the guidance difference, and both branches' deep features."""

    def __init__(self, reuse: Reuse, frame_count: int) -> None:
        self.reuse = reuse
        self.guidance = KeptFrames(frame_count)
        self.deep = {conditional: KeptFrames(frame_count) for conditional in (True, False)}
