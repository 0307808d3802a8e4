"""A service computes every job in the number type, and with the batch, that it was started with."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import job_samples
import numpy as np
import pytest
from numpy.typing import NDArray
from server_samples import StartService

from svfr_restore.compute_options import BATCH_VARIABLE, PRECISION_VARIABLE


def test_a_service_computes_as_it_was_told_and_not_as_usual(
    start_service: StartService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = job_samples.write_tiny_model(tmp_path / "tiny")
    plate = job_samples.write_plate(tmp_path / "plate", range(1001, 1003))
    spec = job_samples.job(plate, tmp_path / "service", "1001-1002", model=model)
    service = start_service(
        "--pipeline", "svfr_restore.job:run_job", "--precision", "bfloat16", "--batch", "2"
    )
    with service.client() as client:
        last = list(client.follow(client.submit(spec).job))[-1]
    assert last.kind == "done", last.body

    def restored(folder: str) -> NDArray[Any]:
        own = replace(spec, output=str(tmp_path / folder / "out.%04d.exr"))
        return job_samples.read_all([output.path for output in job_samples.run(own).outputs])

    usual = restored("usual")
    monkeypatch.setenv(PRECISION_VARIABLE, "bfloat16")
    monkeypatch.setenv(BATCH_VARIABLE, "2")
    told = restored("told")
    by_service = job_samples.read_all([Path(spec.output % frame) for frame in (1001, 1002)])
    rounding = np.abs(told - usual).max()
    assert rounding > 0.0
    assert np.abs(by_service - told).max() < 0.1 * rounding  # as many threads may sum otherwise
