"""Whether AWS Deadline Cloud's own client reads the bundle that ``svfr farm submit --engine openjd`` writes.

Run from ``server/``: ``python -m benchmarks.farm.deadline_cloud``. It installs the client (``deadline``, from
PyPI, 40 MB with what it needs) into a temporary folder and asks it for the bundle's steps and parameters.
Submitting needs an account, and is not tried.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.farm.plan_time import write_list
from svfr.validation import read_json
from svfr_farm.engines.openjd import write_bundle
from svfr_farm.ledger import Submission
from svfr_farm.plan import PlanSettings
from svfr_farm.planning import plan_shots
from svfr_farm.shot_list import read_shot_list


def main() -> int:
    """Print what the client says of a bundle; return 1 where it is not what was written."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = write_list(folder, 1, 4)
        submission = Submission(path.with_suffix(".farm"))
        with submission.locked():
            plans = plan_shots(read_shot_list(path), PlanSettings(), {})
            (entry,) = submission.take(path, plans).values()
        bundle = write_bundle(submission.plan_file(entry), ("svfr",))
        client = folder / "client"
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "-q", "--target", str(client), "deadline"], check=True
        )
        environment = dict(os.environ, PYTHONPATH=str(client), HOME=name)
        command = [sys.executable, "-m", "deadline", "bundle", "info", str(bundle)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    summary = read_json(done.stdout[done.stdout.index("{") :])
    parameters = {one["name"]: one["_display_value"] for one in summary["parameters"]}
    print(f"{summary['name']}: steps {summary['steps']}, parameters {parameters}")
    as_written = summary["steps"] == ["Reference", "Segments", "Assemble"]
    return 0 if as_written and parameters["Plan"].endswith("plan.json") else 1


if __name__ == "__main__":
    sys.exit(main())
