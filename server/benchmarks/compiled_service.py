"""A real service with ``--compile``: a job runs as it is, networks are compiled beside, the next uses them.

    OMP_NUM_THREADS=1 python -m benchmarks.compiled_service [--anywhere]

Run in ``server/``; takes a C++ compiler, some 40 s for each package on one quiet core. A service is started
whose roots hold a plate and the results, so that the kernel confines its worker where it has Landlock;
``--anywhere`` names no roots. A small random network restores the plate three times: before anything is
compiled, when everything is, and by the service that was stopped and started again. Printed for each are its
seconds, the windows that were computed for it, and the largest difference to the first one's pixels. The exit
status is 1 where the first job met a package, the second computed nothing anew or differs by more than the
bound, the third did not find the second's packages and steps again, or a package was built twice.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813 (its own documentation calls it so)
from numpy.typing import NDArray

from benchmarks.media.stream import write_plate
from benchmarks.random_model import write_random_model
from svfr.models.spec import Preset
from svfr_client.client import Client
from svfr_client.job import Box, ColourClaim, FaceChoice, JobSpec
from svfr_server.start import start_local_server
from svfr_server.worker.landlock import version

FRAMES, FIRST_FRAME = 8, 1001
SIZE = (180, 320)
# Of what a job returns, in the plate's own scene-linear values; half floats near one are 0.0005 apart.
BOUND = 2e-3
MOST_SECONDS = 1500.0


@dataclass(frozen=True)
class Restored:
    """One job's result: its seconds, what it counted, and (T, H, W, 3) pixels."""

    seconds: float
    counts: Mapping[str, int]
    pixels: NDArray[np.float32]

    @property
    def windows(self) -> int:
        """How many windows were denoised for it, and not found among what was kept."""
        return sum(self.counts.get(name, 0) for name in ("reference_windows", "denoise_windows"))


def restore(client: Client, plate: str, model: str, out: Path) -> Restored:
    """Have the service restore the plate to the folder ``out``."""
    began = time.perf_counter()
    height, width = SIZE
    spec = JobSpec(
        plate=plate,
        frames=f"{FIRST_FRAME}-{FIRST_FRAME + FRAMES - 1}",
        tasks=("bfr",),
        output=str(out / "restored.%04d.exr"),
        faces=FaceChoice("box", boxes=(Box(width / 4, height / 4, height / 2, height / 2),)),
        colour=ColourClaim(space="ACEScg"),
        model=model,
    )
    last = list(client.follow(client.submit(spec).job))[-1]
    if last.kind != "done":
        raise SystemExit(f"the job {last.kind}: {dict(last.body)}")
    pictures = [oiio.ImageBuf(str(path)) for path in sorted(out.glob("*.exr"))]
    pixels = np.stack([np.asarray(one.get_pixels(oiio.FLOAT), np.float32)[..., :3] for one in pictures])
    return Restored(time.perf_counter() - began, last.body["counts"], pixels)


def packages(folder: Path) -> dict[str, int]:
    """Return the packages that there are and when each was written."""
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.glob("*/*.pt2")}


def built(folder: Path) -> dict[str, int]:
    """Wait until nothing is being built, and return the packages."""
    began, quiet = time.monotonic(), 0
    while quiet < 3 and time.monotonic() - began < MOST_SECONDS:
        time.sleep(1.0)
        quiet = 0 if any(folder.glob("work-*")) else quiet + 1
    return packages(folder)


def main() -> int:
    """Run the three jobs and say what did not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--anywhere", action="store_true", help="name no roots: the worker is not confined")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="svfr-compiled-") as name:
        work = Path(name)
        home, results = work / "home", work / "results"
        results.mkdir()
        plate = write_plate(work / "plate", FRAMES, SIZE, grain=0.02)
        model = write_random_model(work / "models" / "tiny", Preset(4, 6, initial_noise=1.0, guidance=1.0))
        roots = ["--read-root", str(work / "plate"), "--read-root", model, "--write-root", str(results)]
        options = ["--device", "cpu", "--compile", *([] if asked.anywhere else roots)]
        compiled, found = home / "compiled", list[Restored]()
        with start_local_server(home, idle_exit_s=MOST_SECONDS, arguments=options) as client:
            found.append(restore(client, plate, model, results / "1"))
            at_once = packages(compiled)
            began = time.perf_counter()
            ready = built(compiled)
            waited = time.perf_counter() - began
            shutil.rmtree(home / "checkpoints")  # else the same job finds every step of the first
            found.append(restore(client, plate, model, results / "2"))
            client.shutdown()
        with start_local_server(home, idle_exit_s=60.0, arguments=options) as client:
            found.append(restore(client, plate, model, results / "3"))
            client.shutdown()
        again = built(compiled)
    confined = not asked.anywhere and version() > 0
    print(f"{len(ready)} packages, built within {waited:.0f} s; confined by the kernel: {confined}")
    first, second, third = found
    for job, one in zip(("as it is", "compiled", "compiled, after a restart"), found, strict=True):
        off = float(np.abs(one.pixels - first.pixels).max())
        print(f"{job}: {one.seconds:.1f} s, {one.windows} windows computed, {off:.1e} from the first")
    checks = {
        "the first job waited for a package": not at_once and first.windows > 0,
        "nothing was compiled": len(ready) > 0,
        "the second job did not use the packages": second.windows == first.windows,
        "the second job differs by more than the bound": np.abs(second.pixels - first.pixels).max() <= BOUND,
        "the third job did not find what the second had kept under its packages": third.windows == 0,
        "the third job's pixels are others": np.array_equal(third.pixels, second.pixels),
        "a package was built twice": again == ready,
    }
    failed = [text for text, holds in checks.items() if not holds]
    print("\n".join(failed) or "all holds")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
