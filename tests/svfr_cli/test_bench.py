"""``svfr bench`` runs a real job, says where its time went, and keeps nothing."""

import json
from pathlib import Path
from typing import Any

import job_samples
import pytest
import torch
from typer.testing import CliRunner

from svfr.models.model import Model
from svfr.precision import STRICT, Precision
from svfr_cli.bench import bench
from svfr_cli.main import app
from svfr_restore.compute_options import PRECISION_VARIABLE
from svfr_restore.plan import models


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
    assert found["psnr_to_float32_db"] is None and found["to_float32"].startswith("no difference")
    assert picture.stat().st_size > 1000
    assert not list(tmp_path.glob("svfr-*"))


def test_another_number_type_is_compared_with_float32_if_that_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = job_samples.write_tiny_model(tmp_path / "tiny")
    monkeypatch.setenv(PRECISION_VARIABLE, "bfloat16")
    compared = bench(model, None, 1)
    assert compared.psnr_to_float32_db is not None and compared.psnr_to_float32_db > 20.0
    assert "dB PSNR" in compared.to_text()

    load = models.load_model

    def load_narrow_alone(folder: Path, device: str, precision: Precision, **more: Any) -> Model:
        if precision == STRICT:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 6.10 GiB.")
        return load(folder, device, precision, **more)

    monkeypatch.setattr(models, "load_model", load_narrow_alone)
    alone = bench(model, None, 1)
    assert alone.psnr_to_float32_db is None and "does not fit" in alone.to_text()


def test_a_plate_that_is_not_there_is_an_error_with_a_remedy() -> None:
    ran = CliRunner().invoke(app, ["bench", "/nowhere/shot.%04d.exr", "--json"])
    found = json.loads(ran.stdout.splitlines()[-1])
    assert ran.exit_code != 0 and found["kind"] == "error" and found["remedy"]
