"""The experiments that train a feed-forward network or examine the shipped model, as short as they go."""

from __future__ import annotations

from lab_runs import read_result, run

from svfr_cli.exit_codes import ExitCode


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
