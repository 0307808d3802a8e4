"""A real Chromium, driven by a script in an environment of its own.

The environment (playwright, without its own browsers) lies in the user's cache; the browser is the system's.
A build machine that has none installs Debian's.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from host_setup import cached_venv, debian_packages

PLAYWRIGHT = "1.65.2"
INSIDE = Path(__file__).parent / "inside"
NAMES = ("chromium", "chromium-browser", "google-chrome")


def browser() -> str:
    """Return the path of a Chromium; installs one on a build machine, and skips at a desk without one."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is not None:
        return found
    if not os.environ.get("CI"):
        pytest.skip("There is no Chromium on this machine.")
    problem = debian_packages("chromium")
    found = shutil.which("chromium")
    if found is None:
        pytest.fail(f"There is no Chromium and none could be installed: {problem}", pytrace=False)
    return found


def playwright_python() -> Path:
    """Return the Python that has playwright; installs it into the user's cache on first use."""
    return cached_venv(f"playwright-{PLAYWRIGHT}", [f"playwright=={PLAYWRIGHT}"])


def drive(script: str, address: str, folder: Path) -> Any:
    """Run ``inside/<script>.py`` with a page's address and return the JSON it prints."""
    command = [str(playwright_python()), str(INSIDE / f"{script}.py"), browser(), address, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)
