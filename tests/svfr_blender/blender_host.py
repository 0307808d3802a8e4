"""Blender as a module (``bpy``) in environments of their own, and scripts that run inside it.

Every script runs in a process of its own with a time limit and its own user folder; it prints one line of
JSON and ends without Blender's clean-up, which hangs in some versions.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from host_setup import cached_venv
from plates import write_exrs

from svfr_client.records import to_plain
from svfr_server.checking.model_offers import offered_models

IN_EVERY_VERSION = bool(os.environ.get("SVFR_EVERY_BLENDER"))
"""Run every case in every version; else most run in the oldest and the newest, and the chief ones in all."""
VERSIONS = ("4.2.0", "4.5.15", "5.0.1", "5.3.0") + (("4.2.23",) if IN_EVERY_VERSION else ())
USUAL_VERSIONS = VERSIONS if IN_EVERY_VERSION else (VERSIONS[0], VERSIONS[-1])
in_every_version = pytest.mark.parametrize("lone_blender", VERSIONS, indirect=True)
SVFR = Path(sys.executable).parent / ("svfr.exe" if os.name == "nt" else "svfr")
INSIDE = Path(__file__).parent / "inside"
RESULT_MARK = "RESULT "
SCRIPT_SECONDS = 240


@dataclass(frozen=True)
class Blender:
    """One version: the Python of its environment."""

    version: str
    python: Path
    zip: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, script: str, folder: Path, case: dict[str, Any]) -> Any:
        """Run ``inside/<script>.py`` with a case; returns what it hands to ``finish``."""
        home = folder / "blender"
        home.mkdir(exist_ok=True, parents=True)
        case_file = folder / f"{script}.json"
        case_file.write_text(json.dumps({**case, "zip": str(self.zip), "folder": str(folder)}))
        names = ("PATH", "HOME", "LANG", "TMPDIR")
        environment = {name: os.environ[name] for name in names if name in os.environ}
        environment |= {"BLENDER_USER_RESOURCES": str(home), "OMP_NUM_THREADS": "1", **self.environment}
        done = subprocess.run(
            [str(self.python), str(INSIDE / f"{script}.py"), str(case_file)],
            capture_output=True,
            text=True,
            timeout=SCRIPT_SECONDS,
            env=environment,
            cwd=folder,
        )
        lines = [line for line in done.stdout.splitlines() if line.startswith(RESULT_MARK)]
        if done.returncode != 0 or not lines:
            pytest.fail(
                f"{script} ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-5000:]}"
            )
        return json.loads(lines[-1].removeprefix(RESULT_MARK))


@cache
def blender_python(version: str) -> Path:
    """Return the Python that has this bpy; installs it into the user's cache on first use (370 MB)."""
    is_new = tuple(map(int, version.split(".")[:2])) >= (5, 1)
    base = _newer_python() if is_new else sys.executable
    if base is None:
        pytest.skip("Blender 5.1 and newer need Python 3.13")
    packages = [f"bpy=={version}"] if is_new else [f"bpy=={version}", "numpy<2"]
    return cached_venv(f"bpy-{version}", packages, base)


def _newer_python() -> str | None:
    """Return a Python 3.13 that runs, or None; pyenv's shims start only the versions chosen in a folder."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [shutil.which("python3.13"), *map(str, root.glob("versions/3.13.*/bin/python3.13"))]
    for found in filter(None, candidates):
        if subprocess.run([found, "-c", ""], capture_output=True).returncode == 0:
            return found
    return None


def panel_case(folder: Path) -> dict[str, Any]:
    """Return what the script that takes down the panel needs: a plate, and what a server says of mini."""
    files = [str(file) for file in write_exrs(folder / "sh020", range(1001, 1004))]
    (mini,) = (offer for offer in offered_models().models if offer.name == "mini")
    return {"files": files, "offer": to_plain(mini)}
