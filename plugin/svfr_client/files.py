"""Files and folders that appear whole or not at all. No other module writes a draft and renames it.

A scratch file is made beside the target, filled, synced and renamed over it. A reader sees the old file or
the new one, never half of either, and a failure leaves nothing behind. Text is UTF-8 with "\\n" everywhere.
What is new has the mode that the umask gives; a file that is replaced keeps its own.

A process that is killed leaves its scratch behind. Its name says who made it, and whoever is the next to
write into that folder deletes it once its maker is gone: a process of this machine that runs no more, or one
elsewhere that has not touched it for a day (after a restart of the machine, too).
"""

import contextlib
import errno
import functools
import hashlib
import io
import os
import re
import secrets
import shutil
import stat
import time
from pathlib import Path
from typing import Callable, Collection, Iterable, Iterator, Optional, Tuple, Union

from .errors import FileCannotBeWritten
from .reasons import reason_of

# Short, so that a name that fits the disk has a scratch file that does: whose it is, which machine and
# process made it (names of earlier versions do not say), and what tells one writer from another.
_SCRATCH_NAME = re.compile(
    r"\.svfr-(?P<owner>[0-9a-f]{8})-(?:(?P<host>[0-9a-f]{8})-(?P<pid>[0-9]{1,10})-)?[0-9a-f]{8}\.tmp(?:\.[^.]+)?"
)
_NO_SYSTEM = "0" * 8
_SILENT_S = 24 * 3600.0
_FOLDERS_REMEMBERED = 1024
# An ending longer than any that a library goes by would make the scratch's name too long for the disk.
_MOST_ENDING_BYTES = 32
_NAME_REMEDY = "Choose another name for the file."
_REMEDY = "Check the folder's permissions and the free space on its disk."
_FOLDER_REMEDY = "A folder stands in the file's place: move it away or rename it, then do the same again."


