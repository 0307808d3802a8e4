"""What once ended or stalled the service for everybody, row by row, beside what another client feels.

    python -m benchmarks.service_stress.rows                  this checkout
    python -m benchmarks.service_stress.rows --code FOLDER    a checkout of another commit, with this Python

Rows S1 are what ended the service, S2 what made everybody wait, S3 what hung the worker, S4 what followed
another's link, S5 what the store lost, S6 what waking up did. Each prints what became of it and, for S1 to
S3, the ping of another client meanwhile (p50, p99). Everything is bounded, on loopback, in a temporary
folder; the service has the usual 1,024 descriptors.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.service_stress import hostile_jobs, hostile_messages, hostile_store
from benchmarks.service_stress.figures import describe_ms
from benchmarks.service_stress.hostile_service import HostileService, OtherClient
from svfr_client.errors import SvfrError

_Row = Callable[[HostileService], str]

PINGED: tuple[_Row, ...] = (
    hostile_messages.delete_characters,
    hostile_messages.growing_mask,
    hostile_messages.keys_come_and_go,
    hostile_messages.many_connections,
    hostile_messages.half_open,
    hostile_messages.empty_layers,
    hostile_messages.more_empty_layers,
    hostile_messages.large_rotos,
    hostile_messages.large_roto,
    hostile_messages.many_frames,
    hostile_messages.long_ranges,
    hostile_messages.revoked_flood,
    hostile_messages.long_lists,
)
WORKING: tuple[_Row, ...] = (
    hostile_jobs.pipe_as_tracks,
    hostile_jobs.endless_index,
    hostile_jobs.endless_number,
    hostile_jobs.wide_feather,
    hostile_jobs.picture_bomb,
)
OTHERS: tuple[_Row, ...] = (
    hostile_store.waiting_job_of_tomorrow,
    hostile_jobs.known_scratch,
    hostile_store.store_overwritten,
    hostile_store.store_deleted,
    hostile_store.log_cut,
    hostile_store.lock_removed,
    hostile_store.pause_and_drain,
    hostile_store.idle_drains,
    hostile_store.redo_of_another,
    hostile_jobs.stopped_for_a_while,
)


def run_row(row: _Row, code: Path, folder: Path, *, is_pinged: bool) -> list[float]:
    """Make one row against a service of its own, print it, and return the other client's waits."""
    arguments = (
        ("--first-window", "120", "--stuck-after", "2") if row is hostile_jobs.stopped_for_a_while else ()
    )
    service = HostileService(code, folder / row.__name__ / "home", arguments)
    name = " ".join((row.__doc__ or row.__name__).split()).rstrip(".")
    waited: list[float] = []
    try:
        try:
            service.start()
        except RuntimeError:
            print(f"{name}\n     the service did not start", flush=True)
            return waited
        with OtherClient(service) if is_pinged else contextlib.nullcontext() as other:
            try:
                found = row(service)
            except (RuntimeError, OSError, subprocess.SubprocessError, sqlite3.Error, SvfrError) as problem:
                found = f"could not go on ({type(problem).__name__})"
        ended = "" if service.lives else "; the service ENDED"
        felt = ""
        if other is not None:
            waited = other.waited_ms
            felt = f"\n     others: {describe_ms(waited)}, {other.unanswered} unanswered"
        print(f"{name}\n     {found}{ended}{felt}", flush=True)
    finally:
        service.stop(10.0)
    return waited


def main() -> int:
    """Make the rows; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    here = Path(__file__).resolve().parents[3]
    parser.add_argument("--code", type=Path, default=here, help="a checkout to try")
    parser.add_argument("--only", default="", help="rows that have this in their words, such as S2")
    given = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
    waited: list[float] = []
    with tempfile.TemporaryDirectory(prefix="rows-") as name:
        for row in (*PINGED, *WORKING, *OTHERS):
            if given.only in f"{row.__doc__}":
                is_pinged = row not in OTHERS
                waited += run_row(row, given.code, Path(name), is_pinged=is_pinged)
    print(f"Another client through S1 to S3: {describe_ms(waited)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
