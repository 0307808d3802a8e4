"""The lock that keeps a second service out of the same folder.

The operating system drops it when its holder dies, however that happens; a pid file would not do, and on some
systems a second bind to the same endpoint silently takes it over. What is locked is the folder itself, so
that removing the file, which only says who the holder is, lets nobody else in. (Windows locks the file, which
cannot be removed while it is open.)
"""

import json
import os
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import IO

from svfr.validation import read_json
from svfr_server.errors import AnotherServerRuns

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

# Windows locks bytes against reading too; a byte far behind the text leaves the text readable.
_LOCKED_BYTE = 1 << 20
_POLL_SECONDS = 0.1


LOCK_FILE = "server.lock"


class InstanceLock:
    """Held from construction until :meth:`release` or the end of the process.

    Raises :class:`AnotherServerRuns`, naming the holder, if another process has it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        self._file = os.fdopen(os.open(path, flags, 0o600), "r+", encoding="utf-8")
        self._folder = None if sys.platform == "win32" else os.open(path.parent, os.O_RDONLY)
        if not _try_lock(self._file, self._folder):
            held = self._file.read()
            self.release()
            raise AnotherServerRuns(
                f"A service already runs in this folder: {_describe(held)}.",
                path=path,
                remedy="Use that one, stop it with `svfr serve --stop`, or set SVFR_HOME.",
            )
        self._file.seek(0)
        self._file.truncate()
        json.dump({"pid": os.getpid(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}, self._file)
        self._file.flush()

    def holds_folder(self) -> bool:
        """Return whether the folder of that name is still the one that is locked; also while it is away."""
        if self._folder is None:
            return True
        held = os.fstat(self._folder)
        try:
            named = self.path.parent.stat()
        except OSError:
            return True
        return (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino)

    def release(self) -> None:
        """Let the next one in."""
        self._file.close()
        if self._folder is not None:
            os.close(self._folder)
            self._folder = None

    def __enter__(self) -> "InstanceLock":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def wait_until_free(path: Path, within_seconds: float) -> bool:
    """Wait until no process holds the lock any more; returns whether that came within so many seconds."""
    until = time.monotonic() + within_seconds
    while True:
        try:
            InstanceLock(path).release()
        except AnotherServerRuns:
            if time.monotonic() >= until:
                return False
            time.sleep(_POLL_SECONDS)
        else:
            return True


def _try_lock(file: IO[str], folder: int | None) -> bool:
    try:
        if sys.platform == "win32":
            file.seek(_LOCKED_BYTE)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            assert folder is not None
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        return False
    return True


def _describe(held: str) -> str:
    try:
        holder = read_json(held)
        return f"process {holder['pid']}, since {holder['since']}"
    except (ValueError, KeyError, TypeError):
        return "a process that is just starting"
