"""Files that appear whole or not at all. No other module of the project writes a scratch file and renames it.

A scratch file is made beside the target, filled, synced and renamed over it. A reader sees the old file or
the new one, never half of either, and a failure leaves nothing behind. Text is UTF-8 with "\\n" everywhere.
"""

import contextlib
import hashlib
import os
import re
import secrets
import stat
from pathlib import Path
from typing import Callable, Collection, Iterator, Optional, Union

from .errors import FileCannotBeWritten
from .reasons import reason_of

# A fixed length, so that a name that fits the disk always has a scratch file that does: the first eight
# digits tell whose it is, the others one writer from another.
_SCRATCH_NAME = re.compile(r"\.svfr-(?P<owner>[0-9a-f]{8})-[0-9a-f]{8}\.tmp(?:\.[^.]+)?")
# An ending longer than any that a library goes by would make the scratch's name too long for the disk.
_MOST_ENDING_BYTES = 32
_NAME_REMEDY = "Choose another name for the file."
_REMEDY = "Check the folder's permissions and the free space on its disk."


@contextlib.contextmanager
def whole_file(
    path: Path,
    check: Optional[Callable[[Path], None]] = None,
    *,
    private: bool = False,
    durable: bool = True,
) -> Iterator[Path]:
    """Yield a new, empty scratch file beside ``path``; when the block ends well it takes that place.

    ``check`` may read what was written and refuse it by raising. ``private`` gives the file mode 0600 from
    the moment it exists, whatever the umask. ``durable`` syncs file and folder, so that the file is there
    after the power failed too; leave it out for what is written every few seconds or can be made again. The
    scratch file has the ending of ``path``, for libraries that go by it. Some libraries, safetensors among
    them, make the file anew for its owner alone: unless ``private``, it gets back the mode it began with.

    When the block or ``check`` fails, nothing of it stays and an older file at ``path`` is untouched. Raises
    :class:`FileCannotBeWritten` for every failure of the file system, with the OSError as its cause.
    """
    scratch = _scratch_beside(path)
    try:
        # O_EXCL: a link that somebody put there under this name is not followed.
        os.close(os.open(str(scratch), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666))
        begun_with = _mode(scratch)
        yield scratch
        if check:
            check(scratch)
        if not private and begun_with & ~_mode(scratch):
            scratch.chmod(begun_with | _mode(scratch))
        if durable:
            with scratch.open("rb+") as file:
                os.fsync(file.fileno())
        scratch.replace(path)
        if durable:
            _sync_folder(path.parent)
    except OSError as error:
        raise FileCannotBeWritten(
            f"The file cannot be written: {reason_of(error)}.", path=path, remedy=_REMEDY
        ) from error
    finally:
        with contextlib.suppress(OSError):  # the error that went before says what is wrong with the disk
            scratch.unlink(missing_ok=True)


def write_whole(
    path: Path, content: Union[bytes, str], *, private: bool = False, durable: bool = True
) -> None:
    """Write a file whole or not at all; ``private``, ``durable`` and errors as in :func:`whole_file`."""
    try:
        data = content.encode("utf-8") if isinstance(content, str) else content
    except UnicodeEncodeError as error:  # half a surrogate pair
        raise FileCannotBeWritten(
            "The text cannot be written: it holds a character that UTF-8 has not.",
            path=path,
            remedy="Remove the damaged character, perhaps from a name.",
        ) from error
    with whole_file(path, private=private, durable=durable) as scratch:
        scratch.write_bytes(data)


def remove_leftovers(paths: Collection[Path]) -> None:
    """Delete the scratch files that killed processes left beside ``paths``.

    Only for whoever is about to write them: a scratch file that somebody else writes just now goes too.
    """
    for folder in {path.parent for path in paths}:
        owners = {_owner(path.name) for path in paths if path.parent == folder}
        for entry in folder.iterdir():
            found = _SCRATCH_NAME.fullmatch(entry.name)
            if found and found["owner"] in owners:
                entry.unlink(missing_ok=True)


def _scratch_beside(path: Path) -> Path:
    """Return a name for a scratch file; raises FileCannotBeWritten for a path that no disk can hold."""
    try:
        os.fsencode(path)
        ending = path.suffix if len(os.fsencode(path.suffix)) <= _MOST_ENDING_BYTES else ""
        scratch = path.with_name(f".svfr-{_owner(path.name)}-{secrets.token_hex(4)}.tmp{ending}")
    except ValueError as error:  # no name at all, or half a surrogate pair
        raise FileCannotBeWritten(
            "The file cannot be written: this is no name of a file.",
            path=ascii(str(path)),
            remedy=_NAME_REMEDY,
        ) from error
    if "\0" in str(path):
        raise FileCannotBeWritten(
            "The file cannot be written: its path holds a zero character.",
            path=ascii(str(path)),
            remedy=_NAME_REMEDY,
        )
    return scratch


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _owner(name: str) -> str:
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:8]


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # Windows has no handle on a folder to sync
        return
    handle = os.open(str(folder), os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
