"""Builds the plugin, its test host and its probe once, with whatever compiler there is, or with zig."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from host_setup import cached_venv

ROOT = Path(__file__).resolve().parents[2]
SANITIZE = os.environ.get("SVFR_OFX_SANITIZE", "")
"""For example "address,undefined": the tests then run a plugin and a host that watch themselves."""
OUT = ROOT / "build" / ("ofx-sanitized" if SANITIZE else "ofx")


class Built(NamedTuple):
    """What ``ofx_bridge/build.py`` made."""

    bundle: Path
    tools: Path

    @property
    def folder(self) -> Path:
        (folder,) = (path for path in (self.bundle / "Contents").iterdir() if path.is_dir())
        return folder

    @property
    def library(self) -> Path:
        return self.folder / "SVFR.ofx"


def build_all(out: Path = OUT, *options: str) -> Built:
    """Build what is not up to date; a machine without a compiler gets zig into a venv of its own."""
    python, zig = sys.executable, [f"--sanitize={SANITIZE}", "--optimise=-O1"] if SANITIZE else []
    if not any(map(shutil.which, ("g++", "clang++", "c++"))):
        python, zig = zig_python(), ["--zig", *zig]
    out.mkdir(parents=True, exist_ok=True)
    command = [python, str(ROOT / "ofx_bridge" / "build.py"), str(out), "--tools", str(out / "tools")]
    with (out / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes ask at once; the first one builds
        done = subprocess.run([*command, *zig, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return Built(out / "SVFR.ofx.bundle", out / "tools")


def zig_python() -> str:
    """Return a Python that has ziglang and pyzmq, after making its environment."""
    return str(cached_venv("zig", ["ziglang", "pyzmq"]))
