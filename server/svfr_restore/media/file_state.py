"""What tells a file from one that takes its place: where it is, its inode, its size and its times."""

from __future__ import annotations

import os
from pathlib import Path

FileState = tuple[str, int, int, int, int]
"""The real path, the inode, bytes, and the times of the last write and of the last change in nanoseconds."""


def file_state(path: str | Path) -> FileState:
    """Return the state of the file that a path leads to now; raises OSError."""
    real = os.path.realpath(path)
    status = os.stat(real)  # noqa: PTH116 - the path is resolved
    return real, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
