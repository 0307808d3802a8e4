# SPDX-License-Identifier: GPL-3.0-or-later
"""Start a server on this machine: as a process of its own that outlives Blender.

The extension holds no server. It looks for the command ``svfr`` where the preferences say, in
``$SVFR_SERVER``, where `svfr install blender` noted it, and on the PATH.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .errors import NoServerCommand, ServerDidNotStart
from .svfr_client.connection import noted_server_program

START_SECONDS = 30.0
POLL_SECONDS = 0.2
# A server that nobody needs any more ends by itself after half an hour.
IDLE_EXIT_SECONDS = 1800
_TAIL_CHARACTERS = 1000
# Set by Blender or by a virtual environment for this Python; they would lead the server's astray.
_OWN_VARIABLES = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV")


def server_command(preferred: str, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the ``svfr`` program; raises NoServerCommand when it is nowhere."""
    for named in (preferred, environment.get("SVFR_SERVER", "")):
        if named:
            path = Path(named).expanduser()
            if path.is_file():
                return path.absolute()
            raise NoServerCommand(
                "The server program is not there.", path=path, remedy="Correct it in the preferences."
            )
    found = noted_server_program() or shutil.which("svfr")
    if found is None:
        raise NoServerCommand(
            "The program svfr was not found on this machine.",
            remedy="Name it in the preferences of the extension, for instance .venv/bin/svfr of the server.",
        )
    return Path(found).absolute()


def start_server(
    command: Path,
    answers: Callable[[], bool],
    keep_waiting: Callable[[], bool] = lambda: True,
    timeout_s: float = START_SECONDS,
) -> None:
    """Start ``svfr serve`` and return once ``answers()``; raises ServerDidNotStart with what it said.

    Returns early, with the server left to itself, when ``keep_waiting()`` turns false.
    """
    handle, name = tempfile.mkstemp(prefix="svfr-serve-", suffix=".log")
    environment = {key: value for key, value in os.environ.items() if key not in _OWN_VARIABLES}
    detached: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        detached = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
    try:
        process = subprocess.Popen(
            [str(command), "serve", "--idle-exit", str(IDLE_EXIT_SECONDS)],
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=handle,
            env=environment,
            **detached,
        )
    except OSError as problem:
        raise ServerDidNotStart(
            f"{command} cannot be run: {problem.strerror}.", remedy="Correct it in the preferences."
        ) from problem
    finally:
        os.close(handle)
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and keep_waiting():
        if answers():
            return
        if process.poll() is not None and not answers():
            break
        time.sleep(POLL_SECONDS)
    if keep_waiting():
        said = Path(name).read_text(encoding="utf-8", errors="replace")[-_TAIL_CHARACTERS:].strip()
        raise ServerDidNotStart(
            f"The server did not start. It said: {said or 'nothing'}", remedy="Run svfr serve in a terminal."
        )
