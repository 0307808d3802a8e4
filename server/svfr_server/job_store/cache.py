"""The cache of checkpoints: how much it holds, how much it may hold, and what it forgets first.

Everything in it can be computed again, so forgetting is always safe. What was used longest ago goes first;
loading a checkpoint counts as use. The limit is kept in ``cache.json`` in the service's folder and read at
each trim, so that changing it needs no restart.
"""

import contextlib
import json
import logging
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from svfr.validation import read_json_file
from svfr_client.connection import write_private
from svfr_server.job_store.folders import checkpoint_folder

GIB = 1024**3
DEFAULT_LIMIT_BYTES = 20 * GIB
KEPT_FREE_BYTES = 1 * GIB
_LIMIT_FILE = "cache.json"
_TRIM_SHARE = 20
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CacheSize:
    """What the cache holds now and may hold."""

    files: int
    size_bytes: int
    limit_bytes: int


def read_limit(home: Path) -> int:
    """Return the limit in bytes; the default if none was set or the file is damaged."""
    try:
        limit = read_json_file(home / _LIMIT_FILE)["limit_bytes"]
    except (OSError, ValueError, KeyError, TypeError):
        return DEFAULT_LIMIT_BYTES
    return limit if type(limit) is int and limit >= 0 else DEFAULT_LIMIT_BYTES


def write_limit(home: Path, limit_bytes: int) -> None:
    """Set the limit; 0 keeps nothing."""
    write_private(home / _LIMIT_FILE, json.dumps({"limit_bytes": limit_bytes}) + "\n")


def measure(home: Path) -> CacheSize:
    """Count what the cache holds."""
    sizes = [size for _, size, _ in _files(checkpoint_folder(home))]
    return CacheSize(len(sizes), sum(sizes), read_limit(home))


def trim(home: Path, keep_free_bytes: int = KEPT_FREE_BYTES) -> int:
    """Forget what was used longest ago until the limit holds and so much of the disk is free.

    Returns the bytes given back.
    """
    folder = checkpoint_folder(home)
    if not folder.is_dir():
        return 0
    oldest_first = sorted(_files(folder))
    excess = sum(size for _, size, _ in oldest_first) - read_limit(home)
    excess = max(excess, keep_free_bytes - shutil.disk_usage(folder).free)
    freed = 0
    for _, size, path in oldest_first:
        if freed >= excess:
            break
        path.unlink(missing_ok=True)
        freed += size
    if freed:
        _log.info("the cache forgot %d bytes", freed)
        _remove_empty(folder)
    return freed


def clear(home: Path) -> CacheSize:
    """Forget everything; returns what there was. Running jobs go on and may compute a step again."""
    held = measure(home)
    shutil.rmtree(checkpoint_folder(home), ignore_errors=True)
    return held


class CacheKeeper:
    """Keeps the limit while one job runs: trims whenever a twentieth of it was saved since the last time."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._since = 0

    def saved(self, size_bytes: int) -> None:
        """Take note of a checkpoint that was kept."""
        self._since += size_bytes
        if self._since * _TRIM_SHARE > read_limit(self._home):
            self.trim()

    def trim(self) -> None:
        """Trim now."""
        self._since = 0
        trim(self._home)


def _files(folder: Path) -> Iterator[tuple[float, int, Path]]:
    """Yield (time of last use, bytes, path) of every file; what vanishes meanwhile is left out.

    Several processes trim one cache: folders vanish under each, too.
    """
    for inner, _, names in os.walk(folder):
        for path in (Path(inner) / name for name in names):
            try:
                status = path.lstat()
            except OSError:
                continue
            yield status.st_mtime, status.st_size, path


def _remove_empty(folder: Path) -> None:
    for inner, folders, _ in os.walk(folder, topdown=False):
        for name in folders:
            with contextlib.suppress(OSError):  # something is in it, or another process was faster
                (Path(inner) / name).rmdir()
