"""Handing a submission's plans to an engine, each once, and again only what did not end well."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from svfr_client.errors import SvfrError, each_of, raise_problems
from svfr_farm.cancel_mark import forget_cancelling
from svfr_farm.engines.commands import EngineName, Wanted, everything, require_carried, unfinished
from svfr_farm.engines.exporters import export
from svfr_farm.engines.local import LocalEngine
from svfr_farm.engines.openjd import OpenJdEngine
from svfr_farm.engines.priority import LOWEST
from svfr_farm.engines.rehearsal import rehearse
from svfr_farm.engines.slurm import SlurmEngine
from svfr_farm.errors import ShotListIsBad, TaskFailed
from svfr_farm.frames_there import require_free_places
from svfr_farm.ledger import Handover, LedgerShot, Submission
from svfr_farm.list_changes import list_changes
from svfr_farm.next_step import plan_command, submit_command
from svfr_farm.plan import PlanFile
from svfr_farm.report import report_shot
from svfr_farm.task_state import SILENT_S, note_queued

Notify = Callable[[str], None]
_AGAIN = ("failed", "cancelled", "lost", "incomplete", "waiting")


@dataclass(frozen=True, kw_only=True)
class SubmitSettings:
    """How plans are handed over. ``program`` is the ``svfr`` command on the farm's machines.

    ``options`` go to Slurm's sbatch; ``workers`` and ``retries`` are the local engine's.
    """

    engine: EngineName
    program: tuple[str, ...]
    options: tuple[str, ...] = ()
    workers: int = 1
    retries: int = 1
    only_failed: bool = False
    dry_run: bool = False


def require_planned(submission: Submission, shot_list: Path, gpus: int | None) -> None:
    """Raise ShotListIsBad unless the list is the one that was planned, with so many GPUs a task if not None.

    A list that is not there any more does not stop what was planned of it.
    """
    changes = list_changes(submission, shot_list)
    if changes is not None:
        again = plan_command(shot_list, submission.work_of(shot_list))
        remedy = f"Plan it again: {again}; rows that did not change keep what is done."
        raise ShotListIsBad(changes.text, path=shot_list, remedy=remedy)
    others = {file.plan.gpus for _, file in submission.sound_plans()[0]} - {gpus}
    if gpus is not None and others:
        text = f"The shots are planned for {', '.join(map(str, sorted(others)))} GPUs a task, not for {gpus}."
        raise ShotListIsBad(text, path=shot_list, remedy="Plan the list again with --gpus.")


def submit(submission: Submission, settings: SubmitSettings, notify: Notify) -> int:
    """Submit what is to be submitted and return how many shots that were; ``notify`` gets a line of each.

    The local engine and OpenJD run to the end here; raises TaskFailed for all shots that failed. A dry run
    writes what would be submitted beside each plan, and neither submits nor notes anything. Raises PlanIsBad
    for plans that cannot be read, and OutputExists for others' files in the places of frames, before anything
    is submitted; a dry run shows the shots whose plans are sound first.
    """
    plans, damaged = submission.sound_plans()
    if not settings.dry_run:
        raise_problems(damaged)
    chosen = [
        (entry, file, wanted)
        for entry, file in plans
        if (wanted := _wanted(submission, entry, file, settings=settings, notify=notify)) and wanted.count
    ]
    chosen.sort(key=lambda one: -one[1].plan.job.priority)  # those of one priority stay in the list's order
    slurm = SlurmEngine(
        settings.program, settings.options, max((file.plan.job.priority for _, file in plans), default=LOWEST)
    )
    raise_problems(_hindrances(submission, [file for _, file, _ in chosen], settings))
    if settings.dry_run:
        for _, file, wanted in chosen:
            text = rehearse(settings.engine, file, wanted, program=settings.program, slurm=slurm)
            notify(f"{file.plan.shot}: {text}")
        raise_problems(damaged)
    elif settings.engine == "local":
        _run_local(submission, chosen, settings, notify)
    else:
        handed = [
            _hand_over(submission, entry, file, wanted=wanted, settings=settings, slurm=slurm, notify=notify)
            for entry, file, wanted in chosen
        ]
        raise_problems([problem for problem in handed if problem is not None])
    return len(chosen)


def _hindrances(
    submission: Submission, files: Sequence[PlanFile], settings: SubmitSettings
) -> list[SvfrError]:
    """Return what no engine carries, and files of others in the places of frames."""
    problems: list[SvfrError] = []
    shot_list = submission.shot_list()
    plan = plan_command(shot_list, submission.work_of(Path(shot_list)))
    for file in files:
        try:
            require_carried(settings.engine, file, settings.program)
        except SvfrError as problem:
            problems.append(problem)
        try:
            require_free_places(file)
        except SvfrError as problem:
            problem.remedy = f"{problem.remedy} ({plan})"
            problems.append(problem)
    return problems


def _wanted(
    submission: Submission, entry: LedgerShot, file: PlanFile, *, settings: SubmitSettings, notify: Notify
) -> Wanted | None:
    """Return what is to be handed over of a shot; None: nothing."""
    handover = submission.handover(entry)
    if handover is None:  # not yet, or the note of it is lost: what is done is not done again
        return _of_new(submission, file, settings=settings, notify=notify)
    state = report_shot(file, handover.engine, is_worked_on=False).state  # by any other process
    if state == "done" and settings.only_failed and _has_changed(file, settings, notify):
        return everything(file)
    if state == "done" or (not settings.only_failed and handover.state == "submitted"):
        more = "; --only-failed hands it over again" if state in _AGAIN and state != "waiting" else ""
        notify(f"{entry.shot}: {state}, with {handover.engine} already{more}")
        return None
    if handover.engine == "slurm":
        slurm = SlurmEngine(settings.program)
        if slurm.is_active(handover.ids or slurm.find(file)):
            notify(f"{entry.shot}: its jobs still wait or run")
            return None
    if state not in _AGAIN and handover.state != "submitting":
        notify(f"{entry.shot}: {state}, with {handover.engine}; one that died is lost after {SILENT_S:g} s")
        return None
    return unfinished(file)


def _of_new(
    submission: Submission, file: PlanFile, *, settings: SubmitSettings, notify: Notify
) -> Wanted | None:
    """Return what is to be handed over of a shot that no engine was given yet."""
    wanted = unfinished(file)
    if not wanted.count:
        notify(f"{file.plan.shot}: done already, nothing of it is to be handed over")
    elif settings.only_failed:
        shot_list = submission.shot_list()
        work = submission.work_of(Path(shot_list))
        command = submit_command(shot_list, work, settings.engine, only_failed=False)
        notify(f"{file.plan.shot}: planned, not failed; `{command}` hands it over")
        return None
    return wanted


def _has_changed(file: PlanFile, settings: SubmitSettings, notify: Notify) -> bool:
    """Return whether a shot's plate, mask or photos are others than it was made of; say which."""
    from svfr_farm.artefacts import change_since, discard_unsound  # which load torch

    problem = change_since(file)
    if problem is None:
        return False
    for one in each_of(problem):
        notify(f"{file.plan.shot}: {one.message} ({one.path})")
    if not settings.dry_run:
        discard_unsound(file, problem)
    return True


