"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from svfr_restore.errors import PictureCannotBeWritten
from svfr_restore.media.reasons import reason_of

# A fixed length, so that a name that fits the disk always has a scratch file that does: the first eight
# digits tell whose it is, the others one writer from another.
_SCRATCH_NAME = re.compile(r"\.svfr-(?P<owner>[0-9a-f]{8})-[0-9a-f]{8}\.tmp(?P<suffix>\.[^.]+)")


@contextlib.contextmanager
def whole_file(path: Path, check: Callable[[Path], None] | None = None) -> Iterator[Path]:
    """Yield a scratch path beside ``path``; when the block ends well it is checked, synced and renamed to it.

    When the block or ``check`` fails, nothing of it stays and an older file at ``path`` is untouched.
    Raises PictureCannotBeWritten for every failure of the file system.
    """
    scratch = _scratch(path)
    try:
        yield scratch
        if check:
            check(scratch)
        with scratch.open("rb+") as file:
            os.fsync(file.fileno())
        scratch.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise PictureCannotBeWritten(
            f"The file cannot be written: {reason_of(error)}.",
            path=path,
            remedy="Check the folder's permissions and the free space on its disk.",
        ) from error
    finally:
        scratch.unlink(missing_ok=True)


def remove_leftovers(paths: Collection[Path]) -> None:
    """Delete the scratch files that killed processes left beside ``paths``.

    Only for whoever is about to write them: a scratch file that somebody else writes just now goes too.
    """
    wanted = {path.parent: set[str]() for path in paths}
    for path in paths:
        wanted[path.parent].add(path.name)
    for folder, names in wanted.items():
        owners = {_owner(name) for name in names}
        for entry in folder.iterdir():
            found = _SCRATCH_NAME.fullmatch(entry.name)
            if found and found["owner"] in owners:
                entry.unlink(missing_ok=True)


def _scratch(path: Path) -> Path:
    return path.with_name(f".svfr-{_owner(path.name)}-{secrets.token_hex(4)}.tmp{path.suffix}")


def _owner(name: str) -> str:
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:8]


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # Windows has no handle on a folder to sync
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
