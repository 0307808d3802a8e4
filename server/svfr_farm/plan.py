"""The frozen plan of one shot: everything that a farm task needs to know, in one versioned, hashed file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from svfr.validation import read_json, read_json_file
from svfr_client.errors import SvfrError
from svfr_client.job import JobSpec
from svfr_client.path_map import PathMap, PathRule
from svfr_client.reasons import reason_of
from svfr_client.records import Record, canonical_json, from_plain, sha256_of, to_plain
from svfr_client.vocabulary import ExistingPolicy
from svfr_farm.errors import PlanIsBad, SegmentDoesNotExist
from svfr_farm.segments import Segment, SegmentRules

FORMAT = 1
PLAN_FILE = "plan.json"
MOST_BYTES = 64 * 1024 * 1024
_SHORT = 12  # characters of a plan's hash in its folder's name
PLAN_AGAIN = "Plan the shot list again: svfr farm plan SHOTS.csv."


@dataclass(frozen=True, kw_only=True)
class ShotPlan(Record):
    """One shot as it will be restored, wherever that happens.

    ``job``: its paths are those of the machine that planned it; ``path_rules`` say what they are called
    elsewhere. ``model_sha256``: of the model's model.json, which holds the hashes of its weights. ``read``:
    the (first, last) of each stretch of frames that is looked at; ``written``: the frames that become files.
    ``gpus``: what each task asks the engine for.
    """

    format: int = FORMAT
    shot: str
    job: JobSpec
    model_sha256: str
    read: tuple[tuple[int, int], ...]
    written: str
    rules: SegmentRules
    segments: tuple[Segment, ...]
    path_rules: tuple[PathRule, ...] = ()
    gpus: int = 1
    version: str = ""

    @property
    def sha256(self) -> str:
        """The plan's identity: the hash of everything in it."""
        return sha256_of(to_plain(self))

    @property
    def folder_name(self) -> str:
        """The name of the plan's folder among those of its shot: a changed plan gets one of its own."""
        return folder_name(self.sha256)

    def segment(self, index: int) -> Segment:
        """Return a segment by its number; raises SegmentDoesNotExist."""
        if not 0 <= index < len(self.segments):
            raise SegmentDoesNotExist(
                f"The shot {self.shot} has no segment {index}.",
                remedy=f"Its segments are 0 to {len(self.segments) - 1}.",
            )
        return self.segments[index]

    def job_here(self, more_rules: tuple[PathRule, ...] = ()) -> JobSpec:
        """Return the job with the paths of this machine.

        A rule counts where its second folder exists and its first does not: the plan itself need not know
        which machine reads it. ``more_rules`` come from the engine and always count, before the plan's.
        """
        here = tuple(r for r in self.path_rules if Path(r.server).is_dir() and not Path(r.client).is_dir())
        return PathMap((*more_rules, *here)).job_to_server(self.job)


@dataclass(frozen=True)
class PlanFile:
    """A plan and where it lies: every artefact of the shot is kept in the same folder."""

    plan: ShotPlan
    path: Path
    sha256: str

    @property
    def folder(self) -> Path:
        """The folder of the plan and its artefacts."""
        return self.path.parent

    @property
    def reference_path(self) -> Path:
        """The file that the reference step writes last."""
        return self.folder / "reference.json"

    def segment_path(self, index: int) -> Path:
        """Return the file of a segment."""
        return self.folder / f"segment-{index:04d}.safetensors"


@dataclass(frozen=True, kw_only=True)
class PlanSettings(Record):
    """What holds for every shot of a list."""

    rules: SegmentRules = field(default_factory=SegmentRules)
    path_rules: tuple[PathRule, ...] = ()
    gpus: int = 1


@dataclass(frozen=True)
class PlannedShot:
    """A plan and the hash of what was asked for, by which a list that is planned again finds it."""

    plan: ShotPlan
    asked_sha256: str


@dataclass(frozen=True, kw_only=True)
class KnownShot:
    """What a list's earlier planning made of a shot.

    ``plan`` is None where its file cannot be read any more. Of a shot that the ledger does not have (it was
    lost, or the row was taken out for a while) ``asked_sha256`` is "" and only ``folders`` are known: the
    names of its plans' folders.
    """

    asked_sha256: str
    folders: frozenset[str]
    plan: ShotPlan | None = None


def folder_name(plan_sha256: str) -> str:
    """Return the name of a plan's folder."""
    return plan_sha256[:_SHORT]


def plan_text(plan: ShotPlan) -> str:
    """Return the bytes of the plan file as text: the plan and its hash, the same for the same plan."""
    body = {"sha256": plan.sha256, "plan": read_json(canonical_json(to_plain(plan)))}
    return json.dumps(body, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def read_plan(path: Path) -> PlanFile:
    """Read a plan file. Raises PlanIsBad for anything but an unchanged plan of a known format."""
    path = path.absolute()
    try:
        body: Any = read_json_file(path, MOST_BYTES)
    except (OSError, ValueError) as problem:
        raise PlanIsBad(
            f"The plan cannot be read: {reason_of(problem)}.", path=path, remedy=PLAN_AGAIN
        ) from problem
    if not isinstance(body, dict) or set(body) != {"sha256", "plan"} or not isinstance(body["plan"], dict):
        raise PlanIsBad("The file is no plan of a shot.", path=path, remedy=PLAN_AGAIN)
    found = body["plan"].get("format")
    if found != FORMAT:
        text = f"The plan has format {found!r}; this version reads {FORMAT}."
        raise PlanIsBad(text, path=path, remedy=PLAN_AGAIN)
    try:
        plan = from_plain(ShotPlan, body["plan"], "plan")
    except SvfrError as problem:
        raise PlanIsBad(problem.message, path=path, remedy=PLAN_AGAIN) from problem
    if plan.sha256 != body["sha256"]:
        raise PlanIsBad("The plan was changed after it was made.", path=path, remedy=PLAN_AGAIN)
    return PlanFile(plan, path, plan.sha256)


def frozen_job(job: JobSpec, output: str) -> JobSpec:
    """Return the job as tasks run it: the output is decided, and whether others' files there may be replaced.

    ``existing`` is "overwrite" where the row says so, else "error". The plan's own frames are no others'.
    """
    existing: ExistingPolicy = "overwrite" if job.existing == "overwrite" else "error"
    return replace(job, output=output, existing=existing)
