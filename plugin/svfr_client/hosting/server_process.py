"""Start this user's server as a process of its own that outlives the host; the one place that runs programs.

A host holds no server. It looks for the program ``svfr`` where its preferences say, in ``$SVFR_SERVER``,
where an installer noted it, and on the PATH.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, Mapping, Optional, Sequence, Union

from ..awake_clock import AwakeClock
from ..client import Client
from ..connection import (
    Connection,
    find_connection,
    joined_connection,
    make_private_folder,
    noted_server_program,
    require_own_folder,
    service_folder,
)
from ..errors import NoServer, ProgramFailed, ServerDidNotStart, ServerProgramNotFound, SvfrError
from ..files import is_file
from ..reasons import reason_of

PROGRAM_VARIABLE = "SVFR_SERVER"
# The first start after an installation reads everything from a cold, perhaps a shared disk.
START_SECONDS = 60.0
# A server that nobody needs any more ends by itself after half an hour.
IDLE_EXIT_SECONDS = 1800.0
# What `svfr serve` ends with when another server holds the folder: svfr_cli's ExitCode.NO_SERVER.
COMMAND_FOLDER_HELD = 4
_PING_SECONDS = 2.0
_POLL_SECONDS = 0.1
_TAIL_CHARACTERS = 2000
# With less a server can write neither its keys nor its store, nor say so in its log.
_LEAST_FREE_BYTES = 256 * 1024
# Set by a host, or a virtual environment, for its own Python and libraries; another Python would break.
_THE_HOSTS_OWN = frozenset(
    {
        "PYTHONPATH",
        "PYTHONHOME",
        "PYTHONSTARTUP",
        "PYTHONUSERBASE",
        "PYTHONEXECUTABLE",
        "PYTHONPLATLIBDIR",
        "__PYVENV_LAUNCHER__",
        "VIRTUAL_ENV",
        "LD_LIBRARY_PATH",
        "LD_PRELOAD",
        "DYLD_LIBRARY_PATH",
        "DYLD_FRAMEWORK_PATH",
    }
)


def find_server_program(
    preferred: str = "", noted: str = "", environment: Optional[Mapping[str, str]] = None
) -> Path:
    """Return the ``svfr`` that starts a server here.

    ``preferred`` is what the user chose, ``noted`` what the installer wrote beside the plugin. Raises
    :class:`ServerProgramNotFound` when what is named is not there, and when nothing is found.
    """
    environment = os.environ if environment is None else environment
    for named in (preferred, environment.get(PROGRAM_VARIABLE, ""), noted):
        if named:
            path = Path(os.path.expanduser(named))  # noqa: PTH111 - Path's raises for ~nobody
            if is_file(path):
                return path.absolute()
            raise ServerProgramNotFound(
                "The server program is not there.",
                path=path,
                remedy=f"Correct it in the preferences or in {PROGRAM_VARIABLE}, or install again.",
            )
    found = noted_server_program() or shutil.which("svfr", path=environment.get("PATH"))
    if found is None:
        raise ServerProgramNotFound(
            "The program svfr was not found on this machine.",
            remedy=f"Name it in the preferences or in {PROGRAM_VARIABLE}, for instance .venv/bin/svfr of the "
            "server, or name the connection file of a server elsewhere.",
        )
    return Path(found).absolute()


def clean_environment(environment: Optional[Mapping[str, str]] = None) -> Dict[str, str]:
    """Return the environment without what the host set for its own Python and libraries."""
    environment = os.environ if environment is None else environment
    return {name: value for name, value in environment.items() if name not in _THE_HOSTS_OWN}


def find_server(folder: Optional[Path] = None) -> Optional[Connection]:
    """Return the connection of a service that answers, or None; ``folder`` None is this user's own."""
    try:
        connection = find_connection(folder)
        with Client(connection, name="is there one", reply_seconds=_PING_SECONDS, attempts=1) as client:
            client.ping()
    except SvfrError:
        return None
    return connection


def ensure_server(
    preferred: str = "",
    noted: str = "",
    *,
    starting: Callable[[], None] = lambda: None,
    keep_waiting: Callable[[], bool] = lambda: True,
) -> None:
    """Start this user's server unless it answers, with the program of :func:`find_server_program`.

    ``starting`` is called once it is known that one must be started. Raises as :func:`find_server_program`
    and :func:`start_server`, which says what ``keep_waiting`` is.
    """
    if find_server() is not None:
        return
    _require_startable(service_folder())
    program = find_server_program(preferred, noted)
    starting()
    start_server([program, "serve"], keep_waiting=keep_waiting)


