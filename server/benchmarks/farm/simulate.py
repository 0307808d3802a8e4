"""What a farm spends on scheduling: 10,000 shots over 500 GPUs, some of which fail, by an event simulation.

Run from ``server/``::

    python -m benchmarks.farm.simulate [--window-s 0.35] [--shots 10000] [--gpus 500]

The tasks and their sizes are those of the real rules (svfr_farm.segments) and of the real window grid
(svfr.diffusion.windows). What one window, a model's start and a scheduler's turn take are assumptions that
the command line changes.
"""

from __future__ import annotations

import argparse
import heapq
import random
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache

from svfr.diffusion.windows import segment_windows
from svfr_farm.segments import SegmentRules, pieces_of, split

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


def main() -> None:
    """Print what the simulation says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--shots", type=int, default=10_000)
    parser.add_argument("--gpus", type=int, default=500)
    parser.add_argument("--window-s", type=float, default=0.35)
    parser.add_argument("--start-s", type=float, default=20.0)
    parser.add_argument("--turn-s", type=float, default=1.0)
    parser.add_argument("--failure", type=float, default=0.01)
    given = parser.parse_args()
    costs = Costs(
        window=given.window_s, start=given.start_s, turn=given.turn_s, frame_io=0.3, failure=given.failure
    )
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
        files = sum(3 * (2 + len(split([range(n)], rules, may_cut=True))) + 8 for n in lengths)
        reads = sum(n * (2 + len(split([range(n)], rules, may_cut=True))) for n in lengths)
        rate = (files + reads + sum(lengths)) / spent["makespan"]
        print(f"  {rate:.0f} file opens a second on the shared disk, on average")


if __name__ == "__main__":
    main()
