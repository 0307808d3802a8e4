"""The real pipeline with a device and a disk that a test holds, by files in the folder above a job's output.

A job samples once ``sample`` lies there, and writes once ``write`` does. When a job has the device, and when
it leaves it, is noted in ``device.log`` of the folder above.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from svfr.arrays import Float32
from svfr_client.job import JobSpec
from svfr_restore.crops.spool import CropSpool
from svfr_restore.job import JobStages
from svfr_restore.plan.job_plan import plan_job
from svfr_restore.plan.track_plan import TrackPlan
from svfr_restore.reports import JobContext, Report
from svfr_restore.sampling.restorers import IdentityRestorer, Restorer


class Held:
    """What a test holds of a job."""

    def __init__(self, spec: JobSpec, context: JobContext) -> None:
        self._folder, self._context = Path(spec.output).parents[1], context

    def wait_for(self, name: str) -> None:
        while not (self._folder / name).exists():
            self._context.stop_if_cancelled()
            time.sleep(0.02)

    def note(self, what: str) -> None:
        with (self._folder.parent / "device.log").open("a", encoding="utf-8") as log:
            log.write(f"{self._folder.name} {what}\n")


class HeldRestorer(IdentityRestorer):
    def __init__(self, held: Held, context: JobContext) -> None:
        self._held, self._context = held, context

    def restore(self, index: int, crops: CropSpool) -> Iterator[tuple[int, Float32]]:
        self._held.note("begins")
        self._held.wait_for("sample")
        self._context.report(Report("progress", "denoise", 1, 1, track=index))
        yield from super().restore(index, crops)
        self._held.note("leaves")


class HeldStages(JobStages):
    """A job's stages that go on when the test lets them."""

    held: Held

    def restorer(self, track: TrackPlan, reference: torch.Tensor | None) -> Restorer:
        return HeldRestorer(self.held, self._context)

    def _paste_frame(self, *given: Any, **named: Any) -> None:
        self.held.wait_for("write")
        super()._paste_frame(*given, **named)


def run_job(
    spec: JobSpec, models: Any, report: Callable[[Any], None], cancelled: Callable[[], bool], store: Any
) -> Any:
    """Run a job as the test lets it."""
    context = JobContext(report=report, cancelled=cancelled, store=store)
    stages = HeldStages(plan_job(spec, models), models, context)
    stages.held = Held(spec, context)
    return stages.run()
