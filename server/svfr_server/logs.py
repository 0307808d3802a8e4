"""Logs as one JSON object per line, with the job they belong to, in a file that rotates."""

import json
import logging
import logging.handlers
import os
import time
from pathlib import Path

LOG_FILE = "server.log"
LOG_BYTES = 5_000_000
LOG_FILES = 5


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
        job = getattr(record, "job", None)
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


def log_to_folder(folder: Path) -> Path:
    """Add ``server.log`` in ``folder``, mode 0600, rotated at 5 MB with 5 kept; returns its path."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / LOG_FILE
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    handler = logging.handlers.RotatingFileHandler(
        path, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8"
    )
    handler.setFormatter(JsonLines())
    logging.getLogger().addHandler(handler)
    return path
