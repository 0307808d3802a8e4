"""What to do when memory gives out, and how much there was.

The ladder: let go of everything and run the job again with only the networks in the device's memory that are
computing; then the same in a fresh process, because what is left of the first one is fragmented; then fail,
with figures. Checkpoints keep what was computed, so a rung costs a denoise step or two. Each rung gives
the same pixels as the first.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from svfr_client.sizes import size_text

if TYPE_CHECKING:
    import torch

    from svfr.models.model import Model
    from svfr_restore.plan.models import ModelCache

# The ways in which allocators say that there is no memory left, beside their own exception types: torch's on
# the CPU, CUDA's runtime and driver, and the libraries above it, which allocate for themselves.
_NO_MEMORY = (
    "DefaultCPUAllocator",
    "out of memory",
    "cudaErrorMemoryAllocation",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
    "CUSOLVER_STATUS_ALLOC_FAILED",
)
_DEVICE_LOST = ("CUDA error", "device-side assert", "cuBLAS", "cuDNN error")


def is_out_of_memory(problem: BaseException) -> bool:
    """Return whether a job failed for lack of memory, on the device or of the machine."""
    names = {kind.__name__ for kind in type(problem).__mro__}
    if names & {"OutOfMemoryError", "MemoryError"}:
        return True
    return isinstance(problem, RuntimeError) and any(words in str(problem) for words in _NO_MEMORY)


def is_device_lost(problem: BaseException) -> bool:
    """Return whether the device's state is beyond use, so that only a fresh process helps.

    A lack of memory is none of these, though its text begins with the same words.
    """
    text = str(problem)
    if is_out_of_memory(problem):
        return False
    return isinstance(problem, RuntimeError) and any(words in text for words in _DEVICE_LOST)


def free_unused() -> None:
    """Give back what nobody uses any more."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def describe_memory() -> str:
    """Return in words how much memory there is, and how much this process took at most."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        used = size_text(torch.cuda.max_memory_allocated())
        return (
            f"{size_text(free)} of {size_text(total)} free on the device, {used} used by the job at its peak"
        )
    meminfo = Path("/proc/meminfo")
    if not meminfo.exists():
        return "how much memory is free is not known on this system"
    lines = dict(line.split(":", 1) for line in meminfo.read_text(encoding="ascii").splitlines())
    total, free = (int(lines[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    import resource  # there is none on Windows, which has no /proc/meminfo either

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return f"{size_text(free)} of {size_text(total)} free, {size_text(peak)} used by the worker at its peak"


class LowMemoryModels:
    """A model cache whose networks take turns in the device's memory.

    While pictures are encoded or decoded, which takes the most, the UNet waits in the machine's memory, and
    the other way round, branches are evaluated one at a time, and nothing is compiled. The same networks
    compute on the same device: the pixels stay the same, up to what a batch or a compiler rounds.
    """

    stands_for = "ModelCache"

    def __init__(self, cache: "ModelCache") -> None:
        self._cache = cache
        self._models: dict[int, tuple[Model, Model]] = {}

    def get(self, name: str) -> "Model":
        """Return the model, its codec waiting outside the device until it is needed."""
        model = self._cache.get(name)
        known = self._models.get(id(model))
        if known is None:
            codec = cast(Any, OffloadingCodec(model))
            self._models = {id(model): (model, replace(model, codec=codec, at_once=1, compiled=None))}
            known = self._models[id(model)]
        return known[1]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)


class OffloadingCodec:
    """A model's codec that sends the UNet away while it works, and goes itself afterwards.

    They change places at the first picture of a block of :meth:`in_place` and at its end, and not for every
    call in it.
    """

    def __init__(self, model: "Model") -> None:
        self._unet: Any = model.unet
        self._codec = model.codec
        self._device = model.unet.conv_in.weight.device
        self._blocks, self._is_here = 0, False
        self._codec.to("cpu")

    def encode(self, pictures: "torch.Tensor") -> "torch.Tensor":
        """Encode as the codec itself does."""
        with self.in_place():
            self._come()
            return self._codec.encode(pictures.to(self._device))

    def decode(self, latents: "torch.Tensor") -> "torch.Tensor":
        """Decode as the codec itself does."""
        with self.in_place():
            self._come()
            return self._codec.decode(latents.to(self._device))

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Stay in the device's memory until the outermost block ends."""
        self._blocks += 1
        try:
            yield
        finally:
            self._blocks -= 1
            if not self._blocks and self._is_here:
                self._is_here = False
                self._codec.to("cpu")
                free_unused()
                self._unet.to(self._device)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codec, name)

    def _come(self) -> None:
        if not self._is_here:
            self._is_here = True
            self._unet.to("cpu")
            free_unused()
            self._codec.to(self._device)
