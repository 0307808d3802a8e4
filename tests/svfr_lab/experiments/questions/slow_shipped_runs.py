"""The experiments that restore many frames with the shipped model: minutes each, so they run when named.

pytest tests/svfr_lab/experiments/questions/slow_shipped_runs.py
"""

from __future__ import annotations

import pytest
from lab_runs import rendered, result_of


@pytest.fixture(scope="module")
def long_clips(tmp_path_factory, renderer):
    return rendered(tmp_path_factory.mktemp("lab") / "long", clips=2, first_seed=950, frames=50)


def test_jitter_is_told_beside_detail(tmp_path, long_clips, monkeypatch):
    monkeypatch.delenv("SVFR_DLIB_FACES", raising=False)
    record, rows, page = result_of("srr-jitter", tmp_path, long_clips)
    assert record["summary"]["clips_measured"] == 2
    assert record["summary"]["frames_per_clip"] == 50
    means = {(row["method"], row["measure"]): float(row["mean"]) for row in rows}
    assert means["truth", "true detail, share"] == 1.0
    assert means["truth", "flow error, px"] == 0.0
    denoised = means["denoised, mean over time", "warping error, codes of 255"]
    assert denoised < means["input (bicubic)", "warping error, codes of 255"]
    clean = means["one step, clean reference", "true detail, share"]
    assert clean > means["denoised, mean over time", "true detail, share"]
    assert "Identity was not measured" in page
    assert "carry no conclusion" in page


def test_drift_is_told_by_the_minute_and_a_short_run_says_so(tmp_path, long_clips):
    record, rows, page = result_of("drift", tmp_path, long_clips)
    assert record["summary"]["frames_restored"] >= 150
    assert {row["of"] for row in rows} >= {"minute 1", "change per minute"}
    assert "nothing is known beyond" in page


def test_costs_are_ratios_within_one_run(tmp_path, clips):
    record, rows, _ = result_of("cost", tmp_path, clips)
    assert record["summary"]["repeats"] >= 3
    found = {(row["task"], row["method"], row["measure"]): row for row in rows}
    own = found["bfr", "denoised, mean over time", "ratio to denoised, mean over time"]
    assert float(own["mean"]) == 1.0
    one, both = (
        float(found["bfr", f"mini, {way}", "processor ms per frame"]["mean"])
        for way in ("one step", "both passes")
    )
    assert both > one
    assert int(found["bfr", "mini, one step", "weights"]["mean"]) > 1_000_000


def test_every_damage_is_tried_under_every_task_vector(tmp_path, clips):
    record, rows, _ = result_of("task-vectors", tmp_path, clips)
    assert record["own_clips"] is True
    assert len(rows) == 3 * 7 * 7
    own = [row for row in rows if row["damage"] == row["vector"] and row["measure"] == "shift_codes"]
    assert len(own) == 7
    assert all(float(row["mean"]) == 0.0 for row in own)


def test_both_tasks_at_once_are_compared_with_one_after_the_other(tmp_path, clips):
    _, rows, _ = result_of("task-interference", tmp_path, clips)
    psnr = {row["method"]: float(row["mean"]) for row in rows if row["measure"] == "PSNR, dB"}
    assert {"both at once", "bfr, then colorize", "colorize, then bfr"} < set(psnr)
    assert psnr["both at once"] > psnr["input"]
    assert psnr["bfr, then colorize"] > psnr["bfr alone"]
