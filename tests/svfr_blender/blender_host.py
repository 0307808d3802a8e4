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
from pathlib import Path
from typing import Any

import pytest
from platformdirs import user_cache_path

VERSIONS = ("4.2.23", "4.5.15", "5.0.1", "5.3.0")
SVFR = Path(sys.executable).parent / ("svfr.exe" if os.name == "nt" else "svfr")
INSIDE = Path(__file__).parent / "inside"
RESULT_MARK = "RESULT "
SCRIPT_SECONDS = 240
INSTALL_SECONDS = 1500


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


def blender_python(version: str) -> Path:
    """Return the Python that has this bpy; installs it into the user's cache on first use (370 MB)."""
    folder = user_cache_path("svfr") / "hosts" / f"bpy-{version}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not _has(python, version):
        is_new = tuple(map(int, version.split(".")[:2])) >= (5, 1)
        base = _newer_python() if is_new else sys.executable
        if base is None:
            pytest.skip("Blender 5.1 and newer need Python 3.13")
        subprocess.run([base, "-m", "venv", "--clear", str(folder)], check=True)
        command = [str(python), "-m", "pip", "install", "--quiet", f"bpy=={version}"]
        command += [] if is_new else ["numpy<2"]
        subprocess.run(command, check=True, timeout=INSTALL_SECONDS)
    return python


def _newer_python() -> str | None:
    """Return a Python 3.13 that runs, or None; pyenv's shims start only the versions chosen in a folder."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [shutil.which("python3.13"), *map(str, root.glob("versions/3.13.*/bin/python3.13"))]
    for found in filter(None, candidates):
        if subprocess.run([found, "-c", ""], capture_output=True).returncode == 0:
            return found
    return None


def _has(python: Path, version: str) -> bool:
    ask = "from importlib.metadata import version; print(version('bpy'))"
    try:
        answer = subprocess.run([str(python), "-c", ask], capture_output=True, text=True, timeout=60)
    except OSError:
        return False
    return answer.stdout.strip() == version
