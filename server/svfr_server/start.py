"""Find the service of this user, or start one with this Python: what the command line and tests call.

Hosts, which have another Python, start the program ``svfr`` by the same means (``svfr_client.hosting``).
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from svfr_client.client import Client
from svfr_client.connection import service_folder
from svfr_client.hosting.server_process import START_SECONDS, start_server
from svfr_server.supervisor.child_process import package_environment

# What `python -m svfr_server` ends with when another server holds the folder.
MODULE_FOLDER_HELD = 2


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
    :class:`~svfr_client.errors.ServerDidNotStart` with the end of its log if it does not answer within
    ``timeout_s``.
    """
    folder = service_folder() if folder is None else folder
    start_server(
        [sys.executable, "-m", "svfr_server", *arguments],
        folder,
        environment=package_environment(),
        idle_exit_s=idle_exit_s,
        folder_held=MODULE_FOLDER_HELD,
        timeout_s=timeout_s,
    )
    return Client(folder=folder)
