"""Where networks can compute on this machine; what is no such place is refused in words."""

from __future__ import annotations

import torch

from svfr.errors import DeviceUnavailable


def require_device(device: str | torch.device) -> None:
    """Raise DeviceUnavailable unless models can be loaded onto ``device`` here: "cpu", "cuda", "cuda:1"."""
    try:
        asked = torch.device(device)
    except (RuntimeError, TypeError):
        raise _unavailable(f"{str(device)[:60]!r} is no device.") from None
    if asked.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (asked.index or 0) >= count:
            raise _unavailable(f"There is no {asked} here: torch sees {count} GPUs.")
    elif asked.type != "cpu" or asked.index is not None:
        raise _unavailable(f"Models do not run on the device {asked}.")


def _unavailable(text: str) -> DeviceUnavailable:
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    names = ["cpu", *(f"cuda:{number}" for number in range(gpus))]
    return DeviceUnavailable(text, remedy=f"Here there are: {', '.join(names)}; `svfr doctor` says more.")
