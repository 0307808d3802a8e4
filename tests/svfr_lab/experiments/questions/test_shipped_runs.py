"""The experiments that train a feed-forward network or examine the shipped model, a minute each."""

from __future__ import annotations

import pytest
from lab_runs import read_result
from typer.testing import CliRunner

from svfr_cli.exit_codes import ExitCode
from svfr_cli.main import app
from svfr_lab.heads.dataset import RenderSettings, render_dataset


@pytest.fixture(scope="module")
def clips(tmp_path_factory, renderer):
    folder = tmp_path_factory.mktemp("lab") / "clips"
    render_dataset(
        folder, RenderSettings(clips=24, first_seed=900, size_px=96, frames=8, bank_seed=2, bank=9)
    )
    return folder


def run(name, out, data):
    asked = ["lab", name, "--budget", "1", "--threads", "1", "--out", str(out), "--data", str(data)]
    return CliRunner().invoke(app, asked)


def test_filling_holes_first_is_compared_at_equal_steps_of_both_kinds(tmp_path, clips):
    done = run("inpaint-pretraining", tmp_path, clips)
    assert done.exit_code == ExitCode.OK, done.stderr
    record, rows, page = read_result(tmp_path, "inpaint-pretraining")
    differences = [row for row in rows if row["measure"] == "psnr_difference_db"]
    assert [row["arm"] for row in differences] == ["pre-trained minus from scratch"] * 2
    assert differences[0]["total_steps"] == differences[1]["restoration_steps"] == "differs"
    assert record["summary"]["pretraining_steps"] >= 10
    assert float(differences[0]["low"]) <= float(differences[0]["mean"]) <= float(differences[0]["high"])
    assert "Claimed by the paper, not measured here" in page
    # asked again it finds everything done and says the same
    assert run("inpaint-pretraining", tmp_path, clips).exit_code == ExitCode.OK
    assert read_result(tmp_path, "inpaint-pretraining")[1] == rows


def test_clips_that_are_too_short_for_jitter_are_refused(tmp_path, clips):
    done = run("srr-jitter", tmp_path, clips)
    assert done.exit_code != ExitCode.OK
    assert "8 frames" in done.stderr
    assert not (tmp_path / "srr-jitter.md").exists()
