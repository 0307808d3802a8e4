"""What takes Slurm minutes: a task over its time, two tasks of one node with a GPU each, a frame that fails.

Run from ``server/`` on a machine with Debian's slurmctld, slurmd and slurm-client (installed if it may)::

    python -m benchmarks.farm.slurm_trials

One controller and three nodes run on this machine (``slurm_farm.py``); each node says that it has two GPUs.
Every trial prints what it saw and asserts what has to hold; the exit status is 1 if one does not. The trials
that take seconds are tests (``tests/svfr_farm/test_farm_slurm.py``).
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813

from benchmarks.farm.slurm_farm import SlurmFarm, install
from benchmarks.random_model import Layout, write_random_model
from svfr.models.spec import Preset
from svfr_client.reasons import in_one_line
from svfr_farm.engines.commands import everything, own_program, unfinished
from svfr_farm.engines.slurm import SlurmEngine
from svfr_farm.ledger import Submission
from svfr_farm.plan import PlanFile, PlanSettings
from svfr_farm.planning import plan_shots
from svfr_farm.report import report_shot
from svfr_farm.segments import SegmentRules
from svfr_farm.shot_list import read_shot_list
from svfr_farm.task_state import read_state

FRAMES, SIZE = 30, 48
MOST_S = 900.0
_GPUS = "from svfr_restore.visible_gpus import visible_gpus; print(*visible_gpus(), flush=True)"


def write_plate(folder: Path) -> str:
    """Write a drifting texture and return its pattern."""
    folder.mkdir(parents=True)
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)
    for frame in range(1001, 1001 + FRAMES):
        waves = [0.4 + 0.2 * np.sin(0.2 * x + 0.1 * c * y + 0.05 * (frame - 1001)) for c in (1, 2, 3)]
        oiio.ImageBuf(np.stack(waves, axis=-1).astype(np.float32)).write(
            str(folder / f"p.{frame}.exr"), "half"
        )
    return str(folder / "p.%04d.exr")


def plan(folder: Path, model: str) -> PlanFile:
    """Plan a shot of three segments with one GPU a task."""
    write_plate(folder / "plate")
    head = "shot,plate,tasks,box,model,output,colorspace,exposure"
    cells = f"sh010,plate/p.%04d.exr,bfr,16 12 16 16,{model},out/o.%04d.exr,lin_rec709_scene,0"
    (folder / "s.csv").write_text(f"{head}\n{cells}\n", encoding="utf-8")
    rules = SegmentRules(segments=3, halo_frames=8)
    submission = Submission(folder / "s.farm")
    with submission.locked():
        planned = plan_shots(read_shot_list(folder / "s.csv"), PlanSettings(rules=rules, gpus=1), {})
        (entry,) = submission.take(folder / "s.csv", planned).values()
    return submission.plan_file(entry)


def wait(what: str, condition: Callable[[], bool]) -> float:
    """Wait until it holds and return how long that took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < MOST_S, f"{what} did not happen within {MOST_S:g} s"
        time.sleep(0.5)
    return time.monotonic() - began


def over_its_time(farm: SlurmFarm, folder: Path) -> None:
    """A segment that runs longer than --time is ended, leaves nothing half, and is what is redone."""
    preset = Preset(1, 200_000, initial_noise=1.0, guidance=1.0)
    model = write_random_model(folder / "slow", preset, Layout(crop_px=16, window=4))
    file = plan(folder / "shot", model)
    engine = SlurmEngine(own_program(), ("--time=1",))
    ids = engine.submit(file, everything(file))
    seconds = wait("the end of the jobs", lambda: not engine.is_active(ids))
    states = engine.states(ids)
    print(f"over its time: {seconds:.0f} s from submission to the end; states {sorted(states.values())}")
    assert [states[f"{ids[1]}_{i}"] for i in range(3)] == ["TIMEOUT"] * 3, states
    assert states[ids[2]] == "CANCELLED", states
    wait("the end of the processes", lambda: farm.orphans() == [])
    assert not Path(file.plan.job.output).parent.exists(), "a frame was written"
    assert unfinished(file).segments == (0, 1, 2) and not unfinished(file).reference
    states_kept = [read_state(file, "segment", i) for i in range(3)]
    print(f"  the tasks' own word: {[state.state if state else None for state in states_kept]}")
    kept = [sum(1 for _ in (file.folder / "checkpoints" / f"segment-{i:04d}").rglob("*")) for i in range(3)]
    print(f"  checkpoints kept for the next attempt (none if the time went into starting): {kept}")


