"""A damaged job store: kept aside whole, and everything that can still be read of it put into a new one.

SQLite reads a damaged file up to the first bad page, so rows are read from both ends of a table. A job
whose events are not all there keeps those from the first on: nobody who follows it waits for one that is
lost.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path

from svfr_server.job_store.schema import is_empty, is_store

_log = logging.getLogger(__name__)
# What belongs to a store of write-ahead logging, beside the file itself.
COMPANIONS = ("-wal", "-shm")
_TABLES = {"jobs": "number", "events": "job, seq", "parties": "party", "service": "name"}


def is_sound(path: Path) -> bool:
    """Return whether a store's file is what this service wrote; a new or empty one is.

    Damaged ones are not, nor those that lack a table, nor what another program keeps in SQLite.
    """
    if not path.exists():
        return True
    try:
        with closing(sqlite3.connect(path, timeout=1.0)) as database:
            if database.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                return False
            return is_empty(database) or is_store(database)
    except sqlite3.OperationalError:
        return True  # in use, or its disk gives out: not what this is for
    except sqlite3.DatabaseError:
        return False


def keep_aside(path: Path) -> Path:
    """Move a store's files out of the way and return where the store is now."""
    aside = path.with_name(f"{path.stem}.damaged-{time.strftime('%Y%m%d-%H%M%S')}{path.suffix}")
    path.rename(aside)
    for ending in COMPANIONS:
        with suppress(FileNotFoundError):
            path.with_name(path.name + ending).rename(aside.with_name(aside.name + ending))
    return aside


def save_rows(aside: Path, into: sqlite3.Connection) -> int:
    """Copy what can be read of a damaged store; return how many of its jobs were saved."""
    try:
        with closing(sqlite3.connect(aside, timeout=1.0)) as damaged:
            for table, order in _TABLES.items():
                _copy(damaged, into, table, order)
    except sqlite3.DatabaseError as problem:
        _log.warning("nothing more can be read of %s: %s", aside, problem)
    _close_gaps(into)
    return int(into.execute("SELECT count(*) FROM jobs").fetchone()[0])


def _copy(damaged: sqlite3.Connection, into: sqlite3.Connection, table: str, order: str) -> None:
    known = {row[1] for row in into.execute(f"PRAGMA table_info({table})")}
    columns = [row[1] for row in damaged.execute(f"PRAGMA table_info({table})") if row[1] in known]
    if not columns:
        return
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    for direction in ("ASC", "DESC"):
        ordered = ", ".join(f"{column} {direction}" for column in order.split(", "))
        with suppress(sqlite3.DatabaseError):  # the rows before the bad page have been copied
            for row in damaged.execute(f"SELECT {names} FROM {table} ORDER BY {ordered}"):
                with suppress(sqlite3.IntegrityError):  # an event of a job that is lost
                    into.execute(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})", row)


def _close_gaps(into: sqlite3.Connection) -> None:
    """Let every job's last event be the last of those that follow each other from the first on."""
    for job, last in into.execute("SELECT job, last_seq FROM jobs").fetchall():
        present = [
            seq for (seq,) in into.execute("SELECT seq FROM events WHERE job = ? ORDER BY seq", (job,))
        ]
        reached = next((n for n, seq in enumerate(present) if seq != n + 1), len(present))
        if reached != last:
            into.execute("DELETE FROM events WHERE job = ? AND seq > ?", (job, reached))
            into.execute("UPDATE jobs SET last_seq = ? WHERE job = ?", (reached, job))
