"""The folder where packages are kept, shared by all models of a machine and found again by later processes.

A package is code that this process runs: the folder must be the user's own, and closed to writers.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
from pathlib import Path
from typing import get_args

from svfr.compiled.calls import Call, NetworkName
from svfr.compiled.packages import ENDING
from svfr.errors import CompiledFolderUnsafe
from svfr_client.files import whole_file

MOST_RECIPES = 16
_WORK = "work-"
_NETWORKS = get_args(NetworkName)  # what is still being written begins otherwise
_WORK_SECONDS = 24 * 3600.0


class PackageFolder:
    """Packages by recipe and call. Raises CompiledFolderUnsafe for a folder that others may write."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        _require_private(folder)

    def path(self, recipe: str, call: Call) -> Path:
        """Return where a call's package is, or would be."""
        return self.folder / recipe / f"{call.name}{ENDING}"

    def packages(self, recipe: str) -> dict[str, Path]:
        """Return the packages that there are, by the names of their calls."""
        found = (self.folder / recipe).glob(f"*{ENDING}")
        return {path.stem: path for path in found if path.name.startswith(_NETWORKS)}

    def make_work(self) -> Path:
        """Make a folder for a build, on the same disk; those of builds that were killed go."""
        for old in self.folder.glob(f"{_WORK}*"):
            if time.time() - old.stat().st_mtime > _WORK_SECONDS:
                shutil.rmtree(old, ignore_errors=True)
        return Path(tempfile.mkdtemp(prefix=_WORK, dir=self.folder))

    def take(self, built: Path, recipe: str, call: Call) -> None:
        """Put a finished package in its place; recipes that were not built for the longest go."""
        place = self.path(recipe, call)
        place.parent.mkdir(mode=0o700, exist_ok=True)
        with whole_file(place) as scratch:
            shutil.copyfile(built, scratch)
        os.utime(place.parent)
        recipes = [path for path in self.folder.iterdir() if not path.name.startswith(_WORK)]
        for old in sorted(recipes, key=lambda path: path.stat().st_mtime)[:-MOST_RECIPES]:
            shutil.rmtree(old, ignore_errors=True)


def _require_private(folder: Path) -> None:
    if not hasattr(os, "getuid"):
        return
    status = folder.stat()
    if status.st_uid != os.getuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise CompiledFolderUnsafe(
            "Compiled networks are code, and others may write to the folder where they are kept.",
            path=folder,
            remedy="Name a folder of your own: chmod go-w, or another one.",
        )
