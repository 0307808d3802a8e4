"""Lack of memory is known by every text it comes with; the ladder's lower rungs compute the same pixels."""

from pathlib import Path

import job_samples
import numpy as np
import pytest
import torch

from svfr_restore.job import run_job
from svfr_restore.plan.models import ModelCache
from svfr_server.worker.out_of_memory import LowMemoryModels, is_device_lost, is_out_of_memory

NO_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    MemoryError(),
    RuntimeError("[enforce fail at alloc_cpu.cpp:114] . DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
    RuntimeError("CUDA driver error: out of memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
]
OTHERS = [
    RuntimeError("CUDA error: device-side assert triggered"),
    RuntimeError("CUDA error: an illegal memory access was encountered"),
    RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
]


@pytest.mark.parametrize("problem", NO_MEMORY, ids=str)
def test_lack_of_memory_climbs_the_ladder_and_is_no_lost_device(problem: BaseException) -> None:
    assert is_out_of_memory(problem) and not is_device_lost(problem)


@pytest.mark.parametrize("problem", OTHERS, ids=str)
def test_a_lost_device_is_no_lack_of_memory(problem: BaseException) -> None:
    assert is_device_lost(problem) and not is_out_of_memory(problem)


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


@pytest.mark.parametrize("count", [6, 16])
def test_they_change_places_once_a_phase_however_long_the_shot(
    count: int, tiny_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plate = job_samples.write_plate(tmp_path / "plate", range(1001, 1001 + count))
    models, places = LowMemoryModels(ModelCache()), []
    unet = models.get(tiny_model).unet
    monkeypatch.setattr(unet, "to", lambda place: places.append(str(place)))
    run_job(
        job_samples.job(plate, tmp_path / "out", f"1001-{1000 + count}", model=tiny_model),
        models,
        lambda report: None,
    )
    # encode the first window, decode the reference, encode it and the rest, decode
    assert places == ["cpu", "cpu"] * 4
