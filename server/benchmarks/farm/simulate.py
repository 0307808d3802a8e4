"""What a farm spends on scheduling: 10,000 shots over 500 GPUs, some of which fail, by an event simulation.

Run from ``server/``::

    python -m benchmarks.farm.simulate [--measure MODEL] [--window-s 0.35] [--shots 10000] [--gpus 500]

The tasks and their sizes are those of the real rules (svfr_farm.segments) and of the real window grid
(svfr.diffusion.windows). ``--measure`` restores a short plate with a model on this machine's device and takes
what one evaluation of a window, a frame and a task's start took there. Without it these seconds are
assumptions that the command line changes, as a scheduler's turn is. What tasks ask of a shared disk is
counted from the code's own intervals.
"""

from __future__ import annotations

import argparse
import heapq
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from benchmarks.farm.plan_time import write_list
from svfr.diffusion.windows import segment_windows
from svfr_farm.cancel_mark import CHECK_EVERY_S
from svfr_farm.segments import SegmentRules, pieces_of, split
from svfr_farm.shot_list import read_shot_list
from svfr_farm.task_state import HEARTBEAT_S
from svfr_farm.tasks import load_models
from svfr_restore.job import run_job
from svfr_restore.reports import Report

WINDOW, OVERLAP, STEPS, REFERENCE_STEPS, BRANCHES = 16, 3, 30, 50, 2


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Seconds; ``failure`` is the chance that a task's machine dies in the middle of it."""

    window: float
    start: float
    turn: float
    frame_io: float
    failure: float


@dataclass(order=True)
class Task:
    """One task in the queue, ordered as a farm would take it: by shot, then step."""

    shot: int
    step: int
    seconds: float = field(compare=False)


@cache
def window_count(frames: int, first: int, seen: int) -> int:
    """Return how many windows a part of a shot takes, over all steps."""
    return sum(
        len(segment_windows(frames, first, seen, length=WINDOW, overlap=OVERLAP, shortest=None, step=step))
        for step in range(STEPS)
    )


def shot_tasks(shot: int, frames: int, rules: SegmentRules, costs: Costs) -> list[list[Task]]:
    """Return a shot's tasks by step; a step begins when all of the one before have ended."""
    span = range(1, frames + 1)
    pieces = pieces_of(0, span, split([span], rules, may_cut=True), rules, WINDOW)
    reference = costs.window * REFERENCE_STEPS + costs.frame_io * frames
    segments = []
    for piece in pieces:
        seen = piece.seen[1] - piece.seen[0] + 1
        first = piece.seen[0] - span[0]
        windows = window_count(frames, first, seen)
        segments.append(Task(shot, 1, windows * BRANCHES * costs.window + costs.frame_io * seen))
    assembly = costs.window / 4 * frames / WINDOW + 2 * costs.frame_io * frames
    return [[Task(shot, 0, reference)], segments, [Task(shot, 2, assembly)]]


def simulate(lengths: list[int], gpus: int, rules: SegmentRules, costs: Costs, seed: int) -> dict[str, float]:
    """Run all shots to their end and return seconds by what they went to, and counts."""
    dice = random.Random(seed)
    steps = [shot_tasks(i, n, rules, costs) for i, n in enumerate(lengths)]
    left = [len(shot[0]) for shot in steps]
    queue = [task for shot in steps for task in shot[0]]
    heapq.heapify(queue)
    running: list[tuple[float, int, Task, bool]] = []
    now, free, number, spent = 0.0, gpus, 0, defaultdict[str, float](float)
    while queue or running:
        while queue and free:
            task = heapq.heappop(queue)
            dies = dice.random() < costs.failure
            work = task.seconds * (dice.random() if dies else 1.0)
            number, free = number + 1, free - 1
            heapq.heappush(running, (now + costs.turn + costs.start + work, number, task, dies))
            spent["work" if not dies else "lost to failures"] += work
            spent["models started"] += costs.start
            spent["scheduler"] += costs.turn
            spent["tasks"] += 1
        now, _, task, dies = heapq.heappop(running)
        free += 1
        if dies:
            heapq.heappush(queue, task)
            spent["retries"] += 1
            continue
        left[task.shot] -= 1
        if left[task.shot] == 0 and task.step < 2:
            following = steps[task.shot][task.step + 1]
            left[task.shot] = len(following)
            for one in following:
                heapq.heappush(queue, one)
    spent["makespan"] = now
    return spent


