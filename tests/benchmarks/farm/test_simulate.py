"""The farm's cost model: what goes to scheduling, failures and the shared disk, by the rules that ship."""

from __future__ import annotations

import random

import pytest

from benchmarks.farm.simulate import Costs, disk_lines, shot_tasks, simulate
from svfr_farm.segments import SegmentRules

COSTS = Costs(window=0.35, start=20.0, turn=1.0, frame_io=0.3, failure=0.01)


def lengths(count: int) -> list[int]:
    dice = random.Random(1)
    return [max(8, min(2000, round(dice.lognormvariate(4.7, 0.7)))) for _ in range(count)]


def test_a_farm_whose_tasks_fail_ends_and_spends_little_on_its_scheduler() -> None:
    spent = simulate(lengths(200), 10, SegmentRules(), COSTS, seed=2)
    paid = spent["makespan"] * 10
    assert spent["retries"] > 0 and spent["lost to failures"] > 0
    assert spent["scheduler"] < 0.02 * paid
    assert spent["work"] + spent["models started"] + spent["scheduler"] + spent["lost to failures"] <= paid


def test_the_work_is_that_of_all_tasks_whatever_fails() -> None:
    shots = lengths(50)
    rules = SegmentRules()
    whole = sum(
        task.seconds
        for n, frames in enumerate(shots)
        for step in shot_tasks(n, frames, rules, COSTS)
        for task in step
    )
    assert simulate(shots, 7, rules, COSTS, seed=3)["work"] == pytest.approx(whole)


def test_the_disks_load_is_told_in_three_figures() -> None:
    shots = lengths(50)
    spent = simulate(shots, 7, SegmentRules(), COSTS, seed=3)
    assert [line.split()[1] for line in disk_lines(shots, SegmentRules(), spent)] == [
        "files",
        "files",
        "names",
    ]
