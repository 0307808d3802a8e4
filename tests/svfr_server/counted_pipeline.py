"""The real pipeline, with every evaluation of the network counted as one byte of a file."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from svfr.nets.unet import FastUNet
from svfr_client.connection import service_folder
from svfr_client.job import JobSpec
from svfr_restore.job import run_job as restore

_evaluate = FastUNet.__call__


def _counted(self: FastUNet, *given: Any, **named: Any) -> Any:
    handle = os.open(Path(service_folder()) / "evaluations", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(handle, b"+")
    os.close(handle)
    return _evaluate(self, *given, **named)


FastUNet.__call__ = _counted  # type: ignore[method-assign]


def run_job(
    spec: JobSpec, models: Any, report: Callable[[Any], None], cancelled: Callable[[], bool], store: Any
) -> Any:
    """Run a job whose frames go to a slow disk, so that there is time to kill it while it writes."""

    def slowly(one: Any) -> None:
        if one.kind == "frame":
            time.sleep(0.1)
        report(one)

    return restore(spec, models, slowly, cancelled, store)
