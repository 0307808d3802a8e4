"""From a shot list to frozen plans: every shot is opened and checked, all problems are raised together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from svfr.models.folder import find_model
from svfr_client.errors import OutputExists, SvfrError, each_of, raise_problems
from svfr_client.frames import FrameRange
from svfr_client.job import JobSpec
from svfr_client.job_checks import job_problems
from svfr_client.output_names import existing_frames, newest_version
from svfr_client.records import sha256_of, to_plain
from svfr_client.version import VERSION
from svfr_farm.clashes import clashes
from svfr_farm.errors import disk_problems_named
from svfr_farm.frames_there import are_of_job, is_taken
from svfr_farm.plan import KnownShot, PlannedShot, PlanSettings, ShotPlan, frozen_job
from svfr_farm.segments import SegmentRules, split
from svfr_farm.shot_list import RowProblem, ShotList, ShotRow
from svfr_restore.errors import LayerCannotBeMade
from svfr_restore.media.plate import open_plate
from svfr_restore.plan.job_plan import JobPlan, plan_job
from svfr_restore.plan.models import ModelCache

Planned = Callable[[str], None]


_OUTPUT_REMEDY = (
    "Put overwrite (replaces them) or version_up (writes a new version) into the column existing of this "
    "row, or give it another output."
)


def plan_shots(
    listed: ShotList,
    settings: PlanSettings,
    known: Mapping[str, KnownShot],
    planned: Planned = lambda name: None,
) -> list[PlannedShot]:
    """Return the plan of every shot of a list, in order.

    ``known`` are the plans of this list's last time, by shot: one that asks for the same again is taken as
    it is, or made anew where its file or the ledger is lost, since what lies at its output may be its own.
    With other settings, frames that say they are of the same job do not stand in its way. ``planned`` is
    called for every shot that is read.
    Raises the one problem, or SeveralProblems with those of all shots, each with its row; a shot whose row
    is wrong is opened too, for what else is wrong with it.
    """
    problems: list[SvfrError] = [*listed.problems, *settings.rules.problems()]
    if settings.rules.problems():
        settings = replace(settings, rules=SegmentRules())  # the shots are only looked at
    problems += clashes([(shot, shot.job.output) for shot in listed.shots])
    models = ModelCache()
    plans: list[PlannedShot] = []
    for shot in listed.shots:
        planned(shot.name)
        try:
            with disk_problems_named():
                plans.append(_plan(shot, settings, known.get(shot.name), models))
        except SvfrError as problem:
            problems += shot.fault(problem)
    raise_problems(_in_order(problems))
    # A version that was raised may be what another shot writes.
    outputs = [(shot, plan.plan.job.output) for shot, plan in zip(listed.shots, plans, strict=True)]
    raise_problems(clashes(outputs))
    return plans


def _in_order(problems: Sequence[SvfrError]) -> list[SvfrError]:
    """Return problems by the row that they name, those of the whole list first."""
    return sorted(problems, key=lambda problem: problem.row if isinstance(problem, RowProblem) else 0)


def _plan(shot: ShotRow, settings: PlanSettings, known: KnownShot | None, models: ModelCache) -> PlannedShot:
    if not shot.job.plate:  # which its row says already
        raise_problems(job_problems(replace(shot.job, plate="?", frames=shot.job.frames or "1")))
    job = _with_frames(shot.job)
    asked = asked_key(job, settings, models)
    if known is not None and known.asked_sha256 in (asked, ""):
        is_lost = known.plan is None
        if known.plan is not None and not (job.existing == "version_up" and is_taken(known.plan)):
            return PlannedShot(known.plan, asked)
        again = _made_anew(shot, job, settings, known, models=models) if is_lost else None
        if again is not None:
            return PlannedShot(again, asked)
    problems: list[SvfrError] = []
    if "spread" in job.layers:
        problems.append(
            LayerCannotBeMade(
                "A farm restores a shot with one seed, so it cannot make the layer spread.",
                remedy="Leave it out here, and restore a few frames with it on one machine: svfr restore.",
            )
        )
    try:
        checked = _checked(job, models, was_planned=known is not None)
    except SvfrError as problem:
        problems += each_of(problem)
    raise_problems(problems)
    return PlannedShot(_shot_plan(shot, job, checked, settings), asked)


def _made_anew(
    shot: ShotRow, job: JobSpec, settings: PlanSettings, known: KnownShot, *, models: ModelCache
) -> ShotPlan | None:
    """Return the plan that was made of this job before and whose file or ledger is lost; None for no such.

    What lies at its output does not matter, since its hash says whether it is the same plan.
    """
    output = newest_version(job.output) if job.existing == "version_up" else job.output
    same = replace(job, output=output, existing="overwrite")
    try:
        plan = _shot_plan(shot, job, plan_job(same, models), settings)
    except SvfrError:
        return None  # the job's own check says what is wrong
    return plan if plan.folder_name in known.folders else None


def _checked(job: JobSpec, models: ModelCache, *, was_planned: bool) -> JobPlan:
    """Return the checked job. Frames of the same job stand in nobody's way where it was planned before."""
    try:
        return plan_job(job, models)
    except SvfrError as problem:
        problems = [_with_column(one) for one in each_of(problem)]
    if was_planned and all(isinstance(one, OutputExists) for one in problems):
        checked = plan_job(replace(job, existing="overwrite"), models)
        there = existing_frames(checked.output.pattern, checked.frames.written)
        if are_of_job(checked, there):
            return checked
    raise_problems(problems)
    raise AssertionError("plan_job raises at least one problem")


