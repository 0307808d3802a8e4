"""Find the service of this user, or start one: what the command line, hosts and farm tasks call."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from svfr_client.client import Client
from svfr_client.connection import Connection, find_connection, make_private_folder, service_folder
from svfr_client.errors import SvfrError
from svfr_server.errors import ServerDidNotStart
from svfr_server.supervisor.child_process import package_environment

START_SECONDS = 30.0
PING_SECONDS = 2.0
POLL_SECONDS = 0.1
TAIL_CHARACTERS = 2000
ANOTHER_RUNS = 2


def find_server(folder: Path | None = None) -> Connection | None:
    """Return the connection of a service that answers, or None; ``folder`` None is this user's own."""
    try:
        connection = find_connection(folder)
        with Client(connection, name="svfr_server.start", reply_seconds=PING_SECONDS, attempts=1) as client:
            client.ping()
    except SvfrError:
        return None
    return connection


def start_local_server(
    folder: Path | None = None,
    *,
    idle_exit_s: float | None = None,
    arguments: Sequence[str] = (),
    timeout_s: float = START_SECONDS,
) -> Client:
    """Return a client of the running service, after starting one if there is none; close it after use.

    The service is detached: it survives this process, and ends by itself after ``idle_exit_s`` seconds
    without work, if given. ``arguments`` are further options of ``python -m svfr_server``. Raises
    :class:`~svfr_server.errors.ServerDidNotStart` with the end of its log if it does not answer within
    ``timeout_s``.
    """
    folder = service_folder() if folder is None else folder
    if find_server(folder) is not None:
        return Client(folder=folder)
    make_private_folder(folder)
    process, log = _spawn(folder, idle_exit_s, arguments)
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if find_server(folder) is not None:
            return Client(folder=folder)
        time.sleep(POLL_SECONDS)
        ended = process.poll()
        if ended == ANOTHER_RUNS:  # one that was started at the same moment, or is just stopping
            process, log = _spawn(folder, idle_exit_s, arguments)
        elif ended is not None:
            break
    tail = log.read_text(encoding="utf-8", errors="replace")[-TAIL_CHARACTERS:].strip()
    raise ServerDidNotStart(
        f"The service did not answer within {timeout_s:g} s. It said: {tail or 'nothing'}",
        path=log,
        remedy="Run `svfr serve` in a terminal to see what is wrong.",
    )


def _spawn(
    folder: Path, idle_exit_s: float | None, arguments: Sequence[str]
) -> tuple["subprocess.Popen[bytes]", Path]:
    command = [sys.executable, "-m", "svfr_server", *arguments]
    if idle_exit_s is not None:
        command += ["--idle-exit", f"{idle_exit_s:g}"]
    log = folder / "start.log"
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    environment = dict(package_environment(), SVFR_HOME=str(folder))
    detached: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        detached = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            cwd=folder,
            **detached,
        )
    finally:
        os.close(output)
    return process, log
