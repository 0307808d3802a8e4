"""A real Chromium, driven by a script in an environment of its own.

The environment (playwright, without its own browsers) lies in the user's cache; the browser is the system's.
A build machine that has none installs Debian's.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from platformdirs import user_cache_path

PLAYWRIGHT = "1.65.2"
INSIDE = Path(__file__).parent / "inside"
NAMES = ("chromium", "chromium-browser", "google-chrome")


def browser() -> str:
    """Return the path of a Chromium; installs one on a build machine, and skips at a desk without one."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None and os.environ.get("CI") and shutil.which("apt-get"):
        for command in (("update",), ("install", "-y", "--no-install-recommends", "chromium")):
            subprocess.run(["apt-get", "-qq", *command], check=True, timeout=900, capture_output=True)
        found = shutil.which("chromium")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("There is no Chromium and none could be installed.", pytrace=False)
        pytest.skip("There is no Chromium on this machine.")
    return found


def playwright_python() -> Path:
    """Return the Python that has playwright; installs it into the user's cache on first use."""
    folder = user_cache_path("svfr") / "hosts" / f"playwright-{PLAYWRIGHT}"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", f"playwright=={PLAYWRIGHT}"]
        subprocess.run(install, check=True, timeout=900)
        (folder / "ready").touch()
    return python


def drive(script: str, address: str, folder: Path) -> Any:
    """Run ``inside/<script>.py`` with a page's address and return the JSON it prints."""
    command = [str(playwright_python()), str(INSIDE / f"{script}.py"), browser(), address, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)
