"""From a shot list to frozen plans: every shot is opened and checked, all problems are raised together."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path

from svfr.models.folder import find_model
from svfr_client.errors import SvfrError, raise_problems
from svfr_client.frames import FrameRange
from svfr_client.job import JobSpec
from svfr_client.output_names import output_path
from svfr_client.path_map import PathRule
from svfr_client.records import sha256_of, to_plain
from svfr_farm.errors import ShotListIsBad
from svfr_farm.plan import PlannedShot, ShotPlan, frozen_job
from svfr_farm.segments import SegmentRules, split
from svfr_farm.shot_list import ShotList, ShotRow
from svfr_restore.errors import LayerCannotBeMade
from svfr_restore.media.plate import open_plate
from svfr_restore.plan.job_plan import plan_job
from svfr_restore.plan.models import ModelCache

_ANY_FRAME = 1_234_567
Planned = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class PlanSettings:
    """What holds for every shot of a list."""

    rules: SegmentRules = field(default_factory=SegmentRules)
    path_rules: tuple[PathRule, ...] = ()
    gpus: int = 1


def plan_shots(
    listed: ShotList,
    settings: PlanSettings,
    known: Mapping[str, PlannedShot],
    planned: Planned = lambda name: None,
) -> list[PlannedShot]:
    """Return the plan of every shot of a list, in order.

    ``known`` are the plans of this list's last time, by shot: one that asks for the same again is taken as
    it is, since what lies at its output may be its own. ``planned`` is called for every shot that is read.
    Raises the one problem, or SeveralProblems with those of all shots, each with its row.
    """
    problems: list[SvfrError] = [*listed.problems, *settings.rules.problems()]
    problems += _shared_outputs(listed.shots)
    models = ModelCache()
    plans: list[PlannedShot] = []
    for shot in listed.shots:
        planned(shot.name)
        try:
            plans.append(_plan(shot, settings, known.get(shot.name), models))
        except SvfrError as problem:
            problems += shot.fault(problem)
    raise_problems(problems)
    return plans


def _plan(
    shot: ShotRow, settings: PlanSettings, known: PlannedShot | None, models: ModelCache
) -> PlannedShot:
    job = _with_frames(shot.job)
    asked = asked_key(job, settings, models)
    if known is not None and known.asked_sha256 == asked:
        return known
    if "spread" in job.layers:
        raise LayerCannotBeMade(
            "A farm restores a shot with one seed, so it cannot make the layer spread.",
            remedy="Leave it out here, and restore a few frames with it on one machine: svfr restore.",
        )
    checked = plan_job(job, models)
    runs = checked.frames.runs
    plan = ShotPlan(
        shot=shot.name,
        job=frozen_job(job, checked.output.pattern),
        model_sha256=model_sha256(job.model),
        read=tuple((run[0], run[-1]) for run in runs),
        written=str(FrameRange.of(checked.frames.written)),
        rules=settings.rules,
        segments=split(runs, settings.rules, may_cut=job.sampler == "studio"),
        path_rules=settings.path_rules,
        gpus=settings.gpus,
        version=metadata.version("svfr-studio"),
    )
    return PlannedShot(plan, asked)


def _with_frames(job: JobSpec) -> JobSpec:
    """Return the job with the plate's frames where it names none."""
    if job.frames:
        return job
    return replace(job, frames=str(FrameRange.of(open_plate(job.plate).frames)))


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


def _shared_outputs(shots: Sequence[ShotRow]) -> list[SvfrError]:
    """Return a problem for every shot that would write the files of one above it."""
    seen: dict[str, ShotRow] = {}
    problems: list[SvfrError] = []
    for shot in shots:
        try:
            files = os.path.normcase(output_path(shot.job.output, _ANY_FRAME).absolute())
        except SvfrError:
            continue  # the shot's own check says it
        if files in seen:
            other = seen[files]
            text = f"Its output is that of {other.name} in row {other.row}."
            remedy = "Give each shot an output of its own."
            problems += shot.fault(ShotListIsBad(text, path=Path(shot.job.output), remedy=remedy))
        seen.setdefault(files, shot)
    return problems
