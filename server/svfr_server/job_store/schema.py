"""The tables of the job store and their history; ``PRAGMA user_version`` counts the applied steps."""

import sqlite3

from svfr_server.errors import StoreUnusable

MIGRATIONS = (
    """
    CREATE TABLE jobs (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        job TEXT NOT NULL UNIQUE,
        content_key TEXT NOT NULL,
        spec TEXT NOT NULL,
        plate TEXT NOT NULL,
        frames TEXT NOT NULL,
        output TEXT NOT NULL,
        owner TEXT NOT NULL,
        state TEXT NOT NULL,
        priority INTEGER NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        cancel_requested INTEGER NOT NULL DEFAULT 0,
        last_seq INTEGER NOT NULL DEFAULT 0,
        created REAL NOT NULL,
        updated REAL NOT NULL,
        progress TEXT,
        error TEXT
    );
    CREATE INDEX jobs_by_state ON jobs (state, priority, number);
    CREATE TABLE events (
        job TEXT NOT NULL REFERENCES jobs (job),
        seq INTEGER NOT NULL,
        kind TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (job, seq)
    ) WITHOUT ROWID;
    """,
    # party: whose turn a job takes; begun: it has been on a worker and goes first; redo_of: see redo
    """
    ALTER TABLE jobs ADD COLUMN party TEXT NOT NULL DEFAULT '';
    ALTER TABLE jobs ADD COLUMN begun INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN redo_of TEXT;
    CREATE INDEX jobs_by_party ON jobs (party, state);
    CREATE INDEX jobs_by_age ON jobs (state, updated);
    CREATE TABLE parties (party TEXT PRIMARY KEY, served INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE service (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    """,
)


# The tables, with one column each that other programs hardly have, that a store of a form has.
_OF_FORM: tuple[dict[str, str], ...] = (
    {},
    {"jobs": "content_key", "events": "seq"},
    {"jobs": "party", "events": "seq", "parties": "served", "service": "value"},
)


def is_empty(database: sqlite3.Connection) -> bool:
    """Return whether nothing was ever put into a file: it is new, or was emptied."""
    return database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0


def is_store(database: sqlite3.Connection) -> bool:
    """Return whether a file that is not empty is a job store, with all its tables, also of a newer form."""
    applied = int(database.execute("PRAGMA user_version").fetchone()[0])
    wanted = _OF_FORM[min(applied, len(MIGRATIONS))]
    columns = {table: {row[1] for row in database.execute(f"PRAGMA table_info({table})")} for table in wanted}
    return bool(wanted) and all(column in columns[table] for table, column in wanted.items())


def migrate(database: sqlite3.Connection) -> None:
    """Bring the tables up to date; each step is applied whole or not at all.

    Raises :class:`StoreUnusable` for a store that a newer version has written.
    """
    applied = int(database.execute("PRAGMA user_version").fetchone()[0])
    if applied > len(MIGRATIONS):
        raise StoreUnusable(
            f"The job store has form {applied}; this version knows up to {len(MIGRATIONS)}.",
            remedy="Run the newer version, or set SVFR_HOME to another folder.",
        )
    for number, script in enumerate(MIGRATIONS[applied:], start=applied + 1):
        database.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;")