def start_server(
    command: Sequence[Union[str, Path]],
    folder: Optional[Path] = None,
    *,
    environment: Optional[Mapping[str, str]] = None,
    idle_exit_s: Optional[float] = IDLE_EXIT_SECONDS,
    folder_held: int = COMMAND_FOLDER_HELD,
    keep_waiting: Callable[[], bool] = lambda: True,
    timeout_s: float = START_SECONDS,
) -> None:
    """Start a server unless one answers in ``folder`` (default: this user's own), and wait until it does.

    ``command`` is ``[program, "serve"]``, or another that serves and ends with ``folder_held`` when the
    folder is held already; ``environment`` defaults to :func:`clean_environment`. The server is detached and
    writes to ``start.log`` in the folder. Returns early, with the server left to itself, when
    ``keep_waiting()`` turns false. Raises :class:`ServerDidNotStart` with the end of what it said, and as
    :func:`~svfr_client.connection.make_private_folder`.
    """
    folder = service_folder() if folder is None else folder
    if find_server(folder) is not None:
        return
    _require_startable(folder)
    make_private_folder(folder)
    idle = [] if idle_exit_s is None else ["--idle-exit", f"{idle_exit_s:g}"]
    whole = [*map(str, command), *idle]
    variables = clean_environment() if environment is None else dict(environment)
    log = folder / "start.log"
    process = _spawn(whole, folder, variables, log)
    clock = AwakeClock(most_seconds=2 * _PING_SECONDS)
    while clock.read() < timeout_s:
        if not keep_waiting() or find_server(folder) is not None:
            return
        time.sleep(_POLL_SECONDS)
        ended = process.poll()
        if ended == folder_held:  # one that was started at the same moment, or is just stopping
            process = _spawn(whole, folder, variables, log)
        elif ended is not None:
            break
    if shutil.disk_usage(str(folder)).free < _LEAST_FREE_BYTES:
        raise ServerDidNotStart(
            "The server did not start: the disk of its folder is full.",
            path=folder,
            remedy="Free space, or choose another SVFR_HOME.",
        )
    tail = _end_of(log)
    raise ServerDidNotStart(
        f"The server did not answer within {timeout_s:g} s. It said: {tail or 'nothing'}"
        if process.poll() is None
        else f"The server did not start. It said: {tail or 'nothing'}",
        path=log,
        remedy="Run `svfr serve` in a terminal to see what is wrong.",
    )


def run_to_end(command: Sequence[Union[str, Path]], timeout_s: float) -> "subprocess.CompletedProcess[bytes]":
    """Run a program without a window and return what it printed; raises :class:`ProgramFailed`."""
    hidden: Dict[str, Any] = {}
    if sys.platform == "win32":
        hidden = {"creationflags": subprocess.CREATE_NO_WINDOW}
    try:
        return subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={**clean_environment(), "PYTHONIOENCODING": "utf-8"},
            cwd=os.path.expanduser("~"),  # noqa: PTH111 - Path.home() raises where there is none
            timeout=timeout_s,
            **hidden,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise ProgramFailed(
            f"The program cannot be run: {reason_of(problem)}.",
            path=command[0],
            remedy="Name another one in the preferences, or install again.",
        ) from problem


def _require_startable(folder: Path) -> None:
    """Raise NoServer for the folder of a server elsewhere, which does not answer: none is started in it."""
    joined = joined_connection(folder)
    if joined is not None:
        raise NoServer(
            f"The server on {joined.host} ({joined.endpoint}) does not answer.",
            path=folder,
            remedy="Ask whoever runs it whether it is up. None is started in a folder that has joined one.",
        )
    require_own_folder(folder)


def _end_of(log: Path) -> str:
    try:
        return log.read_text(encoding="utf-8", errors="replace")[-_TAIL_CHARACTERS:].strip()
    except OSError:  # the server itself may have tidied its folder
        return ""


def _spawn(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path
) -> "subprocess.Popen[bytes]":
    # A link in the log's place would have the server write over whatever it leads to.
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
    try:
        output = os.open(str(log), flags, 0o600)
    except OSError as problem:
        raise ServerDidNotStart(
            f"The server's log cannot be written: {reason_of(problem)}.",
            path=log,
            remedy="Remove what lies in its place, or choose another SVFR_HOME.",
        ) from problem
    detached: Dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        detached = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**environment, "SVFR_HOME": str(folder)},
            cwd=str(folder),
            **detached,
        )
    except OSError as problem:
        raise ServerDidNotStart(
            f"{command[0]} cannot be run: {reason_of(problem)}.",
            path=command[0],
            remedy=f"Correct the server program in the preferences or in {PROGRAM_VARIABLE}.",
        ) from problem
    finally:
        os.close(output)