def _with_column(problem: SvfrError) -> SvfrError:
    """Return a refusal with the column of the list that decides it."""
    if not isinstance(problem, OutputExists):
        return problem
    return OutputExists(problem.message, frame=problem.frame, path=problem.path, remedy=_OUTPUT_REMEDY)


def _shot_plan(shot: ShotRow, job: JobSpec, checked: JobPlan, settings: PlanSettings) -> ShotPlan:
    runs = checked.frames.runs
    return ShotPlan(
        shot=shot.name,
        job=frozen_job(job, checked.output.pattern),
        model_sha256=model_sha256(job.model),
        read=tuple((run[0], run[-1]) for run in runs),
        written=str(FrameRange.of(checked.frames.written)),
        rules=settings.rules,
        segments=split(runs, settings.rules, may_cut=job.sampler == "studio"),
        path_rules=settings.path_rules,
        gpus=settings.gpus,
        version=VERSION,
    )


def _with_frames(job: JobSpec) -> JobSpec:
    """Return the job with the plate's frames where it names none; with any where the plate is not sound."""
    if job.frames:
        return job
    try:
        return replace(job, frames=str(FrameRange.of(open_plate(job.plate).frames)))
    except SvfrError:
        return replace(job, frames="1")  # plan_job says what is wrong with the plate


def asked_now(shot: ShotRow, settings: PlanSettings, models: ModelCache) -> str:
    """Return the hash of what a row asks for now; see :func:`asked_key`."""
    return asked_key(_with_frames(shot.job), settings, models)


def asked_key(job: JobSpec, settings: PlanSettings, models: ModelCache) -> str:
    """Return the hash of a job before it is frozen, and of what else decides its plan."""
    rules = [to_plain(rule) for rule in settings.path_rules]
    try:
        model = model_sha256(job.model)
    except SvfrError:
        model = ""  # plan_job says what is wrong with it
    return sha256_of([job.to_json(), to_plain(settings.rules), rules, settings.gpus, model])


def model_sha256(name: str) -> str:
    """Return the hash of a model's model.json, which names its weights by their hashes."""
    return hashlib.sha256((find_model(name) / "model.json").read_bytes()).hexdigest()
