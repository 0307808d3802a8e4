"""Which paths a job may name and touch: real paths inside the service's roots, never its keys or models.

Links and ``..`` are resolved first, so that neither leads out. :class:`PathRoots` judges a path; it is asked
when a job is handed in, again in the worker before the job starts, and at every file that is opened
(``worker/file_guard.py``), because a link may be swapped in between.
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from svfr_client.errors import SvfrError
from svfr_client.job import JobSpec
from svfr_server.errors import PathForbidden

_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?\Z", re.IGNORECASE)
MOST_DIGITS = 32
_FRAME_WIDTH = re.compile(r"%0*(\d+)d")
_SYSTEM_FOLDERS = ("/dev", "/proc", "/sys")
_ABSOLUTE_REMEDY = "Give the whole path, as the server sees it."


@dataclass(frozen=True)
class PathRoots:
    """``read`` and ``write``: allowed folders, empty for all; ``protected``: never written by a job.

    ``transfers``: where the service keeps what clients sent and fetch; a job may read and write there.
    ``hidden``: folders of which a job has nothing to know but what lies in its ``transfers``.
    """

    read: tuple[Path, ...] = ()
    write: tuple[Path, ...] = ()
    protected: tuple[Path, ...] = ()
    transfers: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()

    @classmethod
    def of_start(cls, start: Mapping[str, Any]) -> "PathRoots":
        """Return the roots that the supervisor wrote into a child's starting line."""
        names = ("read_roots", "write_roots", "protected", "transfers")
        return cls(*(tuple(map(Path, start[name])) for name in names))

    def of_job(self, spec: JobSpec) -> "PathRoots":
        """Return the roots of one job: of all that was sent, the folders that it names itself.

        A link below a root, which a client may have made, then leads to nothing that another one has sent.
        """
        folders = (Path(path).parent for path in [*named_inputs(spec), spec.output])
        own = tuple(
            folder for folder in folders if ".." not in folder.parts and _is_below(folder, self.transfers)
        )
        return replace(self, transfers=own, hidden=self.transfers)

    def problems(self, spec: JobSpec) -> list[SvfrError]:
        """Return every path of the job that the service will not touch."""
        found = [self.form_problem(path) or self.read_problem(path) for path in named_inputs(spec)]
        output = spec.output
        found.append(self.form_problem(output) or _ending_problem(output) or self.write_problem(output))
        return [problem for problem in found if problem is not None]

    def form_problem(self, text: str) -> SvfrError | None:
        """Return what is wrong with a path as it is written: relative, a device, an unlisted share."""
        path = Path(text)
        if any(int(width[:9]) > MOST_DIGITS for width in _FRAME_WIDTH.findall(text)):
            remedy = f"Frame numbers have at most {MOST_DIGITS} digits."
            return PathForbidden("The path's frame number is too wide.", path=text[:200], remedy=remedy)
        if "\0" in text:
            return PathForbidden("A path holds a null character.")
        if text.startswith(("\\\\.\\", "\\\\?\\", "//./", "//?/")) or any(map(_DEVICE.match, path.parts)):
            return PathForbidden("The path names a device.", path=text)
        if not path.is_absolute():
            return PathForbidden("The path is not absolute.", path=text, remedy=_ABSOLUTE_REMEDY)
        if text.startswith(("\\\\", "//")) and not is_inside(path, self.read + self.write):
            return PathForbidden(
                "The path names a share that is not listed.", path=text, remedy="List it with --read-root."
            )
        if os.name == "posix" and is_inside(real_path(text), [Path(folder) for folder in _SYSTEM_FOLDERS]):
            return PathForbidden("The path lies in a system folder.", path=text)
        return None

    def read_problem(self, text: str) -> SvfrError | None:
        """Return why this may not be read now, wherever links lead at this moment."""
        real = real_path(text)
        if is_inside(real, self.transfers):
            return None
        if is_inside(real, self.hidden) or (self.read and not is_inside(real, self.read)):
            return PathForbidden("The service may not read here.", path=text, remedy=_allowed(self.read))
        return None

    def write_problem(self, text: str) -> SvfrError | None:
        """Return why this may not be written now, wherever links lead at this moment."""
        real = real_path(text)
        if is_inside(real, self.transfers):
            return None
        if is_inside(real, self.hidden):
            return PathForbidden("The service keeps what clients sent here.", path=text)
        if self.write and not is_inside(real, self.write):
            return PathForbidden("The service may not write here.", path=text, remedy=_allowed(self.write))
        if is_inside(real, self.protected):
            return PathForbidden("The service keeps its own files here.", path=text)
        return None


def named_inputs(spec: JobSpec) -> list[str]:
    """Return every path that the job names to be read: patterns, files, folders."""
    optional = [spec.mask_path, spec.crop_tracks, *spec.faces.photos]
    optional += [reference.photo for reference in spec.references]
    config = spec.colour.config
    if config is not None and not config.startswith("ocio://"):
        optional.append(config)
    if "/" in spec.model or "\\" in spec.model:
        optional.append(spec.model)
    return [spec.plate, *(path for path in optional if path)]


def real_path(text: str) -> Path:
    """Return where a path leads now, links and ``..`` resolved; it need not exist."""
    return Path(os.path.realpath(text))


def is_inside(path: Path, folders: Iterable[Path]) -> bool:
    """Return whether ``path`` is one of the folders or below one; the folders' own links are resolved."""
    return any(path.is_relative_to(os.path.realpath(folder)) for folder in folders)


def _is_below(folder: Path, roots: Iterable[Path]) -> bool:
    """Return whether a path is written below one of the folders, which are given as they are or resolved."""
    return any(folder.is_relative_to(form) for root in roots for form in (root, os.path.realpath(root)))


def _ending_problem(text: str) -> SvfrError | None:
    if text.lower().endswith(".exr"):
        return None
    return PathForbidden("A job writes only .exr files.", path=text, remedy="End the output in .exr.")


def _allowed(roots: tuple[Path, ...]) -> str:
    return "Allowed: " + ", ".join(str(root) for root in roots) + "."
