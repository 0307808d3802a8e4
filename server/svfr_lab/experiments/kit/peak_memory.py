"""How much memory a call takes at its peak, beyond what the process holds before it."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_RESET_PEAK = "5"  # proc(5): resets the peak resident set size


def extra_peak_mb(call: Callable[[], object]) -> float | None:
    """Return what the resident set grows by while ``call`` runs, in MB of 10^6 bytes; None but on Linux.

    What the allocator has kept from before is handed back first, so that it does not hide the growth.
    """
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    try:
        _CLEAR.write_text(_RESET_PEAK)
        before = _kilobytes("VmRSS")
        call()
        return (_kilobytes("VmHWM") - before) * 1024 / 1e6
    except OSError:
        return None


def _kilobytes(name: str) -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise OSError(f"{_STATUS} has no {name}")
