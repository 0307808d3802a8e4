"""One job without networks: the part of ``stages_against`` that runs on either commit's code.

    python stages_child.py PATTERN FRAMES OUT MODEL FACES PRESET

Restores ``FRAMES`` frames of the plate ``PATTERN`` to the folder ``OUT`` by the model ``MODEL``. ``FACES`` is
``largest`` or a box, "x,y,width,height". ``PYTHONPATH`` decides which code runs. Prints one JSON object: the
seconds until each stage had ended, those of the whole job, its processor seconds and the whole process's,
where the code lies, and a hash of all written pixels. Names are looked for where they live today and where
they lived before the packages had rooms.
"""

import hashlib
import importlib
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import OpenImageIO as oiio  # noqa: N813 (its own documentation calls it so)

HOMES = {
    "Box": ("svfr_client.job", "svfr_client.messages"),
    "ColourClaim": ("svfr_client.job", "svfr_client.messages"),
    "FaceChoice": ("svfr_client.job", "svfr_client.messages"),
    "JobSpec": ("svfr_client.job", "svfr_client.messages"),
    "ModelCache": ("svfr_restore.plan.models", "svfr_restore.models"),
    "run_job": ("svfr_restore.job",),
}
FIRST_FRAME = 1001


def found(name: str) -> Any:
    """Return a name from the first of its homes that this code has."""
    for home in HOMES[name]:
        try:
            return getattr(importlib.import_module(home), name)
        except (ModuleNotFoundError, AttributeError):
            continue
    raise ModuleNotFoundError(name)


class Asked(NamedTuple):
    """What the command line says."""

    pattern: str
    frames: str
    out: str
    model: str
    faces: str
    preset: str


def spec(asked: Asked, count: int, out: Path) -> Any:
    """Return the job's description."""
    choice = found("FaceChoice")
    boxes = None if asked.faces == "largest" else (found("Box")(*map(float, asked.faces.split(","))),)
    return found("JobSpec")(
        plate=asked.pattern,
        frames=f"{FIRST_FRAME}-{FIRST_FRAME + count - 1}",
        tasks=("bfr",),
        output=str(out / "restored.%04d.exr"),
        faces=choice("largest") if boxes is None else choice("box", boxes=boxes),
        colour=found("ColourClaim")(space="ACEScg"),
        model=asked.model,
        preset=asked.preset,
    )


def pixels_of(out: Path) -> str:
    """Return a hash of every written picture's values."""
    digest = hashlib.sha256()
    for path in sorted(out.glob("*.exr")):
        picture = oiio.ImageBuf(str(path))
        digest.update(np.asarray(picture.get_pixels(oiio.FLOAT)).tobytes())
    return digest.hexdigest()


def main(asked: Asked) -> None:
    """Run a job of one frame, so that all is loaded, and then the one that is measured."""
    folder, models = Path(asked.out), found("ModelCache")()
    with tempfile.TemporaryDirectory() as first:
        found("run_job")(spec(asked, 1, Path(first)), models, lambda report: None)
    began, processor = time.perf_counter(), time.process_time()
    ended: dict[str, float] = {}

    def note(report: Any) -> None:
        if report.kind == "progress":
            ended[report.stage] = time.perf_counter() - began

    result = found("run_job")(spec(asked, int(asked.frames), folder), models, note)
    figures = {
        "ended": ended,
        "whole": time.perf_counter() - began,
        "processor": time.process_time() - processor,
        "process": time.process_time(),
        "code": sys.modules["svfr_restore"].__file__,
        "changed": result.counts["pixels_changed"],
        "pixels": pixels_of(folder),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(Asked(*sys.argv[1:]))
