"""The files a job reads, as they were when it was planned: size and time of each.

A plate that is rendered anew under a running job would give frames of two different plates. The state of the
inputs is kept in the job's journal, so that a second attempt, hours later, compares with the first one's.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from svfr_client.errors import SvfrError, raise_problems
from svfr_client.frames import FrameRange
from svfr_client.job import JobSpec
from svfr_client.sequences import PathPattern, is_sequence
from svfr_server.errors import PathForbidden, SourceChanged
from svfr_server.job_store.checkpoints import DiskCheckpoints
from svfr_server.roots import PathRoots, named_inputs

_NOTE = "sources"
_ANYWHERE = PathRoots()


class Sources:
    """The inputs of one job. Paths are absolute, not resolved: a link swapped for another is a change."""

    def __init__(self, states: Mapping[str, tuple[int, int]]) -> None:
        self._states = states

    @classmethod
    def of_job(cls, spec: JobSpec, journal: DiskCheckpoints, roots: PathRoots = _ANYWHERE) -> "Sources":
        """Return what the first attempt saw, after checking that it is so still; else look now.

        Raises :class:`SourceChanged`, PathForbidden for a file that leads out of ``roots`` or is none, and
        DiskIsFull when the journal cannot be written.
        """
        noted = journal.load_note(_NOTE)
        if noted is not None:
            known = cls({path: (size, changed) for path, (size, changed) in noted.items()})
            known.check_all()
            return known
        found = cls.now(spec, roots)
        journal.save_note(_NOTE, found._states)
        return found

    @classmethod
    def now(cls, spec: JobSpec, roots: PathRoots = _ANYWHERE) -> "Sources":
        """Return the inputs as they are now, of which no attempt has seen anything; raises PathForbidden."""
        files = _files(spec)
        raise_problems([problem for path in files if (problem := input_problem(path, roots)) is not None])
        return cls({path: state for path in files if (state := _state(path)) is not None})

    def check(self, path: str) -> None:
        """Raise :class:`SourceChanged` if this is an input and no longer as it was.

        A file that is gone is for the reader to complain about: it knows the frame.
        """
        known = self._states.get(path)
        if known is None:
            return
        state = _state(path)
        if state is not None and state != known:
            raise SourceChanged(
                "A file was changed after the job had begun.",
                path=path,
                remedy="Hand the job in again once the file is complete; what is still valid is reused.",
            )

    def check_all(self) -> None:
        """Check every input; for readers that open files where nobody can look on."""
        for path in self._states:
            self.check(path)


def input_problem(path: str, roots: PathRoots) -> SvfrError | None:
    """Return why a file of a job may not be read: it leads out of the roots, or is a pipe or device.

    To open a pipe that nobody writes to is to wait for ever; what is not there is for the reader to name.
    """
    try:
        mode = Path(path).stat().st_mode
    except OSError:
        return None
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        remedy = "Give a file; pipes, devices and sockets are not read."
        return PathForbidden("This is neither a file nor a folder.", path=path, remedy=remedy)
    return roots.read_problem(path)


def _files(spec: JobSpec) -> list[str]:
    """Return the files behind every path the job names: of a sequence, those near the job's frames."""
    frames = FrameRange.parse(spec.context or spec.frames)
    first, last = frames.first - spec.handles, frames.last + spec.handles
    found: list[str] = []
    for text in named_inputs(spec):
        if not is_sequence(text):
            found.append(text)
            continue
        pattern = PathPattern.parse(text)
        found += [str(pattern.path(frame)) for frame in pattern.frames() if first <= frame <= last]
    return [os.path.abspath(path) for path in found]  # noqa: PTH100 - links must stay


def _state(path: str) -> tuple[int, int] | None:
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
