"""How much memory the supervisor itself holds.

ZeroMQ collects a message to its end before anybody can look at it, and limits the length of a frame but not
the number of frames: an authorised client could send one message for ever. When the supervisor grows beyond
its limit, it drops every connection with all they have sent; well-behaved clients connect again by themselves
and lose nothing.
"""

import ctypes
import os
import sys
from pathlib import Path


def resident_bytes(pid: int | None = None) -> int:
    """Return the memory a process, by default this one, holds now; 0 where the system does not tell."""
    try:
        pages = Path(f"/proc/{pid or 'self'}/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def give_back() -> None:
    """Return freed memory to the system, where the C library can."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