def open_regular(path: Path) -> io.BufferedReader:
    """Open a regular file for reading, without ever waiting; raises OSError, also for a pipe or a device."""
    descriptor = os.open(str(path), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return os.fdopen(descriptor, "rb")


def open_to_append(path: Path) -> io.FileIO:
    """Open a regular file, a new one if need be, for unbuffered writing at its end, without ever waiting.

    For logs that processes write. Raises FileCannotBeWritten, also for a pipe, a device or a folder there.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    flags |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(str(path), flags, 0o666)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        return io.FileIO(descriptor, "ab")
    except (OSError, ValueError) as error:
        raise _refused("file", path, error) from error


def make_folder(path: Path) -> None:
    """Make a folder and those above it, where they are not there. Raises FileCannotBeWritten."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise _refused("folder", path, error) from error


def is_there(path: Path) -> bool:
    """Return whether anything has this name; one that no disk takes, or that nobody may see, has nothing."""
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises for such names


def is_file(path: Path) -> bool:
    """Return whether a regular file has this name, under the terms of :func:`is_there`."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises for such names


def is_one_of(path: Path, others: Iterable[Path]) -> bool:
    """Return whether writing ``path`` would change one of these files, by name or through a link."""
    others = tuple(others)
    real = os.path.realpath(str(path))
    if any(os.path.realpath(str(other)) == real for other in others):
        return True
    with contextlib.suppress(OSError, ValueError):
        return _identity(path) in set(_identities(others))
    return False


def _identities(paths: Iterable[Path]) -> Iterator[Tuple[int, int]]:
    for path in paths:
        with contextlib.suppress(OSError, ValueError):
            yield _identity(path)


def _identity(path: Path) -> Tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def is_folder(path: Path) -> bool:
    """Return whether a folder has this name, under the terms of :func:`is_there`."""
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises for such names


@contextlib.contextmanager
def whole_file(
    path: Path,
    check: Optional[Callable[[Path], None]] = None,
    *,
    private: bool = False,
    durable: bool = True,
    judge: Optional[Callable[[Path], None]] = None,
) -> Iterator[Path]:
    """Yield a new, empty scratch file beside ``path``; when the block ends well it takes that place.

    ``judge`` is called with the scratch file where something lies at ``path`` at that moment, and raises
    what it wants unless that may be replaced; without it everything may.

    ``check`` may read what was written and refuse it by raising. ``private`` gives the file mode 0600 from
    the moment it exists, whatever the umask. ``durable`` syncs file and folder, so that the file is there
    after the power failed too; leave it out for what is written every few seconds or can be made again. The
    scratch file has the ending of ``path``, for libraries that go by it. Some libraries, safetensors among
    them, make the file anew for its owner alone: unless ``private``, it gets the mode of the file that it
    replaces, or back the one it began with.

    When the block or ``check`` fails, nothing of it stays and an older file at ``path`` is untouched. Raises
    :class:`FileCannotBeWritten` for every failure of the file system, with the OSError as its cause.
    """
    scratch = _scratch_beside(path)
    _sweep_once(str(path.parent))
    try:
        # O_EXCL: a link that somebody put there under this name is not followed.
        os.close(os.open(str(scratch), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666))
        begun_with = _mode(scratch)
        yield scratch
        if check:
            check(scratch)
        if not private:
            _give_mode(scratch, path, begun_with)
        if durable:
            with scratch.open("rb+") as file:
                os.fsync(file.fileno())
        if judge is None or not _appeared(scratch, path):
            if judge is not None:
                judge(scratch)
            scratch.replace(path)
        if durable:
            sync_folder(path.parent)
    except OSError as error:
        raise _refused("file", path, error) from error
    finally:
        with contextlib.suppress(OSError):  # the error that went before says what is wrong with the disk
            scratch.unlink(missing_ok=True)


def _appeared(scratch: Path, path: Path) -> bool:
    """Give a file a second name that nothing has; False where something has it. Nobody can come between."""
    try:
        try:
            os.link(str(scratch), str(path))
        except FileExistsError:
            raise
        except OSError:  # a disk without second names, such as FAT
            os.close(os.open(str(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
            scratch.replace(path)
    except FileExistsError:
        return False
    return True


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


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a draft folder beside ``path`` to fill; when the block ends well it takes that name.

    When the block fails, or ``path`` is there by then, nothing of it stays. Raises
    :class:`FileCannotBeWritten` for what the file system refuses, with the OSError as its cause.
    """
    draft = _scratch_beside(path.absolute())
    _sweep_once(str(draft.parent))
    try:
        try:
            draft.parent.mkdir(parents=True, exist_ok=True)
            draft.mkdir()
        except OSError as error:
            raise _refused("folder", path, error) from error
        yield draft
        try:
            if is_there(path):  # an empty folder would be replaced silently
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
            draft.replace(path)
        except OSError as error:
            raise _refused("folder", path, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def remove_leftovers(paths: Collection[Path]) -> None:
    """Delete the scratch files that other processes left beside ``paths``, however new they are.

    Only for whoever alone writes them. What a living process of this machine is writing stays.
    """
    for folder in {path.parent for path in paths}:
        owners = {_owner(path.name) for path in paths if path.parent == folder}
        for entry in folder.iterdir():
            found = _SCRATCH_NAME.fullmatch(entry.name)
            if (
                found
                and found["owner"] in owners
                and not (_is_from_here(found) and _is_running(int(found["pid"])))
            ):
                _remove(entry)


def sweep(folder: Path) -> None:
    """Delete the scratch files and drafts in ``folder`` whose makers are gone; what resists stays."""
    with contextlib.suppress(OSError):  # no folder yet, or none that may be listed: nothing of ours
        for entry in list(folder.iterdir()):
            found = _SCRATCH_NAME.fullmatch(entry.name)
            if found and _is_abandoned(found, entry):
                _remove(entry)


@functools.lru_cache(maxsize=_FOLDERS_REMEMBERED)
def _sweep_once(folder: str) -> None:
    sweep(Path(folder))


def _is_abandoned(found: "re.Match[str]", entry: Path) -> bool:
    if _is_from_here(found):
        return not _is_running(int(found["pid"]))
    with contextlib.suppress(OSError):
        return time.time() - entry.lstat().st_mtime > _SILENT_S
    return False


def _is_from_here(found: "re.Match[str]") -> bool:
    return found["host"] == _this_system() != _NO_SYSTEM


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # somebody else's
        return True
    return True


def _remove(entry: Path) -> None:
    with contextlib.suppress(OSError):
        if is_folder(entry) and not entry.is_symlink():
            shutil.rmtree(str(entry))
        else:
            entry.unlink()


@functools.lru_cache(maxsize=1)
def _this_system() -> str:
    """Return eight digits of what numbers this process: the boot of a machine, and a container in it.

    Machines that share a disk may have one name, but no two boots have one id. Only Linux tells; elsewhere
    nobody is asked whether a process runs, which on Windows would disturb it.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        numbering = Path("/proc/self/ns/pid").stat().st_ino
    except (OSError, ValueError):
        return _NO_SYSTEM
    return hashlib.sha256(f"{boot} {numbering}".encode()).hexdigest()[:8]


def _scratch_beside(path: Path) -> Path:
    """Return a name for a scratch file; raises FileCannotBeWritten for a path that no disk can hold."""
    try:
        os.fsencode(path)
        ending = path.suffix if len(os.fsencode(path.suffix)) <= _MOST_ENDING_BYTES else ""
        maker = f"{_this_system()}-{os.getpid()}"
        scratch = path.with_name(f".svfr-{_owner(path.name)}-{maker}-{secrets.token_hex(4)}.tmp{ending}")
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


def _give_mode(scratch: Path, path: Path, begun_with: int) -> None:
    """Give a file the mode of the one that it replaces; a new one keeps what it began with or was given."""
    try:
        wanted = _mode(path)
    except FileNotFoundError:
        wanted = begun_with | _mode(scratch)
    if _mode(scratch) != wanted:
        scratch.chmod(wanted)


def _refused(what: str, path: Path, error: Exception) -> FileCannotBeWritten:
    text = f"The {what} cannot be written: {reason_of(error)}."
    in_the_way = what == "file" and is_folder(path)
    return FileCannotBeWritten(text, path=path, remedy=_FOLDER_REMEDY if in_the_way else _REMEDY)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _owner(name: str) -> str:
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:8]


def sync_folder(folder: Path) -> None:
    """Bring a folder's list of names to the disk, so that a new one is there after a power cut."""
    if os.name != "posix":  # Windows has no handle on a folder to sync
        return
    handle = os.open(str(folder), os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
