"""The ledger of a submission folder: which plan is each shot's, and what was handed to which engine.

It makes submitting twice harmless. What an engine got lies beside each plan and is written before the jobs
go out (``submitting``) and again with their ids (``submitted``), so that a submission that dies in between is
seen for what it is. One process at a time holds the folder's lock.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from svfr.validation import read_json_file
from svfr_client.errors import SvfrError, raise_problems
from svfr_client.files import make_folder, open_regular, open_to_append, write_whole
from svfr_client.reasons import reason_of
from svfr_client.records import Record, from_plain, to_plain
from svfr_farm.errors import LedgerIsBad, PlanIsBad, SubmissionIsBusy
from svfr_farm.plan import (
    PLAN_AGAIN,
    PLAN_FILE,
    KnownShot,
    PlanFile,
    PlannedShot,
    PlanSettings,
    ShotPlan,
    folder_name,
    plan_text,
    read_plan,
)
from svfr_farm.task_state import require_state_files

FORMAT = 1
LEDGER_FILE = "submission.json"
HANDOVER_FILE = "submitted.json"
_LOCK_FILE = ".lock"
# Who looks whether anybody works here holds the lock for a moment.
_MOST_WAIT_S = 1.0
_SHOTS = "shots"
_REMEDY = "Move the file away and plan the list again: svfr farm plan SHOTS.csv; shots find their results."
_HANDOVER_REMEDY = (
    "Move the file away. Where the engine still has jobs of the shot, cancel them there; then submit the "
    "list again: what is done is found."
)


@dataclass(frozen=True, kw_only=True)
class LedgerShot(Record):
    """One shot and its plan; ``asked_sha256`` is of what was asked for in its row, and around it."""

    shot: str
    asked_sha256: str
    plan_sha256: str

    @property
    def folder(self) -> str:
        """The plan's folder, from the submission folder. A changed plan gets a folder of its own."""
        return f"{_SHOTS}/{self.shot}/{folder_name(self.plan_sha256)}"


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
    list_sha256: str = ""
    settings: PlanSettings | None = None


def work_folder(shot_list: Path, work: Path | None) -> Path:
    """Return the submission folder of a shot list: ``work``, or the usual one beside the list."""
    return work or shot_list.absolute().with_name(f"{shot_list.stem}.farm")


