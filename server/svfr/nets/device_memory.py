"""How much of a device's memory may be taken now."""

from __future__ import annotations

import torch

# Kernels that count elements in 32 bits must not meet a larger tensor: torch's nearest upsampling has
# returned zeros there (pytorch#141831).
MOST_ELEMENTS = 2**31 - 1
# The rest is for what is not counted: workspaces of convolutions, and gaps between tensors.
USABLE_SHARE = 0.8


def usable_bytes(device: torch.device) -> int | None:
    """Return the bytes that tensors may take, on a GPU; None where memory is the operating system's.

    What torch holds for later use counts as free.
    """
    if device.type != "cuda":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(USABLE_SHARE * (free + kept))
