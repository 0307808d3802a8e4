"""The tables of the job store and their history; ``PRAGMA user_version`` counts the applied steps."""

import sqlite3

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
)


def migrate(database: sqlite3.Connection) -> None:
    """Bring the tables up to date; each step is applied whole or not at all."""
    applied = int(database.execute("PRAGMA user_version").fetchone()[0])
    for number, script in enumerate(MIGRATIONS[applied:], start=applied + 1):
        database.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;")
