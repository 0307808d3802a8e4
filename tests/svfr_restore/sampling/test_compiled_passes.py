"""What is kept of a pass is never mixed from compiled and uncompiled networks, and never lost to a change."""

from dataclasses import replace
from pathlib import Path

import job_samples
import numpy as np
import pytest
from job_samples import MemoryStore, Reports

from svfr.compiled.recipe import EXPORTED
from svfr_client.errors import JobWasCancelled
from svfr_restore.compute_options import COMPILED_VARIABLE
from svfr_restore.job import run_job
from svfr_restore.plan.models import ModelCache
from svfr_restore.reports import JobResult

LONG = 600.0


def networks_of(store: MemoryStore) -> dict[str, list[list[float]]]:
    """Return which packages each pass and each decoding began with."""
    return {name: kept.tolist() for name, kept in store.kept.items() if name.endswith("/compiled")}


def test_a_job_begun_uncompiled_goes_on_so_and_the_next_is_compiled(
    tiny_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plate = job_samples.write_plate(tmp_path / "plate", range(1001, 1013))
    spec = job_samples.job(plate, tmp_path / "first", "1001-1012", model=tiny_model, preset="final")
    usual = job_samples.read_all([output.path for output in job_samples.run(spec).outputs])
    monkeypatch.setenv(COMPILED_VARIABLE, str(tmp_path / "compiled"))
    models, store = ModelCache(builder=EXPORTED), MemoryStore()

    def run(folder: str, reports: Reports | None = None, seed: int = spec.seed) -> JobResult:
        own = replace(spec, output=str(tmp_path / folder / "out.%04d.exr"), seed=seed)
        watched = reports or Reports()
        return run_job(own, models, watched, watched.cancelled, store)

    with pytest.raises(JobWasCancelled):
        run("cancelled", Reports(cancel_stage="denoise", cancel_after=8))
    assert models.compiled_within(LONG)
    resumed = run("resumed")
    assert resumed.counts["checkpoints_reused"] > 1, "what was kept uncompiled is of use"
    pixels = job_samples.read_all([output.path for output in resumed.outputs])
    assert np.abs(pixels - usual).max() < 1e-3
    begun_with = networks_of(store)
    assert len(begun_with) == 3, "both passes and the last decoding say what they began with"
    assert run("again").counts["denoise_windows"] == 0, "a finished pass is found again"
    assert networks_of(store) == begun_with, "and its pictures are decoded by the networks of the first time"
    assert models.compiled_within(LONG)
    assert run("other", seed=spec.seed + 1).counts["denoise_windows"] > 0
    records = [record for name, record in networks_of(store).items() if name not in begun_with]
    assert len(records) == 3 and all(len(record) > 0 for record in records), "what begins now is compiled"