def measured(model: str, failure: float, turn: float) -> Costs:
    """Restore a plate of 24 frames with a model here, and return what its parts took."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import svfr_farm.steps"], check=True)
    models = load_models()
    models.get(model)
    start = time.perf_counter() - began
    seconds: dict[str, float] = {}
    last = time.perf_counter()

    def report(one: Report) -> None:
        nonlocal last
        now = time.perf_counter()
        if one.kind == "progress":
            seconds[str(one.stage)] = seconds.get(str(one.stage), 0.0) + now - last
            last = now

    with tempfile.TemporaryDirectory() as name:
        (shot,) = read_shot_list(write_list(Path(name), 1, 24, model)).shots
        result = run_job(replace(shot.job, frames="1001-1024"), models, report)
    window = seconds["denoise"] / result.counts["denoise_windows"]
    frame = (seconds.get("survey", 0.0) + seconds.get("crop", 0.0) + seconds["write"]) / 24
    print(
        f"measured with {model} on {models.device}: {window:.3f} s a window, {frame:.3f} s a frame, ", end=""
    )
    print(f"{start:.1f} s to start a task")
    return Costs(window=window, start=start, turn=turn, frame_io=frame, failure=failure)


def disk_lines(lengths: list[int], rules: SegmentRules, spent: dict[str, float]) -> list[str]:
    """Return what all tasks ask of the shared disk each second, on average."""
    segments = [len(split([range(n)], rules, may_cut=True)) for n in lengths]
    tasks = sum(2 + n for n in segments)
    opened = sum(frames * (2 + n) for frames, n in zip(lengths, segments, strict=True)) + 8 * tasks
    busy = spent["work"] + spent["lost to failures"]
    states = busy / HEARTBEAT_S + 2 * tasks
    steps = sum(REFERENCE_STEPS + STEPS * n for n in segments)
    made = states + steps + tasks + sum(lengths)
    asked = busy / CHECK_EVERY_S + opened
    rates = [count / spent["makespan"] for count in (opened, made, asked)]
    return [
        f"  {rates[0]:.0f} files opened a second on the shared disk, on average",
        f"  {rates[1]:.0f} files made under a scratch name and renamed: states, checkpoints, latents, frames",
        f"  {rates[2]:.0f} names looked up: those files, and whether a shot was cancelled",
    ]


def main() -> None:
    """Print what the simulation says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--shots", type=int, default=10_000)
    parser.add_argument("--gpus", type=int, default=500)
    parser.add_argument("--window-s", type=float, default=0.35)
    parser.add_argument("--start-s", type=float, default=20.0)
    parser.add_argument("--turn-s", type=float, default=1.0)
    parser.add_argument("--failure", type=float, default=0.01)
    parser.add_argument("--measure", metavar="MODEL")
    given = parser.parse_args()
    costs = Costs(
        window=given.window_s, start=given.start_s, turn=given.turn_s, frame_io=0.3, failure=given.failure
    )
    if given.measure:
        costs = measured(given.measure, given.failure, given.turn_s)
    dice = random.Random(1)
    lengths = [max(8, min(2000, round(dice.lognormvariate(4.7, 0.7)))) for _ in range(given.shots)]
    for name, rules in (("segments of 192", SegmentRules()), ("never cut", SegmentRules(segments=1))):
        spent = simulate(lengths, given.gpus, rules, costs, seed=2)
        paid = spent["makespan"] * given.gpus
        print(f"\n{given.shots} shots, {sum(lengths)} frames, {given.gpus} GPUs, {name}")
        hours = spent["makespan"] / 3600
        print(f"  {spent['tasks']:.0f} tasks, {spent['retries']:.0f} done again; {hours:.2f} hours")
        for what in ("work", "models started", "scheduler", "lost to failures"):
            print(f"  {what:<18}{100 * spent[what] / paid:6.2f} % of the GPU time")
        idle = paid - sum(spent[w] for w in ("work", "models started", "scheduler", "lost to failures"))
        print(f"  {'idle':<18}{100 * idle / paid:6.2f} %")
        print(*disk_lines(lengths, rules, spent), sep="\n")


if __name__ == "__main__":
    main()
