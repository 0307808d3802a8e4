"""The demo from end to end: damage, plates, jobs through the real server, figures, films and the sheet.

Every job is the ``svfr restore`` command in a process of its own, talking over ZeroMQ to a server that it
starts; the server belongs to the demo alone (its folder lies in the output) and is stopped at the end.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from svfr_client.client import Client
from svfr_client.errors import ReportedError, SvfrError
from svfr_client.files import write_whole

from . import show
from .cases import CASES, Case, baselines
from .clip import Footage, load_footage
from .plates import COLOUR_SPACE, read_codes, read_mattes, write_plate
from .score import CaseScores, Score, compare, paste


class DemoPlan(NamedTuple):
    """What to run: output folder, model and preset of every job, names of the cases."""

    out: Path
    model: str
    preset: str
    cases: tuple[str, ...]


@dataclass(frozen=True)
class CaseResult:
    """One finished case: its figures, how long the job took, and what there is to look at."""

    case: Case
    scores: CaseScores
    job_seconds: float
    pictures: show.CasePictures


def run(plan: DemoPlan) -> list[CaseResult]:
    """Fetch the footage, run the chosen cases, write films, sheet and figures; returns the results.

    Raises:
        DemoClipUnavailable: no footage.
        SvfrError: a job failed; its own command has said why.
    """
    started = time.monotonic()
    say(f"Model {plan.model}, preset {plan.preset}. Everything goes to {plan.out}")
    footage = load_footage(plan.out / "footage")
    results = run_cases(plan, footage)
    for path in present(plan, results, footage.frames_per_second):
        say(f"  {path}")
    say(f"  {plan.out / '*' / 'restored'} (EXR)")
    say(f"The demo took {time.monotonic() - started:.0f} s.")
    return results


def run_cases(plan: DemoPlan, footage: Footage) -> list[CaseResult]:
    """Run the chosen cases one after the other through one server, which is stopped at the end."""
    chosen = [case for case in CASES if case.name in plan.cases]
    try:
        return [run_case(case, footage, plan, number, len(chosen)) for number, case in enumerate(chosen, 1)]
    finally:
        stop_server(plan)


def present(plan: DemoPlan, results: Sequence[CaseResult], frames_per_second: Fraction) -> list[Path]:
    """Write sheet, films and figures, print the table, and return the files to look at."""
    print_table(results)
    pictures = [result.pictures for result in results]
    write_whole(plan.out / "figures.json", json.dumps(figures(results, plan), indent=1) + "\n")
    sheet = show.write_sheet(plan.out / "contact-sheet.png", pictures)
    return [sheet, *(show.write_film(plan.out, case, frames_per_second) for case in pictures)]


def run_case(case: Case, footage: Footage, plan: DemoPlan, number: int, count: int) -> CaseResult:
    """Damage, restore and measure one case."""
    say(f"--- {number} of {count}: {case.title} ({case.task}, {len(case.frames)} frames)")
    folder = plan.out / case.name
    degraded, truth = case.build(footage, case.frames), case.truth(footage)
    plate = folder / "plate" / f"{case.name}.%04d.exr"
    restored = folder / "restored" / f"{case.name}.%04d.exr"
    write_plate(plate, degraded.lq, case.frames)
    started = time.monotonic()
    restore(case, plate, restored=restored, plan=plan, width=truth.shape[2], height=truth.shape[1])
    seconds = time.monotonic() - started
    damaged, result = read_codes(plate, case.frames), read_codes(restored, case.frames)
    mattes = read_mattes(restored, case.frames)
    simple = {name: paste(clip, damaged, mattes) for name, clip in baselines(case, degraded).items()}
    scores = compare(damaged, result, truth, mattes, simple)
    best = scores.baseline_name
    clips = {"before": damaged, best.replace("_", " "): simple[best], "after": result, "truth": truth}
    return CaseResult(case, scores, seconds, show.CasePictures(case.name, clips, mattes))


def restore(case: Case, plate: Path, *, restored: Path, plan: DemoPlan, width: int, height: int) -> None:
    """Run ``svfr restore`` in a process of its own; raises when it does not end well."""
    options = ["--task", case.task, "--frames", f"{case.frames[0]}-{case.frames[-1]}", "--out", str(restored)]
    options += ["--model", plan.model, "--preset", plan.preset, "--colorspace", COLOUR_SPACE]
    options += ["--existing", "overwrite", *case.options]
    if case.roto is not None:
        mask = plate.parent / "roto.json"
        write_whole(mask, json.dumps(case.roto.mask(width, height).to_json()))
        options += ["--mask", str(mask)]
    command = [sys.executable, "-m", "svfr_cli.main", "restore", str(plate), *options]
    code = subprocess.call(command, env=dict(os.environ, SVFR_HOME=str(service_home(plan))))
    if code != 0:
        raise ReportedError("DEMO_JOB_FAILED", f"svfr restore ended with {code} for the case {case.name}.")


def service_home(plan: DemoPlan) -> Path:
    """Return the folder of the demo's own server."""
    return plan.out / ".service"


def stop_server(plan: DemoPlan) -> None:
    """Stop the demo's server; one that never started needs nothing."""
    try:
        with Client(folder=service_home(plan), reply_seconds=2.0, attempts=1) as client:
            client.shutdown()
    except SvfrError as error:
        say(f"The demo's server does not answer any more ({error.message})")


def figures(results: Sequence[CaseResult], plan: DemoPlan) -> dict[str, object]:
    """Return the table as JSON values."""
    return {
        "model": plan.model,
        "preset": plan.preset,
        "cases": [
            {
                "case": result.case.name,
                "task": result.case.task,
                "frames": len(result.case.frames),
                "job_seconds": round(result.job_seconds, 1),
                **asdict(result.scores),
            }
            for result in results
        ],
    }


def print_table(results: Sequence[CaseResult]) -> None:
    """Print PSNR in dB against the truth, inside the matte and over the whole frame."""
    say("PSNR in dB against the truth, inside the matte / over the frame")
    say(f"  {'case':<10}{'input':>15}{'restored':>15}{'job':>8}  best simple method")
    for result in results:
        s = result.scores
        say(
            f"  {result.case.name:<10}{pair(s.damaged):>15}{pair(s.restored):>15}"
            f"{result.job_seconds:>6.0f} s  {pair(s.baseline)} ({s.baseline_name})"
        )
    beyond = [r.case.name for r in results if r.scores.restored.inside_db <= r.scores.damaged.inside_db]
    if beyond:
        say(f"  Not closer to the truth than what came in: {', '.join(beyond)}. That damage is beyond the")
        say("  preview model, and its frames look much as before; docs/results.md has its figures.")


def pair(score: Score) -> str:
    """Write a score as two numbers."""
    return f"{score.inside_db:.2f} / {score.frame_db:.2f}"


def say(text: str) -> None:
    """Print one line at once."""
    print(text, flush=True)
