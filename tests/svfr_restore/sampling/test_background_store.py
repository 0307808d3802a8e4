"""Checkpoints written in the background: in order, few at a time, no error lost, whole after a kill."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import job_samples
import numpy as np
import pytest
import torch
from job_samples import MemoryStore, Reports

from svfr_client.errors import FileCannotBeWritten, JobWasCancelled
from svfr_restore.job import run_job
from svfr_restore.plan.models import ModelCache
from svfr_restore.reports import JobContext
from svfr_restore.sampling.background_store import BackgroundStore, saving_in_background
from svfr_server.job_store.checkpoints import DiskCheckpoints


class GatedStore(MemoryStore):
    """Writes when the gate is open, and remembers the order."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.order = threading.Event(), list[str]()

    def save(self, name: str, value: torch.Tensor) -> None:
        self.gate.wait()
        self.order.append(name)
        super().save(name, value)


class FullDisk(MemoryStore):
    """Refuses everything."""

    def save(self, name: str, value: torch.Tensor) -> None:
        raise OSError(28, "No space left on device")


def test_a_save_does_not_wait_for_the_disk_but_for_the_save_before_it() -> None:
    slow = GatedStore()
    store = BackgroundStore(slow)
    store.save("pass1/step0000", torch.zeros(1))
    second = threading.Thread(target=store.save, args=("pass1/step0001", torch.ones(1)))
    second.start()
    second.join(timeout=0.3)
    assert slow.order == [] and second.is_alive()
    slow.gate.set()
    second.join()
    store.close()
    assert slow.order == [f"pass1/step000{n}" for n in range(2)]
    assert [float(slow.kept[name]) for name in slow.order] == [0.0, 1.0]


def test_what_is_still_being_written_is_found() -> None:
    slow = GatedStore()
    store = BackgroundStore(slow)
    store.save("pass1/reference", torch.ones(2))
    found = store.load("pass1/reference")
    assert found is not None and torch.equal(found, torch.ones(2)) and not slow.kept
    assert store.load("pass1/step0000") is None
    slow.gate.set()
    store.close()
    assert torch.equal(slow.kept["pass1/reference"], torch.ones(2))


def test_a_save_that_fails_is_told_by_the_next_one_with_a_remedy() -> None:
    store = BackgroundStore(FullDisk())
    with pytest.raises(FileCannotBeWritten, match="step0000 cannot be kept: No space left") as caught:
        for step in range(100):
            store.save(f"pass1/step{step:04d}", torch.zeros(1))
    assert caught.value.remedy
    with pytest.raises(FileCannotBeWritten):
        store.close()


def test_leaving_waits_for_the_last_write_also_when_the_job_was_cancelled() -> None:
    slow = GatedStore()
    with pytest.raises(JobWasCancelled), saving_in_background(JobContext(store=slow)) as context:
        context.store.save("pass1/step0000", torch.zeros(1))
        slow.gate.set()
        raise JobWasCancelled("The job was cancelled.")
    assert slow.order == ["pass1/step0000"]


def test_the_blocks_own_error_names_a_save_that_failed() -> None:
    with pytest.raises(KeyError) as caught, saving_in_background(JobContext(store=FullDisk())) as context:
        context.store.save("pass1/step0000", torch.zeros(1))
        raise KeyError("the model failed")
    assert "No space left" in "".join(caught.value.__notes__)


_KILLED = """
import os, signal, sys
sys.path[:0] = sys.argv[4:]
import safetensors.torch
from job_samples import job
from svfr_restore.job import run_job
from svfr_restore.plan.models import ModelCache
from svfr_server.job_store.checkpoints import DiskCheckpoints
from pathlib import Path
plate, model, work = sys.argv[1:4]
real, written = safetensors.torch.save_file, []
def save_file(tensors, path, metadata):
    real(tensors, path, metadata)
    if "survey" not in Path(path).parts:
        written.append(path)
    if len(written) == 8:  # 3 encoded chunks, pass 1 with 2 steps and a reference, the 2nd step of pass 2
        os.truncate(path, os.path.getsize(path) // 2)
        os.kill(os.getpid(), signal.SIGKILL)
safetensors.torch.save_file = save_file
spec = job(plate, Path(work) / "out", "1001-1010", model=model)
run_job(spec, ModelCache(), print, store=DiskCheckpoints(Path(work) / "kept"))
"""


@pytest.mark.usefixtures("scratch")
@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_kill_in_the_middle_of_a_write_leaves_the_step_before_and_the_same_bits(
    plate: str, tiny_model: str, tmp_path: Path
) -> None:
    arguments = [plate, tiny_model, str(tmp_path), *sys.path]
    child = subprocess.run([sys.executable, "-c", _KILLED, *arguments], capture_output=True, text=True)
    assert child.returncode == -signal.SIGKILL, child.stderr
    torn = list((tmp_path / "kept").rglob(".svfr-*"))
    steps = sorted(path.stem for path in (tmp_path / "kept").rglob("pass2/step*"))
    assert len(torn) == 1 and steps == ["step0000"]
    spec = job_samples.job(plate, tmp_path / "out", "1001-1010", model=tiny_model)
    store, reports = DiskCheckpoints(tmp_path / "kept"), Reports()
    resumed = run_job(spec, ModelCache(), reports, store=store)
    fresh = job_samples.run(job_samples.job(plate, tmp_path / "fresh", "1001-1010", model=tiny_model))
    assert (resumed.counts["reference_windows"], resumed.counts["denoise_windows"]) == (0, 4)
    assert (fresh.counts["reference_windows"], fresh.counts["denoise_windows"]) == (2, 7)
    pictures = [
        job_samples.read_all([output.path for output in run.outputs]).view(np.uint16)
        for run in (resumed, fresh)
    ]
    np.testing.assert_array_equal(*pictures)
