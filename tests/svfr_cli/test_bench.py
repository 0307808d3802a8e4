"""``svfr bench`` runs a real job, says where its time went, and keeps nothing."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from svfr_cli.main import app


def test_a_job_is_run_and_its_time_is_shared_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    picture = tmp_path / "bench.png"
    arguments = ["bench", "--model", "probe", "--frames", "2", "--json", "--plot", str(picture)]
    ran = CliRunner().invoke(app, arguments)
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.stdout)
    assert found["kind"] == "bench" and found["model"] == "probe" and found["frames"] == 2
    assert found["frames_per_second"] == pytest.approx(2 / found["seconds"])
    assert set(found["stage_seconds"]) == {"survey", "crop", "write"}
    assert all(seconds > 0.0 for seconds in found["stage_seconds"].values())
    assert 0.0 <= found["idle_share"] <= 1.0 and found["peak_memory_bytes"] > 0
    assert picture.stat().st_size > 1000
    assert not list(tmp_path.glob("svfr-*"))


def test_a_plate_that_is_not_there_is_an_error_with_a_remedy() -> None:
    ran = CliRunner().invoke(app, ["bench", "/nowhere/shot.%04d.exr", "--json"])
    found = json.loads(ran.stdout.splitlines()[-1])
    assert ran.exit_code != 0 and found["kind"] == "error" and found["remedy"]
