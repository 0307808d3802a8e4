"""Input files are opened by path, and a path may be anything: a pipe waits for ever, a device has no end."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from svfr_client.reasons import is_unicode
from svfr_restore.errors import FrameCannotBeRead, InputIsNoFile, PictureIsTooLarge
from svfr_restore.memory_budget import BASE_BYTES, PLATE_BYTES_PER_PIXEL, require_memory

# A picture has a bound before it costs anything: 16,384 x 12,288 pixels, or a longer strip of as many.
MOST_PIXELS = 16_384 * 12_288
MOST_SIDE_PX = 65_536
MOST_CHANNELS = 2048


def require_regular(path: Path, frame: int | None = None) -> None:
    """Raise InputIsNoFile for a pipe, a device, a socket or a folder; a missing file passes.

    A name that is no Unicode text, which the libraries cannot be given, is FrameCannotBeRead.
    """
    if not is_unicode(str(path)):
        raise FrameCannotBeRead(
            "The file's name is not Unicode text.",
            frame=frame,
            path=os.fsencode(path).decode("utf-8", "backslashreplace"),
            remedy="Rename the file or folder: its name is in an older encoding than UTF-8.",
        )
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # whoever opens it says what is wrong
    if not stat.S_ISREG(mode):
        raise InputIsNoFile(
            "The path is no regular file.",
            frame=frame,
            path=path,
            remedy="Give the picture itself, not a pipe, a device or a folder.",
        )


def require_size(
    width: int,
    height: int,
    channels: int,
    path: Path,
    frame: int | None = None,
    *,
    bytes_per_pixel: int = PLATE_BYTES_PER_PIXEL,
) -> None:
    """Raise PictureIsTooLarge for a picture beyond what is ever decoded here, or JobNeedsMoreMemory.

    ``bytes_per_pixel`` is what the picture takes at its peak, other channels than its colours aside.
    """
    if width * height > MOST_PIXELS or max(width, height) > MOST_SIDE_PX or channels > MOST_CHANNELS:
        raise PictureIsTooLarge(
            f"The picture has {width} x {height} pixels and {channels} channels.",
            frame=frame,
            path=path,
            remedy=f"At most {MOST_PIXELS} pixels, {MOST_SIDE_PX} a side, and {MOST_CHANNELS} channels "
            "are read: crop or reduce it.",
        )
    needed = BASE_BYTES + width * height * bytes_per_pixel
    require_memory(f"A picture of {width} x {height} pixels", needed, path=path, frame=frame)
