# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that a project notes, found again after the project was moved with them.

Blender itself keeps the ``//`` paths of strips right, when a project is moved and when it is saved elsewhere.
What this extension notes beside them is kept as a whole path and as the way from something that moves along:
whichever leads to the file holds.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from .svfr_client.files import is_file


def way_from(folder: str, path: str) -> str:
    """Return the way from a folder to a path; empty where there is none: on another drive."""
    try:
        return os.path.relpath(path, folder)
    except ValueError:
        return ""


def along(folder: str, way: str) -> str:
    """Return the path that lies that way from a folder."""
    return os.path.normpath(Path(folder) / way)


def is_among(path: str, places: Iterable[str]) -> bool:
    """Return whether a path is one of these, by whatever way each goes: ``//../plate`` goes up and down."""
    return os.path.normpath(path) in map(os.path.normpath, places)


def found_again(paths: Iterable[tuple[int, str]], former: str, project: str) -> tuple[tuple[int, str], ...]:
    """Return (frame, file) with the files where they are now.

    ``former`` and ``project``: the project's folder when the files were noted, and now. A file that is still
    where it was, and one that is in neither place, keeps its path.
    """
    found = []
    for frame, path in paths:
        way = way_from(former, path) if former and project and former != project else ""
        moved = along(project, way) if way else path
        found.append((frame, moved if moved != path and not is_file(path) and is_file(moved) else path))
    return tuple(found)
