"""The SQLite file under the job store: opened privately, written in transactions, its failures typed.

A full or vanished disk under the file raises :class:`~svfr_server.errors.StoreUnavailable`, with nothing of
the transaction kept; the same call succeeds once the disk is fixed.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from svfr_client.reasons import in_one_line
from svfr_server.errors import StoreUnavailable, StoreUnusable
from svfr_server.job_store.schema import migrate

LOCKED_SECONDS = 1.0


class Database:
    """One connection. One thread uses it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._connection = sqlite3.connect(path, timeout=LOCKED_SECONDS, isolation_level=None)
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute("PRAGMA foreign_keys = ON")
            migrate(self._connection)
        except sqlite3.OperationalError as problem:
            raise self._unavailable(problem) from problem
        except sqlite3.DatabaseError as problem:
            remedy = "Move the file away to begin with an empty queue; jobs in it must be handed in again."
            raise StoreUnusable(
                f"The job store is damaged: {in_one_line(problem)}.", path=path, remedy=remedy
            ) from problem

    def execute(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement; raises :class:`StoreUnavailable`."""
        try:
            return self._connection.execute(statement, values)
        except sqlite3.OperationalError as problem:
            raise self._unavailable(problem) from problem

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
            remedy="Free space on its disk; the service goes on by itself.",
        )