def failing_frame(farm: SlurmFarm, folder: Path) -> None:
    """A frame that was damaged after planning ends its shot, is named in the report, and is redone alone."""
    file = plan(folder / "shot", "identity")
    plate = Path(file.plan.job.plate % 1010)
    sound = plate.read_bytes()
    plate.write_bytes(sound[: len(sound) // 2])
    engine = SlurmEngine(own_program())
    ids = engine.submit(file, everything(file))
    wait("the end of the jobs", lambda: not engine.is_active(ids))
    report = report_shot(file, "slurm")
    print(f"a frame that fails: state {report.state}; {report.errors[0][:150]}")
    assert report.state == "failed" and report.written == 0 and "1010" in " ".join(report.errors)
    assert "CANCELLED" in engine.states(ids).values()
    plate.write_bytes(sound)
    again = unfinished(file)
    ids = engine.submit(file, again)
    wait("the end of the jobs", lambda: not engine.is_active(ids))
    report = report_shot(file, "slurm")
    print(f"  redone: {again.count} of {everything(file).count} tasks; state {report.state}")
    assert (report.state, report.written) == ("done", FRAMES)
    assert farm.orphans() == []


def own_gpus(farm: SlurmFarm, folder: Path) -> None:
    """Two tasks with --gres=gpu:1 on one node see one GPU each, another one; --gres=gpu:2 sees both."""
    script = folder / "gpus.sh"
    script.write_text(f"#!/bin/sh\n'{sys.executable}' -c '{_GPUS}'\nsleep 5\n", encoding="utf-8")
    path = os.pathsep.join(part for part in sys.path if part)
    for name, gpus in (("a", 1), ("b", 1)):
        output = f"--output={folder}/{name}"
        farm.ask(
            "sbatch", f"--gres=gpu:{gpus}", "-w", "n1", f"--export=ALL,PYTHONPATH={path}", output, str(script)
        )
    both = f"--output={folder}/both"
    farm.ask("sbatch", "--gres=gpu:2", "-w", "n2", f"--export=ALL,PYTHONPATH={path}", both, str(script))
    wait("the end of the jobs", lambda: farm.ask("squeue", "-h", "-t", "pending,running") == "")
    seen = {name: (folder / name).read_text().split() for name in ("a", "b", "both")}
    print(f"GPUs that tasks see: {seen}")
    assert sorted(seen["a"] + seen["b"]) == ["0", "1"] and seen["both"] == ["0", "1"]


def main() -> int:
    """Run the trials; return 1 if one fails."""
    install()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="svfr-slurm-") as name:
        with SlurmFarm(Path(name) / "farm") as farm:
            os.environ.update(
                {key: farm.environment[key] for key in ("SLURM_CONF", "PATH", "OMP_NUM_THREADS")}
            )
            for trial in (own_gpus, failing_frame, over_its_time):
                folder = Path(name) / trial.__name__
                folder.mkdir()
                try:
                    trial(farm, folder)
                except AssertionError as problem:
                    failed += 1
                    print(f"{trial.__name__} FAILED: {in_one_line(problem)}")
        left = farm.orphans()
    print(f"{3 - failed} of 3 trials hold; processes left over: {len(left)}")
    return 1 if failed or left else 0


if __name__ == "__main__":
    sys.exit(main())
