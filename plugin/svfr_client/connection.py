"""Where client and service of one user meet: the private folder, the connection file, the keys.

Both sides call :func:`service_folder`; nothing else decides the place. The folder belongs to one user on
one machine (home folders may be shared by many machines), has mode 0700, and every file with a secret has
mode 0600 from the moment it exists. ``SVFR_HOME`` names another folder, for tests and for several services.
"""

import json
import os
import re
import socket
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Mapping, Optional

import zmq

from .errors import BadConnectionFile, FolderIsNotPrivate, NoServer, SvfrError
from .files import write_whole
from .reasons import reason_of
from .records import Record, from_plain, to_plain

CONNECTION_FILE = "connection.json"
CONNECTION_FORMAT = 1
PROGRAM_FILE = "program.txt"
_START_REMEDY = "Start one with `svfr serve`."


@dataclass(frozen=True)
class KeyPair(Record):
    """A CURVE key pair as Z85 text, 40 characters each."""

    public: str
    secret: str

    @classmethod
    def new(cls) -> "KeyPair":
        """Return a fresh pair. Call it before sockets are opened in the same process.

        The public key never begins with "-": people hand it to commands, which would take it for an option.
        """
        public, secret = zmq.curve_keypair()
        while public.startswith(b"-"):
            public, secret = zmq.curve_keypair()
        return cls(public.decode("ascii"), secret.decode("ascii"))

    def __repr__(self) -> str:
        return f"KeyPair(public={self.public!r})"


@dataclass(frozen=True)
class Connection(Record):
    """What a client needs to reach a service; ``boot`` is new each time the service starts."""

    endpoint: str
    server_key: str
    keys: KeyPair
    boot: str
    pid: int
    host: str

    def save(self, path: Path) -> None:
        """Write the connection file, private and at once."""
        write_private(path, json.dumps({"format": CONNECTION_FORMAT, **to_plain(self)}, indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Connection":
        """Read a connection file.

        Raises :class:`NoServer` if there is none, :class:`FolderIsNotPrivate` if others can read it and
        :class:`BadConnectionFile` if it is not what a service writes.
        """
        try:
            text = read_private(path)
        except FileNotFoundError:
            raise NoServer("No service is running here.", path=path, remedy=_START_REMEDY) from None
        try:
            data: Dict[str, Any] = json.loads(text)
            if data.pop("format") != CONNECTION_FORMAT:
                raise BadConnectionFile("The connection file has another format.", path=path)
            connection = from_plain(cls, data, "connection")
        except (ValueError, AttributeError, KeyError, TypeError) as problem:
            raise BadConnectionFile(
                f"The connection file is damaged: {reason_of(problem)}.", path=path
            ) from problem
        except SvfrError as problem:
            raise BadConnectionFile(problem.message, path=path, remedy="Restart the service.") from problem
        for key in (connection.server_key, connection.keys.public, connection.keys.secret):
            if len(key) != 40:
                raise BadConnectionFile("A key in the connection file is not 40 characters.", path=path)
        return connection


def service_folder(environment: Optional[Mapping[str, str]] = None) -> Path:
    """Return the folder of this user's service on this machine; it need not exist yet.

    ``$SVFR_HOME`` if set; else ``svfr/<machine name>`` in the user's state folder: ``$XDG_STATE_HOME`` or
    ``~/.local/state``, on macOS ``~/Library/Application Support``, on Windows ``%LOCALAPPDATA%``.
    """
    environment = os.environ if environment is None else environment
    if environment.get("SVFR_HOME"):
        return Path(environment["SVFR_HOME"]).expanduser().absolute()
    if sys.platform == "win32":
        base = Path(environment.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(environment.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    machine = re.sub(r"[^A-Za-z0-9.-]", "_", socket.gethostname()) or "localhost"
    return base / "svfr" / machine


def find_connection(folder: Optional[Path] = None) -> Connection:
    """Return the connection of the service that runs in ``folder`` (default: this user's own).

    Raises as :meth:`Connection.load`. That the file is there does not prove that the service still lives.
    """
    folder = service_folder() if folder is None else folder
    if folder.exists():
        check_private(folder)
    return Connection.load(folder / CONNECTION_FILE)


def note_server_program(program: Path, folder: Optional[Path] = None) -> None:
    """Note which ``svfr`` starts this user's service, for hosts that know of none."""
    folder = make_private_folder(service_folder() if folder is None else folder)
    write_private(folder / PROGRAM_FILE, f"{program}\n")


def noted_server_program(folder: Optional[Path] = None) -> Optional[Path]:
    """Return the program of :func:`note_server_program`; None if none was noted or it is no longer there."""
    file = (service_folder() if folder is None else folder) / PROGRAM_FILE
    try:
        program = Path(read_private(file).strip())
    except (OSError, ValueError, FolderIsNotPrivate):
        return None
    return program if program.is_file() else None


def make_private_folder(folder: Path) -> Path:
    """Create ``folder`` with mode 0700 if needed and return it; raises if others can get in."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_private(folder)
    return folder


def check_private(path: Path) -> None:
    """Raise :class:`FolderIsNotPrivate` unless ``path`` is this user's and closed to everybody else.

    On Windows the profile folder's access list does this; there is nothing to check.
    """
    if sys.platform == "win32":
        return
    status = path.stat()
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid != os.getuid():
        raise FolderIsNotPrivate("It belongs to another user.", path=path, remedy="Choose another SVFR_HOME.")
    if mode & 0o077:
        wanted = "700" if path.is_dir() else "600"
        raise FolderIsNotPrivate(
            f"It has mode {mode:o}, so others can get at it.", path=path, remedy=f"Run chmod {wanted} on it."
        )


def read_private(path: Path) -> str:
    """Return the text of a file only this user can read; raises FileNotFoundError if it is not there."""
    check_private(path)
    return path.read_text(encoding="utf-8")


def write_private(path: Path, text: str) -> None:
    """Write ``text`` so that the file is never readable by others and never half there."""
    write_whole(path, text, private=True)
