"""The real pipeline, which a job begins only once the file ``go`` lies in the folder above its output's."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from svfr_client.errors import JobWasCancelled
from svfr_client.job import JobSpec
from svfr_restore.job import run_job as restore
from svfr_restore.reports import Report


def run_job(
    spec: JobSpec, models: Any, report: Callable[[Any], None], cancelled: Callable[[], bool], store: Any
) -> Any:
    """Wait, then run the job."""
    report(Report("progress", "survey", 0, 1))
    while not (Path(spec.output).parents[1] / "go").exists():
        time.sleep(0.02)
        if cancelled():
            raise JobWasCancelled("The job was cancelled.")
    return restore(spec, models, report, cancelled, store)
