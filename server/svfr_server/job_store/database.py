"""The SQLite file under the job store: opened privately, written in transactions, its failures typed.

A full or vanished disk under the file raises :class:`~svfr_server.errors.StoreUnavailable`, with nothing of
the transaction kept; the same call succeeds once the disk is fixed.
"""

import logging
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from svfr_client.reasons import in_one_line
from svfr_server.errors import StoreUnavailable, StoreUnusable
from svfr_server.job_store.notes import JobNotes
from svfr_server.job_store.rescue import COMPANIONS, is_sound, keep_aside, save_rows
from svfr_server.job_store.schema import is_empty, is_store, migrate

LOCKED_SECONDS = 1.0
_log = logging.getLogger(__name__)
_MAGIC = b"SQLite format 3\0"
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class Database:
    """One connection. One thread uses it."""

    def __init__(self, path: Path, notes: JobNotes) -> None:
        """Open a store, or make it; one that is damaged or gone is made again from its jobs' ``notes``."""
        self.path = path
        self._notes = notes
        if is_sound(path):
            self._connection = self._open()
            if self._was_empty:
                self._put_back(self._connection)
        else:
            self._connection = self._rescued()

    def execute(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement; raises :class:`StoreUnavailable`, once also after rescuing a damaged store."""
        try:
            return self._connection.execute(statement, values)
        except sqlite3.OperationalError as problem:
            if problem.sqlite_errorcode == sqlite3.SQLITE_ERROR and not is_store(self._connection):
                raise self._after_rescue("found without its tables", "Ask again.") from problem
            raise self._unavailable(problem) from problem
        except sqlite3.DatabaseError as problem:
            if getattr(problem, "sqlite_errorcode", None) not in _DAMAGED:
                raise
            raise self._after_rescue("found damaged", "Ask again.") from problem

    def check(self) -> None:
        """Notice that the file was deleted, replaced or overwritten, and put it right.

        A file that is gone is written again from what this connection still holds. Raises StoreUnavailable
        once where rows may be lost, so that whoever works with the store begins anew.
        """
        try:
            now = self.path.stat()
            is_ours = (now.st_dev, now.st_ino) == self._identity
            with self.path.open("rb") as file:
                is_whole = file.read(len(_MAGIC)) == _MAGIC
        except FileNotFoundError:
            is_ours = is_whole = False
        except OSError:
            return  # the disk is away: every statement says so itself
        if is_ours and not is_whole:
            remedy = "Keep other programs away from the service's folder."
            raise self._after_rescue("overwritten while the service ran", remedy)
        if not is_ours:
            self._write_again()

    def _open(self) -> sqlite3.Connection:
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        try:
            connection = sqlite3.connect(self.path, timeout=LOCKED_SECONDS, isolation_level=None)
            connection.text_factory = lambda data: data.decode("utf-8", "replace")  # what a disk has spoilt
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA foreign_keys = ON")
            self._was_empty = is_empty(connection)
            migrate(connection)
        except sqlite3.OperationalError as problem:
            raise self._unavailable(problem) from problem
        except sqlite3.DatabaseError as problem:
            remedy = "Move the file away to begin with an empty queue; jobs in it must be handed in again."
            raise StoreUnusable(
                f"The job store is damaged: {in_one_line(problem)}.", path=self.path, remedy=remedy
            ) from problem
        status = self.path.stat()
        self._identity = (status.st_dev, status.st_ino)
        return connection

    def _rescued(self) -> sqlite3.Connection:
        """Keep a damaged store aside and return a new one with what could be read of it."""
        aside = keep_aside(self.path)
        connection = self._open()
        saved = save_rows(aside, connection)
        _log.error("the job store was damaged; it is kept as %s, and %d of its jobs were saved", aside, saved)
        self._put_back(connection)
        return connection

    def _put_back(self, connection: sqlite3.Connection) -> None:
        if count := self._notes.put_back(connection):
            _log.error("the job store had lost %d jobs; they are back, from their notes", count)

    def _after_rescue(self, fault: str, remedy: str) -> StoreUnavailable:
        """Rescue the open store; returns the error for whoever was working with it."""
        self._connection.close()
        self._connection = self._rescued()
        return StoreUnavailable(
            f"The job store was {fault}; what could be saved of it was.", path=self.path, remedy=remedy
        )

    def _write_again(self) -> None:
        """Write the whole store under its name from the open connection, whose file has lost it."""
        former = self._connection
        with suppress(FileNotFoundError):
            keep_aside(self.path)  # what somebody put there is theirs
        for ending in COMPANIONS:
            self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
        try:
            with closing(sqlite3.connect(self.path)) as fresh:
                former.backup(fresh)
        except sqlite3.OperationalError as problem:  # its folder is gone too
            raise self._unavailable(problem) from problem
        self.path.chmod(0o600)
        former.close()
        self._connection = self._open()
        _log.error("the job store %s was gone and has been written again, with all its jobs", self.path)

    @contextmanager
    def transaction(self, *, is_durable: bool = False) -> Iterator[None]:
        """Apply the block whole or not at all; ``is_durable``: return once it is on the disk itself."""
        self.execute(f"PRAGMA synchronous = {'FULL' if is_durable else 'NORMAL'}")
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.OperationalError):  # SQLite has rolled back by itself when a disk is full
                self._connection.execute("ROLLBACK")
            raise

    def note(self, job: str) -> None:
        """Write down what the store says of a job beside it."""
        self._notes.keep(job, self._connection)

    def checkpoint(self) -> None:
        """Carry what the log holds into the file itself, so that a log which is cut or lost costs nothing."""
        with suppress(sqlite3.OperationalError):  # somebody reads just now; the next one does it
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _unavailable(self, problem: sqlite3.OperationalError) -> StoreUnavailable:
        return StoreUnavailable(
            f"The job store cannot be used now: {problem}.",
            path=self.path,
            remedy="See that its folder is there and its disk has space; the service goes on by itself.",
        )
