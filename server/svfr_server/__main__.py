"""``python -m svfr_server``: run the service in this process until it is stopped."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from svfr.number_types import NUMBER_TYPES
from svfr_client.errors import SvfrError
from svfr_restore.memory_budget import DEFAULT_SHARE_PERCENT, default_budget_bytes
from svfr_server.errors import AnotherServerRuns
from svfr_server.job_store.disk_errors import disk_is_full, storage_error
from svfr_server.settings import LOOPBACK, RESTORE_PIPELINE, Retention, WorkerTimeouts, find_devices
from svfr_server.start import MODULE_FOLDER_HELD
from svfr_server.supervisor.loop import run

MIB = 1024 * 1024


def parse(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the fields of ServerSettings that the command line gives."""
    parser = argparse.ArgumentParser(prog="python -m svfr_server", description=__doc__)
    parser.add_argument("--listen", default=LOOPBACK, help="address to listen at; others need client keys")
    parser.add_argument("--port", type=int, default=0, help="TCP port; 0 takes a free one")
    parser.add_argument("--read-root", type=Path, action="append", default=[], help="jobs read only below")
    parser.add_argument("--write-root", type=Path, action="append", default=[], help="jobs write only below")
    parser.add_argument("--device", action="append", default=[], help="cpu or cuda:<uuid>; default: all")
    parser.add_argument("--idle-exit", type=float, default=None, help="end after so many idle seconds")
    parser.add_argument("--idle-unload", type=float, default=600.0, help="free the device when idle, seconds")
    parser.add_argument("--cancel-grace", type=float, default=10.0, help="then kill what ignores a cancel")
    parser.add_argument("--stuck-after", type=float, default=10.0, help="silence over three windows, seconds")
    parser.add_argument("--first-window", type=float, default=900.0, help="silence before one, seconds")
    parser.add_argument("--keep-days", type=float, default=30.0, help="then forget a finished job")
    parser.add_argument("--keep-jobs", type=int, default=10_000, help="finished jobs to remember at most")
    parser.add_argument("--memory-limit-mib", type=int, default=1024, help="of the supervisor itself")
    share = f"of one job; default: {DEFAULT_SHARE_PERCENT} %% of the machine's"
    parser.add_argument("--worker-memory-mib", type=int, default=None, help=share)
    parser.add_argument(
        "--precision", choices=NUMBER_TYPES, help="of UNet and decoder; default: the device's"
    )
    parser.add_argument("--batch", type=int, default=1, help="branches of windows at once, at most")
    parser.add_argument("--compile", action="store_true", help="compile networks, beside the jobs")
    ahead = "survey waiting jobs while the devices are busy; default: beside GPUs"
    parser.add_argument("--survey-ahead", action=argparse.BooleanOptionalAction, default=None, help=ahead)
    overlap = "begin a job while the last frames of the one before are written; default: on GPUs"
    parser.add_argument("--overlap", action=argparse.BooleanOptionalAction, default=None, help=overlap)
    parser.add_argument("--umask", type=lambda text: int(text, 8), default=None, help="of outputs, e.g. 002")
    parser.add_argument("--pipeline", default=RESTORE_PIPELINE, help="module:function that runs a job")
    given = parser.parse_args(arguments)
    return {
        "listen": given.listen,
        "port": given.port,
        "read_roots": tuple(given.read_root),
        "write_roots": tuple(given.write_root),
        "devices": tuple(given.device) or find_devices(),
        "idle_exit_s": given.idle_exit,
        "idle_unload_s": given.idle_unload,
        "timeouts": WorkerTimeouts(given.stuck_after, given.first_window, given.cancel_grace),
        "retention": Retention(given.keep_days, given.keep_jobs),
        "memory_limit_bytes": given.memory_limit_mib * MIB,
        "worker_memory_bytes": (
            default_budget_bytes() if given.worker_memory_mib is None else given.worker_memory_mib * MIB
        ),
        "precision": given.precision,
        "batch": given.batch,
        "compiles": given.compile,
        "surveys_ahead": given.survey_ahead,
        "overlaps": given.overlap,
        "umask": given.umask,
        "pipeline": given.pipeline,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the service; returns 0 after a clean stop, 2 if another one runs, 1 for other errors."""
    try:
        serve(arguments)
    except SvfrError as problem:
        print(f"[{problem.code}] {problem}", file=sys.stderr)
        return MODULE_FOLDER_HELD if isinstance(problem, AnotherServerRuns) else 1
    return 0


def serve(arguments: Sequence[str] | None = None) -> None:
    """Run the service until a clean stop; raises SvfrError, AnotherServerRuns among them, when none runs."""
    try:
        run(**parse(arguments))
    except SvfrError as problem:
        raise disk_is_full(problem) or problem from problem.__cause__
    except OSError as problem:
        raise storage_error(problem) from problem


if __name__ == "__main__":
    sys.exit(main())
