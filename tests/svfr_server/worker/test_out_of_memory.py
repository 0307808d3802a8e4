"""The memory ladder's lower rungs compute the same pixels."""

from pathlib import Path

import job_samples
import numpy as np
import pytest

from svfr_restore.job import run_job
from svfr_restore.plan.models import ModelCache
from svfr_server.worker.out_of_memory import LowMemoryModels


@pytest.fixture
def tiny_model(tmp_path: Path) -> str:
    return job_samples.write_tiny_model(tmp_path / "tiny")


def test_networks_that_take_turns_in_memory_write_the_same_bits(tiny_model: str, tmp_path: Path) -> None:
    plate = job_samples.write_plate(tmp_path / "plate", range(1001, 1007))
    written = []
    for name, models in (("plain", ModelCache()), ("sparing", LowMemoryModels(ModelCache()))):
        spec = job_samples.job(plate, tmp_path / name, "1001-1006", model=tiny_model)
        result = run_job(spec, models, lambda report: None)
        assert result.counts["pixels_changed"] > 0
        written.append(job_samples.read_all([output.path for output in result.outputs]))
    np.testing.assert_array_equal(written[0].view(np.uint16), written[1].view(np.uint16))
