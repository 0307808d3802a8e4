"""Which paths a job may name: real paths inside the service's roots, never its own keys or models.

Links and ``..`` are resolved first, so that neither leads out. The check runs when a job is handed in and
again in the worker before the job starts, because a link may be swapped in between.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from svfr_client.errors import SvfrError
from svfr_client.messages import JobSpec
from svfr_server.errors import PathForbidden

_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?\Z", re.IGNORECASE)
_SYSTEM_FOLDERS = ("/dev", "/proc", "/sys")
_ABSOLUTE_REMEDY = "Give the whole path, as the server sees it."


@dataclass(frozen=True)
class PathRoots:
    """``read`` and ``write``: allowed folders, empty for all; ``protected``: never written by a job."""

    read: tuple[Path, ...] = ()
    write: tuple[Path, ...] = ()
    protected: tuple[Path, ...] = ()

    def problems(self, spec: JobSpec) -> list[SvfrError]:
        """Return every path of the job that the service will not touch."""
        found = [self._read_problem(path) for path in _read_paths(spec)]
        found.append(self._write_problem(spec.output))
        return [problem for problem in found if problem is not None]

    def _read_problem(self, text: str) -> SvfrError | None:
        problem = _form_problem(text)
        if problem is None and self.read and not _is_inside(_real(text), self.read):
            return PathForbidden("The service may not read here.", path=text, remedy=_allowed(self.read))
        return problem

    def _write_problem(self, text: str) -> SvfrError | None:
        problem = _form_problem(text)
        if problem is not None:
            return problem
        if not text.lower().endswith(".exr"):
            return PathForbidden("A job writes only .exr files.", path=text, remedy="End the output in .exr.")
        real = _real(text)
        if self.write and not _is_inside(real, self.write):
            return PathForbidden("The service may not write here.", path=text, remedy=_allowed(self.write))
        if _is_inside(real, self.protected):
            return PathForbidden("The service keeps its own files here.", path=text)
        return None


def _read_paths(spec: JobSpec) -> list[str]:
    optional = [spec.mask_path, spec.crop_tracks, *(reference.photo for reference in spec.references)]
    config = spec.colour.config
    if config is not None and not config.startswith("ocio://"):
        optional.append(config)
    if "/" in spec.model or "\\" in spec.model:
        optional.append(spec.model)
    return [spec.plate, *(path for path in optional if path)]


def _form_problem(text: str) -> SvfrError | None:
    path = Path(text)
    if "\0" in text:
        return PathForbidden("A path holds a null character.")
    if not path.is_absolute():
        return PathForbidden("The path is not absolute.", path=text, remedy=_ABSOLUTE_REMEDY)
    if text.startswith(("\\\\.\\", "\\\\?\\", "//./", "//?/")) or any(_DEVICE.match(p) for p in path.parts):
        return PathForbidden("The path names a device.", path=text)
    if os.name == "posix" and _is_inside(_real(text), [Path(folder) for folder in _SYSTEM_FOLDERS]):
        return PathForbidden("The path lies in a system folder.", path=text)
    return None


def _real(text: str) -> Path:
    return Path(os.path.realpath(text))


def _is_inside(real: Path, roots: Iterable[Path]) -> bool:
    return any(real.is_relative_to(os.path.realpath(root)) for root in roots)


def _allowed(roots: tuple[Path, ...]) -> str:
    return "Allowed: " + ", ".join(str(root) for root in roots) + "."
