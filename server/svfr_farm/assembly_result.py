"""What the assembly of a shot found, kept beside its plan for the report."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass

from svfr.validation import read_json_file
from svfr_client.errors import SvfrError
from svfr_client.files import write_whole
from svfr_client.records import Record, from_plain, to_plain
from svfr_farm.plan import PlanFile

RESULT_FILE = "result.json"
_MOST_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Seam(Record):
    """One joint: the first frame after it, and its greatest change relative to the usual one around it.

    A ``ratio`` above 1.5 is worth a person's look.
    """

    track: int
    frame: int
    ratio: float


@dataclass(frozen=True, kw_only=True)
class AssemblyResult(Record):
    """The seams of a shot, and the kinds of device that made its latents and frames.

    ``written`` and ``found`` count the frames that were written, and that were there already.
    """

    plan_sha256: str
    seams: tuple[Seam, ...]
    devices: tuple[str, ...]
    written: int
    found: int
    warnings: tuple[str, ...] = ()


def write_result(file: PlanFile, result: AssemblyResult) -> None:
    """Keep what an assembly found."""
    write_whole(file.folder / RESULT_FILE, json.dumps(to_plain(result), indent=1) + "\n")


def read_result(file: PlanFile) -> AssemblyResult | None:
    """Return what the shot's assembly found; None before that, and of a file that is damaged or another's."""
    with contextlib.suppress(OSError, ValueError, SvfrError):
        found = from_plain(AssemblyResult, read_json_file(file.folder / RESULT_FILE, _MOST_BYTES), "result")
        return found if found.plan_sha256 == file.sha256 else None
    return None
