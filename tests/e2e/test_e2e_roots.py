"""Roots hold, and jobs run within them, wherever the installed program is started from.

Here the program of the tests' own environment is started beside its packages;
``tests/installer/test_installed_roots.py`` starts what ``installer/bootstrap.py`` installs from the root of
the disk, and ``tests/installer/test_distribution.py`` the wheel.
"""

import os
import sys
from pathlib import Path

from e2e_service import expect_that_roots_hold

PACKAGES = Path(__file__).parents[2] / "server"
SVFR = Path(sys.executable).parent / ("svfr.exe" if os.name == "nt" else "svfr")


def test_a_job_within_the_roots_runs_and_one_outside_is_refused(tmp_path: Path) -> None:
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    expect_that_roots_hold([SVFR], PACKAGES, tmp_path, environment)
