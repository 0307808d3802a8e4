"""How many bytes each client keeps with the service, counted in one place for all of its processes.

Two checking processes take pieces at once, and either may be ended and started again at any time: what each
counted for itself would be a quota of its own. The count is therefore in ``transfers.sqlite`` in the
service's folder. It is made from the files, anew every some minutes, and added to in between; it can be lost
without harm.
"""

import contextlib
import errno
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from svfr_client.errors import SvfrError
from svfr_server.job_store.steps import Steps

_FILE = "transfers.sqlite"
_LOCKED_SECONDS = 20.0
_TABLES = (
    "CREATE TABLE IF NOT EXISTS held (client TEXT PRIMARY KEY, bytes INTEGER, added INTEGER)",
    "CREATE TABLE IF NOT EXISTS counted (only INTEGER PRIMARY KEY CHECK (only = 1), at REAL)",
)

Judge = Callable[[Mapping[str, int]], SvfrError | None]
Measure = Callable[[], Steps[dict[str, int]]]


class HeldBytes:
    """The count of one service; for one thread."""

    def __init__(self, home: Path) -> None:
        self._path = home / _FILE
        self._connection: sqlite3.Connection | None = None

    def age_s(self) -> float:
        """Return how long ago the files were counted; infinite if never, or by a clock that was ahead."""
        with self._transaction() as database:
            row = database.execute("SELECT at FROM counted").fetchone()
        age = time.time() - row[0] if row else -1.0
        return age if age >= 0 else float("inf")

    def take(self, client: str, size_bytes: int, judge: Judge) -> SvfrError | None:
        """Count so many bytes for the client unless ``judge`` objects to what all keep; return why."""
        with self._transaction() as database:
            held = dict(database.execute("SELECT client, bytes FROM held").fetchall())
            problem = judge(held)
            if problem is None:
                database.execute(
                    "INSERT INTO held VALUES (?, ?, ?) ON CONFLICT (client)"
                    " DO UPDATE SET bytes = bytes + excluded.bytes, added = added + excluded.added",
                    (client, size_bytes, size_bytes),
                )
        return problem

    def count(self, measure: Measure) -> Steps[None]:
        """Count the files; what others add meanwhile counts too, at worst twice."""
        with self._transaction() as database:
            before = dict(database.execute("SELECT client, added FROM held").fetchall())
        found = yield from measure()
        with self._transaction() as database:
            added = dict(database.execute("SELECT client, added FROM held").fetchall())
            database.execute("DELETE FROM held")
            rows = [
                (name, found.get(name, 0) + added.get(name, 0) - before.get(name, 0), added.get(name, 0))
                for name in found.keys() | added.keys()
            ]
            database.executemany("INSERT INTO held VALUES (?, ?, ?)", [row for row in rows if row[1] > 0])
            database.execute("INSERT OR REPLACE INTO counted VALUES (1, ?)", (time.time(),))

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        database = self._opened()
        try:
            database.execute("BEGIN IMMEDIATE")
            yield database
            database.execute("COMMIT")
        except sqlite3.DatabaseError as problem:
            self._forget(is_damaged=not isinstance(problem, sqlite3.OperationalError))
            raise _unusable(problem) from problem
        except BaseException:
            self._forget(is_damaged=False)
            raise

    def _opened(self) -> sqlite3.Connection:
        for is_last in (False, True):
            if self._connection is not None:
                break
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            self._connection = sqlite3.connect(self._path, timeout=_LOCKED_SECONDS, isolation_level=None)
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                # what a power failure spoils is made anew
                self._connection.execute("PRAGMA synchronous = OFF")
                for table in _TABLES:
                    self._connection.execute(table)
            except sqlite3.DatabaseError as problem:
                self._forget(is_damaged=not isinstance(problem, sqlite3.OperationalError))
                if is_last:
                    raise _unusable(problem) from problem
        assert self._connection is not None
        return self._connection

    def _forget(self, is_damaged: bool) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        for ending in ("", "-wal", "-shm") if is_damaged else ():
            self._path.with_name(_FILE + ending).unlink(missing_ok=True)


def _unusable(problem: sqlite3.DatabaseError) -> OSError:
    is_full = getattr(problem, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL
    return OSError(errno.ENOSPC if is_full else errno.EIO, "the count of what clients keep cannot be used")


def expire_count(home: Path) -> None:
    """Have the files counted before the next piece is taken: some were removed."""
    if (home / _FILE).is_file():
        with HeldBytes(home)._transaction() as database:
            database.execute("DELETE FROM counted")
