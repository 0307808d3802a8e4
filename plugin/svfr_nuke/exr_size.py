"""How large the picture in an EXR is, from its header alone: Nuke's Python has no reader of images.

The layout is OpenEXR's: magic and version, then attributes of name, type, size and value until an empty name.
"""

import struct
from pathlib import Path
from typing import Optional, Tuple

_MAGIC = 20000630
_HEADER_BYTES = 1 << 16


def picture_size(path: Path) -> Optional[Tuple[int, int]]:
    """Return width and height of the display window; None for what is no EXR or has none near its start."""
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
    if len(head) < 8 or struct.unpack_from("<i", head)[0] != _MAGIC:
        return None
    at = 8
    try:
        while head[at] != 0:
            name, at = _text(head, at)
            _kind, at = _text(head, at)
            size = struct.unpack_from("<i", head, at)[0]
            at += 4
            if name == b"displayWindow":
                left, top, right, bottom = struct.unpack_from("<4i", head, at)
                return right - left + 1, bottom - top + 1
            at += max(0, size)
    except (IndexError, ValueError, struct.error):
        return None
    return None


def _text(head: bytes, at: int) -> Tuple[bytes, int]:
    end = head.index(b"\0", at)
    return head[at:end], end + 1
