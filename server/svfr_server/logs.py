"""Logs as one JSON object per line, with the job they belong to, in files that rotate.

The service writes ``server.log``, each device's worker ``worker-<device>.log`` beside it: a file has one
writer, or rotating it would lose lines. A line belongs to the job of the thread that logs it; while one job
runs, all that is logged, by whichever library or thread, belongs to it.
"""

import json
import logging
import logging.handlers
import os
import time
from contextvars import ContextVar
from io import TextIOWrapper
from pathlib import Path
from typing import cast

LOG_FILE = "server.log"
LOG_BYTES = 5_000_000
LOG_FILES = 5
_own: ContextVar[str | None] = ContextVar("svfr_job", default=None)
_running: list[str] = []


class JsonLines(logging.Formatter):
    """time, level, logger, process, job (if any), message, and a traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return ``record`` as one line of JSON."""
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{record.msecs:03.0f}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        job = getattr(record, "job", None) or _job_of_this_thread()
        if job is not None:
            line["job"] = job
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def log_to_stderr() -> None:
    """Send this process's log to its standard error, which the service's starter sends to a file."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def log_job(job: str | None) -> None:
    """Name the job in every line of this thread, and of those it starts, from now on; None: no job."""
    former = _own.get()
    if former in _running:
        _running.remove(former)
    _own.set(job)
    if job is not None:
        _running.append(job)


def _job_of_this_thread() -> str | None:
    own, running = _own.get(), tuple(_running)
    return running[0] if own is None and len(running) == 1 else own


def log_to_folder(folder: Path, name: str = LOG_FILE) -> Path:
    """Add the log ``name`` in ``folder``, mode 0600, rotated at 5 MB with 5 kept; returns its path."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / name
    handler = _PrivateRotatingFile(path, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8")
    handler.setFormatter(JsonLines())
    logging.getLogger().addHandler(handler)
    return path


class _PrivateRotatingFile(logging.handlers.RotatingFileHandler):
    """Every new file has mode 0600, whatever the umask; one that was removed or moved away is made anew."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line into the file that has the name now."""
        try:
            self._follow_name()
        except Exception:
            self.handleError(record)
            return
        super().emit(record)

    def _follow_name(self) -> None:
        try:
            named = Path(self.baseFilename).stat()
        except FileNotFoundError:
            named = None
        open_now = None if self.stream is None else os.fstat(self.stream.fileno())
        if named is None or open_now is None or not os.path.samestat(named, open_now):
            if self.stream is not None:
                # gone from here first: where the new one cannot be opened, the next line tries again
                stream, self.stream = self.stream, None
                stream.close()
            Path(self.baseFilename).parent.mkdir(mode=0o700, exist_ok=True)
            self.stream = self._open()

    def _open(self) -> TextIOWrapper:
        handle = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return cast(TextIOWrapper, os.fdopen(handle, self.mode, encoding=self.encoding))
