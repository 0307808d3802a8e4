"""Checks every file the worker opens, at the moment it is opened.

Roots that are checked only before a job do not hold: a link may be swapped while it runs. Python tells of
every file it is about to open, rename or create (audit events, PEP 578), whichever module asks; the guard
judges the real path then. Libraries that open files in C do not ask Python: EXR headers are always read by
Python first, and where the kernel offers it ``landlock.py`` holds the roots against everything.

Two jobs may run at once, each on threads of its own, which know their job by their context. A thread of
neither, such as one that compiles networks, must respect both.
"""

import os
import stat
import sys
import tempfile
import threading
from collections.abc import Callable
from contextvars import ContextVar, Token
from pathlib import Path
from typing import Any

from svfr_client.job import JobSpec
from svfr_client.sequences import pattern_of_file
from svfr_server.errors import PathForbidden
from svfr_server.roots import PathRoots, is_inside, named_inputs, real_path
from svfr_server.worker.sources import Sources

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CREATING = {"os.mkdir": 0, "os.rename": 1, "os.link": 1, "os.symlink": 1}
_ENDING = ".exr"
_SCRATCH_ENDING = ".tmp.exr"


class FileGuard:
    """Judges the files of one job. Use it as a context manager around the pipeline.

    ``home`` is the service's own folder: its own notes there are not the job's. ``appears`` is told the path
    of every output just before it appears under its name. The guard raises PathForbidden and SourceChanged
    inside the pipeline, where the file would have been opened.

    Where a job may write it may also read what it made itself, now or in an earlier attempt: a frame is read
    again before it appears, and a job that goes on asks of what lies there whose it is.
    """

    def __init__(
        self,
        spec: JobSpec,
        roots: PathRoots,
        sources: Sources,
        appears: Callable[[str], None],
        home: Path,
    ) -> None:
        self._roots = roots
        self._sources = sources
        self._tell = appears
        self._named = tuple({Path(path).parent for path in named_inputs(spec)} | set(roots.read))
        self._home = home
        self._scratch = (Path(tempfile.gettempdir()),)
        self._output = spec.output
        self._made: set[str] = set()
        self._token: Token[FileGuard | None] | None = None

    def __enter__(self) -> "FileGuard":
        self._token = _own.set(self)
        _hook.guards = (*_hook.guards, self)
        return self

    def __exit__(self, *_: object) -> None:
        _hook.guards = tuple(guard for guard in _hook.guards if guard is not self)
        if self._token is not None:
            _own.reset(self._token)

    def opens(self, path: str, flags: int) -> None:
        """Judge a file that is about to be opened."""
        if _is_special(path):
            text, remedy = (
                "This is neither a file nor a folder.",
                "Pipes, devices and sockets are not opened.",
            )
            raise PathForbidden(text, path=path, remedy=remedy)
        if flags & _WRITING:
            self.creates(path)
            if path.lower().endswith(_ENDING):
                self._made.add(path)
        else:
            self._sources.check(path)
            if (
                (self._roots.read or self._roots.hidden)
                and self._is_named(path)
                and not self._is_scratch(path)
                and not self._is_own(path)
            ):
                _raise(self._roots.read_problem(path))

    def creates(self, path: str) -> None:
        """Judge a file or folder that is about to be made or replaced."""
        is_output = path.lower().endswith(_ENDING) or self._is_named(path)
        if is_output and not self._is_scratch(path):
            _raise(self._roots.write_problem(path))

    def appears(self, path: str, scratch: str) -> None:
        """Judge, and tell of, a file that is about to appear under its name."""
        self.creates(path)
        self._made.discard(scratch)
        if path.lower().endswith(_ENDING) and not path.lower().endswith(_SCRATCH_ENDING):
            self._tell(path)

    def _is_named(self, path: str) -> bool:
        """Whether the path is written below a folder the job names; others are a library's own files."""
        if Path(path).is_relative_to(self._home):
            return False
        return any(Path(path).is_relative_to(folder) for folder in self._named)

    def _is_own(self, path: str) -> bool:
        """Whether this job makes the path, or an attempt before it has, in a place where it may write."""
        is_output = path == self._output or pattern_of_file(path, like=self._output) == self._output
        return (path in self._made or is_output) and self._roots.write_problem(path) is None

    def _is_scratch(self, path: str) -> bool:
        return any(Path(path).is_relative_to(folder) for folder in self._scratch) and is_inside(
            real_path(path), self._scratch
        )


class _AuditHook:
    """Where the interpreter's one hook, which cannot be removed, finds the guards of the running jobs."""

    def __init__(self) -> None:
        self.guards: tuple[FileGuard, ...] = ()
        self.is_installed = False
        self._judging = threading.local()

    def judge(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Check an audit event against its job's rights; raises what the guard raises."""
        if not self.guards or (event != "open" and event not in _CREATING):
            return
        if getattr(self._judging, "now", False):
            return  # what the guard itself touches
        self._judging.now = True
        try:
            own = _own.get()
            for guard in self.guards if own is None else (own,):
                _judge_by(guard, event, arguments)
        finally:
            self._judging.now = False


def _judge_by(guard: FileGuard, event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open":
        path, _, flags = arguments
        if isinstance(path, str | bytes | os.PathLike):
            guard.opens(_absolute(path), int(flags or 0))
    elif event in ("os.rename", "os.link"):
        guard.appears(_absolute(arguments[1]), _absolute(arguments[0]))
    else:
        guard.creates(_absolute(arguments[_CREATING[event]]))


def _is_special(path: str) -> bool:
    """Whether opening the path could wait for ever: a pipe, a socket, a device outside /dev."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - called at every open
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or (stat.S_ISCHR(mode) and not path.startswith("/dev/"))


def _absolute(path: Any) -> str:
    return os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - links must stay


def _raise(problem: Exception | None) -> None:
    if problem is not None:
        raise problem


_hook = _AuditHook()
_own: ContextVar[FileGuard | None] = ContextVar("svfr_file_guard", default=None)


def install() -> None:
    """Put the hook into this interpreter; once is enough, and it cannot be undone."""
    if not _hook.is_installed:
        _hook.is_installed = True
        sys.addaudithook(_hook.judge)
