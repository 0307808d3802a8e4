"""The texts of large jobs: one private file each beside the store, whose row names it.

The supervisor changes a job's row at every event while all clients wait, and SQLite writes a row anew as a
whole. A text of megabytes is therefore written, and brought to the disk, by the checking process that has
just read it, before the job is in the store. A file that no row names is one of a job that was refused or is
forgotten, and is swept.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from svfr_client.errors import FileCannotBeWritten
from svfr_client.files import open_regular, sync_folder, write_whole
from svfr_client.reasons import reason_of
from svfr_server.job_store.disk_errors import storage_error
from svfr_server.job_store.rows import unreadable

LARGE_BYTES = 64 * 1024
# A job that is being handed in has its file before its row, for as long as its answer is on the way.
ABANDONED_SECONDS = 900.0
_NAME = re.compile(r"file:(?P<name>(?P<job>[0-9a-f]{32})-[0-9a-f]{16}):(?P<bytes>[0-9]{1,9})")
_FILE = re.compile(r"(?P<job>[0-9a-f]{32})-[0-9a-f]{16}\.json")
_log = logging.getLogger(__name__)


class SpecFiles:
    """The texts below one folder; what stands in a row in a text's place is its name and length."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, job: str, text: str) -> str:
        """Return what the row shall hold: a short text itself, or the name of a long one that is on the disk.

        ``text`` is ASCII and begins with a brace. Raises the typed error of a disk that does not take it.
        """
        if len(text) <= LARGE_BYTES:
            return text
        name = f"{job}-{secrets.token_hex(8)}"
        try:
            if not self._folder.is_dir():
                self._folder.mkdir(mode=0o700, exist_ok=True)
                sync_folder(self._folder.parent)
            write_whole(self._path(name), text, private=True)
        except (OSError, FileCannotBeWritten) as problem:
            raise storage_error(problem) from problem
        return f"file:{name}:{len(text)}"

    def read(self, kept: str) -> str:
        """Return the text that a row holds or names; raises JobUnreadable for one that is not there whole."""
        if not kept.startswith("file:"):
            return kept
        found = _NAME.fullmatch(kept)
        if found is None:
            raise unreadable("spec")
        most = int(found["bytes"])
        try:
            with open_regular(self._path(found["name"])) as file:
                text = file.read(most + 1).decode("ascii")
        except (OSError, ValueError) as problem:
            _log.warning("the text of job %s cannot be read: %s", found["job"], reason_of(problem))
            raise unreadable("spec") from problem
        if len(text) != most:
            raise unreadable("spec")
        return text

    def is_there(self, kept: str) -> bool:
        """Return whether the file that a row would name is there; True for a text itself."""
        found = _NAME.fullmatch(kept)
        return found is None or self._path(found["name"]).is_file()

    def remove(self, kept: str) -> None:
        """Remove the file of a text that no row names."""
        if found := _NAME.fullmatch(kept):
            self._unlink(self._path(found["name"]))

    def sweep(self, kept_of: Callable[[str], str | None], at_most: int) -> None:
        """Remove up to so many files that no row names; ``kept_of`` returns what a job's row holds."""
        if not self._folder.is_dir():
            return
        before = time.time() - ABANDONED_SECONDS
        for path in self._folder.iterdir():
            found = _FILE.fullmatch(path.name)
            if found is None or f"file:{path.stem}:" in (kept_of(found["job"]) or "")[:100]:
                continue
            try:
                is_old = path.lstat().st_mtime < before
            except OSError:  # removed meanwhile
                continue
            if is_old:
                self._unlink(path)
                at_most -= 1
            if at_most <= 0:
                return

    def _unlink(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as problem:
            _log.warning("the text %s cannot be removed: %s", path, reason_of(problem))

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"
