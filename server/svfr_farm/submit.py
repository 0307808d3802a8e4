"""Handing a submission's plans to an engine, each once, and again only what did not end well."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from svfr_client.errors import SvfrError, raise_problems
from svfr_farm.cancel_mark import forget_cancelling
from svfr_farm.engines.commands import STEPS, EngineName, Wanted, everything, unfinished
from svfr_farm.engines.exporters import export
from svfr_farm.engines.local import LocalEngine
from svfr_farm.engines.openjd import OpenJdEngine, write_bundle
from svfr_farm.engines.slurm import SlurmEngine
from svfr_farm.errors import TaskFailed
from svfr_farm.ledger import Handover, LedgerShot, Submission
from svfr_farm.plan import PlanFile
from svfr_farm.report import report_shot

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


def submit(submission: Submission, settings: SubmitSettings, notify: Notify) -> int:
    """Submit what is to be submitted and return how many shots that were; ``notify`` gets a line of each.

    The local engine and OpenJD run to the end here; raises TaskFailed for all shots that failed. A dry run
    writes bundles and tells commands, and neither submits nor notes anything.
    """
    chosen = [
        (entry, file, wanted)
        for entry in submission.shots().values()
        for file, wanted in [_wanted(submission, entry, settings, notify)]
        if wanted is not None and wanted.count
    ]
    if settings.dry_run:
        for _, file, wanted in chosen:
            notify(f"{file.plan.shot}: {_rehearsal(file, wanted, settings)}")
    elif settings.engine == "local":
        _run_local(submission, chosen, settings, notify)
    else:
        handed = [
            _hand_over(submission, entry, file, wanted=wanted, settings=settings, notify=notify)
            for entry, file, wanted in chosen
        ]
        raise_problems([problem for problem in handed if problem is not None])
    return len(chosen)


def _wanted(
    submission: Submission, entry: LedgerShot, settings: SubmitSettings, notify: Notify
) -> tuple[PlanFile, Wanted | None]:
    """Return a shot's plan and what is to be handed over of it; None: nothing."""
    file, handover = submission.plan_file(entry), submission.handover(entry)
    if handover is None:
        return file, None if settings.only_failed else everything(file)
    state = report_shot(file, handover.engine).state
    if state == "done" or (not settings.only_failed and handover.state == "submitted"):
        notify(f"{entry.shot}: {state}, with {handover.engine} already")
        return file, None
    if handover.engine == "slurm":
        slurm = SlurmEngine(settings.program)
        if slurm.is_active(handover.ids or slurm.find(file)):
            notify(f"{entry.shot}: its jobs still wait or run")
            return file, None
    return file, unfinished(file) if state in _AGAIN or handover.state == "submitting" else None


def _rehearsal(file: PlanFile, wanted: Wanted, settings: SubmitSettings) -> str:
    if settings.engine == "slurm":
        engine = SlurmEngine(settings.program, settings.options)
        return "\n  ".join(
            shlex.join(engine.arguments(file, step, wanted, after))
            for step, after in zip(STEPS, ([], ["REFERENCE"], ["SEGMENTS"]), strict=True)
        )
    if settings.engine == "openjd":
        return str(write_bundle(file, settings.program))
    if settings.engine == "local":
        return f"{wanted.count} tasks"
    return str(export(settings.engine, file, settings.program))


def _hand_over(
    submission: Submission,
    entry: LedgerShot,
    file: PlanFile,
    *,
    wanted: Wanted,
    settings: SubmitSettings,
    notify: Notify,
) -> SvfrError | None:
    handover = _begun(submission, entry, file, settings)
    try:
        ids: tuple[str, ...] = ()
        if settings.engine == "slurm":
            ids = SlurmEngine(settings.program, settings.options).submit(file, wanted)
        elif settings.engine == "openjd":
            OpenJdEngine(settings.program).run(file, wanted)
        else:
            notify(f"{entry.shot}: {export(settings.engine, file, settings.program)}")
    except SvfrError as problem:
        return problem
    submission.hand_over(entry, replace(handover, state="submitted", ids=ids))
    notify(f"{entry.shot}: with {settings.engine}{' as ' + ', '.join(ids) if ids else ''}")
    return None


def _begun(submission: Submission, entry: LedgerShot, file: PlanFile, settings: SubmitSettings) -> Handover:
    forget_cancelling(file)
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
    for entry, file, _ in chosen:
        handover = _begun(submission, entry, file, settings)
        submission.hand_over(entry, replace(handover, state="submitted"))
    engine = LocalEngine(settings.program, settings.workers, settings.retries)
    failed = engine.run([(file, wanted) for _, file, wanted in chosen], notify)
    remedy = "See svfr farm status and the logs beside each plan, then submit with --only-failed."
    raise_problems([TaskFailed(text, remedy=remedy) for text in failed])