def _hand_over(
    submission: Submission,
    entry: LedgerShot,
    file: PlanFile,
    *,
    wanted: Wanted,
    settings: SubmitSettings,
    slurm: SlurmEngine,
    notify: Notify,
) -> SvfrError | None:
    handover = _begun(submission, entry, file, wanted=wanted, settings=settings)
    try:
        ids: tuple[str, ...] = ()
        if settings.engine == "slurm":
            ids = slurm.submit(file, wanted)
        elif settings.engine == "openjd":
            OpenJdEngine(settings.program).run(file)
        else:
            notify(f"{entry.shot}: {export(settings.engine, file, settings.program)}")
    except SvfrError as problem:
        return problem
    submission.hand_over(entry, replace(handover, state="submitted", ids=ids))
    notify(f"{entry.shot}: with {settings.engine}{' as ' + ', '.join(ids) if ids else ''}")
    return None


def _begun(
    submission: Submission, entry: LedgerShot, file: PlanFile, *, wanted: Wanted, settings: SubmitSettings
) -> Handover:
    forget_cancelling(file)
    for step, index in wanted.tasks:
        note_queued(file, step, index)
    before = submission.handover(entry)
    times = 1 if before is None else before.times + 1
    handover = Handover(state="submitting", engine=settings.engine, submitted=time.time(), times=times)
    submission.hand_over(entry, handover)
    return handover


def _run_local(
    submission: Submission,
    chosen: Sequence[tuple[LedgerShot, PlanFile, Wanted]],
    settings: SubmitSettings,
    notify: Notify,
) -> None:
    for entry, file, wanted in chosen:
        handover = _begun(submission, entry, file, wanted=wanted, settings=settings)
        submission.hand_over(entry, replace(handover, state="submitted"))
    engine = LocalEngine(settings.program, settings.workers, settings.retries)
    failed = engine.run([(file, wanted) for _, file, wanted in chosen], notify)
    shot_list = submission.shot_list()
    again = submit_command(shot_list, submission.work_of(Path(shot_list)), settings.engine)
    remedy = f"Put right what it says, then: {again}"
    raise_problems([TaskFailed(text, remedy=remedy) for text in failed])