class Submission:
    """The folder of one shot list on the farm."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    @property
    def path(self) -> Path:
        """The ledger's file."""
        return self.folder / LEDGER_FILE

    def work_of(self, shot_list: Path) -> Path | None:
        """Return what ``--work`` has to say for this folder; None where it is the usual one of the list."""
        usual = work_folder(shot_list, None)
        return None if os.path.realpath(usual) == os.path.realpath(self.folder) else self.folder

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process. One in which nothing was made by the end is taken away again.

        Raises SubmissionIsBusy when another one has it, and FileCannotBeWritten where nothing can be written.
        """
        path = self.folder / _LOCK_FILE
        while True:
            make_folder(self.folder)
            with open_to_append(path) as file:  # closing it lets the lock go
                _lock(file.fileno(), self.folder)
                if not _is_same(file.fileno(), path):
                    continue  # who held it before took the folder away
                try:
                    yield
                finally:
                    self._take_away_if_empty(path)
                return

    def _take_away_if_empty(self, lock: Path) -> None:
        with contextlib.suppress(OSError):
            if [one.name for one in self.folder.iterdir()] == [lock.name]:
                lock.unlink()
                self.folder.rmdir()

    def is_worked_on(self) -> bool:
        """Return whether a process holds the folder now; True also where the disk does not tell."""
        try:
            with open_regular(self.folder / _LOCK_FILE) as file:
                return not _can_lock(file.fileno())
        except FileNotFoundError:
            return False
        except OSError:
            return True

    def shots(self) -> dict[str, LedgerShot]:
        """Return the entries by shot, in order; none before the first planning. Raises LedgerIsBad."""
        ledger = self._read()
        return {} if ledger is None else {entry.shot: entry for entry in ledger.shots}

    def require_planned(self) -> None:
        """Raise LedgerIsBad where nothing was planned: a mistyped name must not look like an empty list."""
        if not os.path.lexists(self.path):
            raise LedgerIsBad(
                "Nothing was planned here.",
                path=self.folder,
                remedy="Check the list's name and --work, or plan it: svfr farm plan SHOTS.csv.",
            )

    def shot_list(self) -> str:
        """Return the path of the list that was planned; "" before the first planning. Raises LedgerIsBad."""
        ledger = self._read()
        return "" if ledger is None else ledger.shot_list

    def list_sha256(self) -> str:
        """Return the hash of the shot list's bytes as they were planned. Raises LedgerIsBad."""
        ledger = self._read()
        return "" if ledger is None else ledger.list_sha256

    def settings(self) -> PlanSettings:
        """Return what the list was last planned with; the usual before that. Raises LedgerIsBad.

        Where the ledger is gone, the newest plan that can be read says it.
        """
        ledger = self._read()
        if ledger is not None:
            return ledger.settings or PlanSettings()
        for path in self._plans_on_disk():
            with contextlib.suppress(SvfrError):
                plan = read_plan(path).plan
                return PlanSettings(rules=plan.rules, path_rules=plan.path_rules, gpus=plan.gpus)
        return PlanSettings()

    def _plans_on_disk(self) -> list[Path]:
        """Return the plans that lie here, the newest first."""
        found: list[tuple[float, Path]] = []
        for path in self.folder.glob(f"{_SHOTS}/*/*/{PLAN_FILE}"):
            with contextlib.suppress(OSError):
                found.append((path.stat().st_mtime, path))
        return [path for _, path in sorted(found, reverse=True)]

    def _read(self) -> _Ledger | None:
        try:
            body: Any = read_json_file(self.path)
        except FileNotFoundError:
            return None
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
        return ledger

    def plan_file(self, entry: LedgerShot) -> PlanFile:
        """Return the plan of an entry. Raises PlanIsBad, also for a plan that is not the entry's."""
        file = read_plan(self.folder / entry.folder / PLAN_FILE)
        if (file.sha256, file.plan.shot) != (entry.plan_sha256, entry.shot):
            text = f"The plan is not the one that was made for {entry.shot}."
            raise PlanIsBad(text, path=file.path, remedy=PLAN_AGAIN)
        return file

    def plan_files(self) -> list[tuple[LedgerShot, PlanFile]]:
        """Return the plans of all shots in order. Raises the PlanIsBad of every plan together."""
        found, problems = self.sound_plans()
        raise_problems(problems)
        return found

    def sound_plans(self) -> tuple[list[tuple[LedgerShot, PlanFile]], list[SvfrError]]:
        """Return the plans that can be read, in order, and what is wrong with each other one.

        That is PlanIsBad, and LedgerIsBad where its tasks cannot keep their states.
        """
        found: list[tuple[LedgerShot, PlanFile]] = []
        problems: list[SvfrError] = []
        for entry in self.shots().values():
            try:
                file = self.plan_file(entry)
                require_state_files(file)
                found.append((entry, file))
            except SvfrError as problem:
                problems.append(problem)
        return found, problems

    def known(self) -> dict[str, KnownShot]:
        """Return what was planned before, by shot. Raises LedgerIsBad.

        Plans of shots that the ledger does not have count too: it may have been lost.
        """
        found: dict[str, KnownShot] = {}
        for name, entry in self.shots().items():
            plan = None
            with contextlib.suppress(SvfrError):
                plan = self.plan_file(entry).plan
            folders = frozenset({folder_name(entry.plan_sha256)})
            found[name] = KnownShot(asked_sha256=entry.asked_sha256, folders=folders, plan=plan)
        with contextlib.suppress(OSError):
            for shot in (self.folder / _SHOTS).iterdir():
                if shot.name not in found and shot.is_dir():
                    plans = frozenset(path.name for path in shot.iterdir())
                    found[shot.name] = KnownShot(asked_sha256="", folders=plans)
        return found

    def take(
        self,
        shot_list: Path,
        planned: list[PlannedShot],
        list_sha256: str = "",
        *,
        settings: PlanSettings | None = None,
    ) -> dict[str, LedgerShot]:
        """Write the plans that are new or damaged, and the ledger.

        ``list_sha256`` is of the list's bytes, ``settings`` what it was planned with.
        """
        entries = {
            one.plan.shot: LedgerShot(
                shot=one.plan.shot, asked_sha256=one.asked_sha256, plan_sha256=one.plan.sha256
            )
            for one in planned
        }
        for one in planned:
            self._write_plan(one.plan, entries[one.plan.shot])
        ledger = _Ledger(
            format=FORMAT,
            shot_list=str(shot_list.absolute()),
            shots=tuple(entries.values()),
            list_sha256=list_sha256,
            settings=settings,
        )
        write_whole(self.path, json.dumps(to_plain(ledger), indent=1) + "\n")
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
                f"The ledger's entry cannot be read: {reason_of(problem)}.",
                path=path,
                remedy=_HANDOVER_REMEDY,
            ) from problem

    def hand_over(self, entry: LedgerShot, handover: Handover) -> None:
        """Note what an engine is given of a shot."""
        text = json.dumps(to_plain(handover), indent=1) + "\n"
        write_whole(self.folder / entry.folder / HANDOVER_FILE, text)

    def _write_plan(self, plan: ShotPlan, entry: LedgerShot) -> None:
        path, text = self.folder / entry.folder / PLAN_FILE, plan_text(plan)
        with contextlib.suppress(OSError), open_regular(path) as file:
            if file.read(len(text) * 4 + 1) == text.encode("utf-8"):
                return
        make_folder(path.parent)
        write_whole(path, text)


def _lock(handle: int, folder: Path) -> None:
    until = time.monotonic() + _MOST_WAIT_S
    while not _can_lock(handle):
        if time.monotonic() > until:
            raise SubmissionIsBusy(
                "Another process works on this submission.", path=folder, remedy="Wait for it to end."
            )
        time.sleep(0.05)


def _is_same(handle: int, path: Path) -> bool:
    """Return whether an open file is the one that has this name now."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except OSError:
        return False


def _can_lock(handle: int) -> bool:
    """Take the lock, until the file is closed; return whether it was free. Raises no OSError."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
