"""Large weight files are hashed when they are installed or first loaded, and are known from then on.

A record in the user's cache says of a file: its path, inode, size, times, and the hash
that its bytes had. As long as the file system tells the same of the file, it is not read again to be hashed:
3 GB take ten seconds. A file that was written, replaced or touched is. ``svfr model check`` always reads.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from svfr.models.spec import FileRecord
from svfr.validation import read_json_file
from svfr_client.errors import FileCannotBeWritten
from svfr_client.files import write_whole

# Smaller files are hashed faster than a record of them is worth.
LEAST_BYTES = 16 * 2**20


def records_folder() -> Path:
    """Return where the records are; it need not exist, and where it cannot be written nothing is kept."""
    return user_cache_path("svfr") / "weights"


def read_hash(path: Path) -> FileRecord:
    """Read a file and return its hash and size."""
    with path.open("rb") as file:
        return FileRecord(hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size)


def hashed(path: Path) -> FileRecord:
    """Read a file as :func:`read_hash` does; what was found is kept."""
    before = _signs(path)
    record = read_hash(path)
    if _signs(path) == before:  # nobody wrote meanwhile
        remember(path, record)
    return record


def known(path: Path) -> FileRecord:
    """Return the hash and size of a file: as recorded, if the file is still the same, else by reading it."""
    if path.stat().st_size < LEAST_BYTES:
        return hashed(path)
    try:
        body = read_json_file(_record_of(path))
        if isinstance(body, dict) and body["signs"] == _signs(path):
            return FileRecord(str(body["sha256"]), path.stat().st_size)
    except (OSError, ValueError, KeyError):
        pass  # no record, or one that somebody damaged
    return hashed(path)


def remember(path: Path, record: FileRecord) -> None:
    """Keep what a file's bytes hash to; small files, and a cache that cannot be written, are passed over."""
    if record.bytes < LEAST_BYTES:
        return
    with contextlib.suppress(OSError, FileCannotBeWritten):
        folder = records_folder()
        folder.mkdir(parents=True, exist_ok=True)
        _forget_what_is_gone(folder)
        body = json.dumps({"signs": _signs(path), "sha256": record.sha256})
        write_whole(_record_of(path), body, private=True, durable=False)


def _signs(path: Path) -> list[Any]:
    """Return what the file system says of a file that changes when its bytes do."""
    stat = path.stat()
    return [str(path.resolve()), stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]


def _record_of(path: Path) -> Path:
    return records_folder() / (hashlib.sha256(str(path.resolve()).encode()).hexdigest() + ".json")


def _forget_what_is_gone(folder: Path) -> None:
    for record in folder.glob("*.json"):
        try:
            is_gone = not Path(read_json_file(record)["signs"][0]).is_file()
        except (OSError, ValueError, KeyError, IndexError, TypeError):
            is_gone = True
        if is_gone:
            record.unlink(missing_ok=True)
