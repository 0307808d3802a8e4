"""Send a job to the local server: python submit_job.py shot.%04d.exr 1001-1050 out.%04d.exr"""

import sys
from pathlib import Path

from svfr_client import ColourClaim, JobSpec
from svfr_server.start import start_local_server


def main(plate: str, frames: str, output: str) -> None:
    spec = JobSpec(
        plate=str(Path(plate).absolute()),
        frames=frames,
        tasks=("bfr",),
        output=str(Path(output).absolute()),
        colour=ColourClaim(space="acescg"),
    )
    with start_local_server(idle_exit_s=60) as client:  # or Client(), when one runs
        job = client.submit(spec).job
        for event in client.follow(job):
            print(event.kind, event.body)


if __name__ == "__main__":
    main(*sys.argv[1:])
