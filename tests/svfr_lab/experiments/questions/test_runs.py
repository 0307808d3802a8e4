"""Each experiment as short as it goes, by the command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from lab_runs import read_result
from typer.testing import CliRunner

from svfr_cli.exit_codes import ExitCode
from svfr_cli.main import app


def words(name: str, out: Path, *more: str) -> list[str]:
    return ["lab", name, "--budget", "0.25", "--threads", "1", "--out", str(out), *more]


def test_the_ablation_renders_its_own_clips_and_shows_the_papers_table_beside(
    tmp_path, monkeypatch, renderer
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    done = CliRunner().invoke(app, words("ablation", tmp_path))
    assert done.exit_code == ExitCode.OK, done.stderr
    record, rows, page = read_result(tmp_path, "ablation")
    assert record["own_clips"] is False
    assert record["clips"]["48 px"]["first_seed"] == 20_000_000
    assert record["summary"]["steps_per_arm"] >= 10
    assert record["summary"]["clips_measured"] >= 5
    assert {row["steps"] for row in rows} == {str(record["summary"]["steps_per_arm"])}
    compared = {row["arm"] for row in rows if row["measure"] == "psnr_db difference"}
    assert {"multi task minus single task", "+ ULR minus multi task", "+ ULR + FPL minus + ULR"} < compared
    assert all(float(row["low"]) <= float(row["mean"]) <= float(row["high"]) for row in rows)
    errors = [float(row["mean"]) for row in rows if row["measure"] == "landmark_error"]
    assert len(errors) == 7
    assert all(0.0 < error <= 1.0 for error in errors)
    assert "Claimed by the paper, not measured here" in page
    assert "29.563" in page


def test_a_run_that_was_killed_goes_on_and_counts_the_time_before(tmp_path, clips):
    asked = words("ulr-features", tmp_path, "--data", str(clips))
    command = [sys.executable, "-m", "svfr_cli.main", *asked]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    states = tmp_path / "ulr-features.run" / "arms"
    said = tmp_path / "said.txt"
    with said.open("w") as stream:
        process = subprocess.Popen(command, env=environment, stderr=stream)
    while not list(states.glob("*/state.pt")):
        assert process.poll() is None, said.read_text()
        time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "ulr-features.md").exists()
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == ExitCode.OK, done.stderr
    record, rows, page = read_result(tmp_path, "ulr-features")
    assert record["starts"] == 2
    assert "begun 2 times" in page
    assert set(record["summary"]["mean_ratio"]) == {"before training", "without ULR", "ULR 0.01", "ULR 1.0"}
    assert all(float(row["mean"]) > 0.0 for row in rows if row["measure"] == "ratio")
