"""What every engine is given for one fixed plan, as text; kept in ``tests/data/farm``.

After a change that is meant: ``python tests/svfr_farm/golden_bundles.py`` writes them anew; look at the diff.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from svfr_client.job import ColourClaim, JobSpec
from svfr_client.path_map import PathRule
from svfr_farm.engines.commands import STEPS, everything, task_command
from svfr_farm.engines.exporters import export_files
from svfr_farm.engines.openjd import bundle_files
from svfr_farm.engines.slurm import ARRAY_SCRIPT, SCRIPT, SlurmEngine
from svfr_farm.plan import PlanFile, ShotPlan, plan_text
from svfr_farm.segments import SegmentRules, split

FOLDER = Path(__file__).parents[1] / "data" / "farm"
PROGRAM = ("/opt/svfr studio/bin/svfr",)  # a space: whoever splits a command by spaces is found out
HOME = Path("/shows/demo/shots.farm/shots/sh010/0123456789ab")


def fixed_plan() -> PlanFile:
    """Return a plan of two segments on two GPUs that names only paths of a studio."""
    job = JobSpec(
        plate="/shows/demo/plates/sh010.%04d.exr",
        frames="1001-1400",
        tasks=("bfr", "colorize"),
        output="/shows/demo/out/sh010/sh010.%04d.exr",
        colour=ColourClaim(space="acescg"),
        existing="overwrite",
        priority=20,
    )
    rules = SegmentRules()
    plan = ShotPlan(
        shot="sh010",
        job=job,
        model_sha256="a" * 64,
        read=((1001, 1400),),
        written="1001-1400",
        rules=rules,
        segments=split([range(1001, 1401)], rules, may_cut=True),
        path_rules=(PathRule("/shows", "/mnt/shows"),),
        gpus=2,
        version="0.0.0",
    )
    return PlanFile(plan, HOME / "plan.json", plan.sha256)


def golden_files() -> dict[str, str]:
    """Return every text by its path below ``tests/data/farm``."""
    file = fixed_plan()
    wanted, slurm = everything(file), SlurmEngine(PROGRAM, ("--partition=render",), highest=50)
    submitted = [
        shlex.join(
            [*slurm.arguments(file, step, wanted, after), f"{step}.sh", *task_command(PROGRAM, file, step)]
        )
        for step, after in zip(STEPS, ([], ["41"], ["42"]), strict=True)
    ]
    found = {
        "plan.json": plan_text(file.plan),
        "local/commands.txt": "".join(shlex.join(task_command(PROGRAM, file, step)) + "\n" for step in STEPS),
        "slurm/commands.txt": "".join(line + "\n" for line in submitted),
        "slurm/segment.sh": ARRAY_SCRIPT,
        "slurm/reference.sh": SCRIPT,
    }
    for name, text in bundle_files(file, PROGRAM).items():
        found[f"openjd/{name}"] = text
    for engine in ("opencue", "deadline10", "flamenco"):
        for name, text in export_files(engine, file, PROGRAM).items():
            found[f"{engine}/{name}"] = text
    # Kept as text: no linter is to take a script of the test data for one of this project's.
    return {f"{name}.txt" if name.endswith(".py") else name: text for name, text in found.items()}


if __name__ == "__main__":
    for name, text in golden_files().items():
        (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / name).write_text(text, encoding="utf-8")
