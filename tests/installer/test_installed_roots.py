"""``bootstrap.py run serve --read-root``: what it installs in editable form keeps to the roots and works."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from e2e_service import expect_that_roots_hold

ROOT = Path(__file__).parents[2]


def test_a_service_started_through_the_bootstrap_runs_jobs_within_its_roots(tmp_path: Path) -> None:
    """It installs the project itself, and finds the libraries in the tests' environment."""
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "installer", checkout / "installer", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, checkout)
    for name in ("plugin", "server", "ocio"):
        (checkout / name).symlink_to(ROOT / name)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(checkout / ".venv")], check=True)
    (packages,) = (checkout / ".venv").glob("[Ll]ib/**/site-packages")
    (packages / "libraries.pth").write_text(str(Path(np.__file__).parents[1]) + "\n", encoding="utf-8")
    nothing_fetched = {
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads it as the option's own value: isolation off
        "PIP_NO_INDEX": "1",
        "SVFR_TORCH_INDEX": "http://127.0.0.1:9/none",
    }
    bootstrap = [sys.executable, checkout / "installer" / "bootstrap.py", "run"]
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    expect_that_roots_hold(bootstrap, Path("/"), tmp_path, {**environment, **nothing_fetched})
