"""The ledger of a submission folder: which plan is each shot's, and what was handed to which engine.

It makes submitting twice harmless. What an engine got lies beside each plan and is written before the jobs
go out (``submitting``) and again with their ids (``submitted``), so that a submission that dies in between is
seen for what it is. One process at a time holds the folder's lock.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from svfr.validation import read_json_file
from svfr_client.errors import SvfrError
from svfr_client.files import write_whole
from svfr_client.reasons import reason_of
from svfr_client.records import Record, from_plain, to_plain
from svfr_farm.errors import LedgerIsBad, SubmissionIsBusy
from svfr_farm.plan import PLAN_FILE, PlanFile, PlannedShot, ShotPlan, plan_text, read_plan

FORMAT = 1
LEDGER_FILE = "submission.json"
HANDOVER_FILE = "submitted.json"
_LOCK_FILE = ".lock"
_REMEDY = "Move the file away and plan the shot list again; a planned shot finds its results."
_SHORT = 12  # characters of a plan's hash in its folder's name


@dataclass(frozen=True, kw_only=True)
class LedgerShot(Record):
    """One shot and its plan; ``asked_sha256`` is of the row that the plan was made from."""

    shot: str
    asked_sha256: str
    plan_sha256: str

    @property
    def folder(self) -> str:
        """The plan's folder, from the submission folder. A changed plan gets a folder of its own."""
        return f"shots/{self.shot}/{self.plan_sha256[:_SHORT]}"


@dataclass(frozen=True, kw_only=True)
class Handover(Record):
    """What an engine was given of one plan. ``ids`` are the engine's names for its jobs.

    ``state``: "submitting" (the ids are not known yet) or "submitted". ``submitted`` is in Unix seconds,
    ``times`` counts how often the plan was handed over.
    """

    state: str
    engine: str
    ids: tuple[str, ...] = ()
    submitted: float = 0.0
    times: int = 1


@dataclass(frozen=True, kw_only=True)
class _Ledger(Record):
    format: int
    shot_list: str
    shots: tuple[LedgerShot, ...]


class Submission:
    """The folder of one shot list on the farm."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    @property
    def path(self) -> Path:
        """The ledger's file."""
        return self.folder / LEDGER_FILE

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process; raises SubmissionIsBusy when another one has it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.folder / _LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(handle, self.folder)
            yield
        finally:
            os.close(handle)  # lets the lock go

    def shots(self) -> dict[str, LedgerShot]:
        """Return the entries by shot, in order; none before the first planning. Raises LedgerIsBad."""
        try:
            body: Any = read_json_file(self.path)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as problem:
            raise LedgerIsBad(
                f"The ledger cannot be read: {reason_of(problem)}.", path=self.path, remedy=_REMEDY
            ) from problem
        try:
            ledger = from_plain(_Ledger, body, "ledger")
        except SvfrError as problem:
            raise LedgerIsBad(problem.message, path=self.path, remedy=_REMEDY) from problem
        if ledger.format != FORMAT:
            text = f"The ledger has format {ledger.format}, not {FORMAT}."
            raise LedgerIsBad(text, path=self.path, remedy=_REMEDY)
        return {entry.shot: entry for entry in ledger.shots}

    def plan_file(self, entry: LedgerShot) -> PlanFile:
        """Return the plan of an entry. Raises PlanIsBad."""
        return read_plan(self.folder / entry.folder / PLAN_FILE)

    def known(self) -> dict[str, PlannedShot]:
        """Return what was planned before, by shot; a plan that cannot be read any more is left out."""
        found: dict[str, PlannedShot] = {}
        for name, entry in self.shots().items():
            with contextlib.suppress(SvfrError):
                found[name] = PlannedShot(self.plan_file(entry).plan, entry.asked_sha256)
        return found

    def take(self, shot_list: Path, planned: list[PlannedShot]) -> dict[str, LedgerShot]:
        """Write the plans that are new, and the ledger."""
        entries = {
            one.plan.shot: LedgerShot(
                shot=one.plan.shot, asked_sha256=one.asked_sha256, plan_sha256=one.plan.sha256
            )
            for one in planned
        }
        for one in planned:
            self._write_plan(one.plan, entries[one.plan.shot])
        self._write(str(shot_list.absolute()), entries)
        return entries

    def handover(self, entry: LedgerShot) -> Handover | None:
        """Return what an engine was last given of a shot, or None. Raises LedgerIsBad."""
        path = self.folder / entry.folder / HANDOVER_FILE
        try:
            return from_plain(Handover, read_json_file(path), "handover")
        except FileNotFoundError:
            return None
        except (OSError, ValueError, SvfrError) as problem:
            raise LedgerIsBad(
                f"The ledger's entry cannot be read: {reason_of(problem)}.", path=path, remedy=_REMEDY
            ) from problem

    def hand_over(self, entry: LedgerShot, handover: Handover) -> None:
        """Note what an engine is given of a shot."""
        text = json.dumps(to_plain(handover), indent=1) + "\n"
        write_whole(self.folder / entry.folder / HANDOVER_FILE, text)

    def _write_plan(self, plan: ShotPlan, entry: LedgerShot) -> None:
        path = self.folder / entry.folder / PLAN_FILE
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, plan_text(plan))

    def _write(self, shot_list: str, entries: dict[str, LedgerShot]) -> None:
        ledger = _Ledger(format=FORMAT, shot_list=shot_list, shots=tuple(entries.values()))
        write_whole(self.path, json.dumps(to_plain(ledger), indent=1) + "\n")


def _lock(handle: int, folder: Path) -> None:
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        raise SubmissionIsBusy(
            "Another process works on this submission.", path=folder, remedy="Wait for it to end."
        ) from problem
