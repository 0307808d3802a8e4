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

from .errors import BadConnectionFile, FileCannotBeWritten, FolderIsNotPrivate, NoServer, SvfrError
from .files import is_file, is_folder, open_regular, write_whole
from .json_files import read_json
from .reasons import reason_of
from .records import Record, from_plain, to_plain

CONNECTION_FILE = "connection.json"
CONNECTION_FORMAT = 1
CLIENT_KEY_FILE = "client.key"
SERVER_KEY_FILE = "server.key"
PROGRAM_FILE = "program.txt"
_DAMAGED_REMEDY = "Restart the service; of a server elsewhere, fetch its connection file again."
_FOLDER_REMEDY = "Name a folder that you can write to in SVFR_HOME, or leave it unset."
_JOIN_REMEDY = "Name the folder that `svfr key join` made, or connection.json in it."
_START_REMEDY = "Start one with `svfr serve`, or join one elsewhere with `svfr key join`."


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

    @property
    def is_elsewhere(self) -> bool:
        """Whether `svfr key join` made it: the service is another's, and no process of this machine."""
        return self.pid == 0

    def require_known_host(self) -> None:
        """Raise :class:`NoServer` when this machine knows no address for the name in the endpoint."""
        name = self.endpoint.rpartition("://")[2].rpartition(":")[0].strip("[]")
        try:
            socket.getaddrinfo(name, None)
        except (OSError, UnicodeError) as problem:
            raise NoServer(
                f"This machine knows no address for {name}: {reason_of(problem)}.",
                remedy="See whether the name is right and the network up, or join by the address in numbers.",
            ) from problem

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
            raise _absent(path) from None
        except (OSError, ValueError) as problem:
            raise _bad(f"The connection file cannot be read: {reason_of(problem)}.", path) from problem
        try:
            data: Dict[str, Any] = read_json(text)
            if data.pop("format") != CONNECTION_FORMAT:
                raise _bad("The connection file has another format.", path)
            connection = from_plain(cls, data, "connection")
        except (ValueError, AttributeError, KeyError, TypeError) as problem:
            raise _bad(f"The connection file is damaged: {reason_of(problem)}.", path) from problem
        except SvfrError as problem:
            raise _bad(problem.message, path) from problem
        for key in (connection.server_key, connection.keys.public, connection.keys.secret):
            if len(key) != 40:
                raise _bad("A key in the connection file is not 40 characters.", path)
        return connection


def _absent(path: Path) -> NoServer:
    """Return why there is no connection file: nothing of that name, an empty folder, or no join yet."""
    if path.name != CONNECTION_FILE:
        return NoServer("There is no such folder or file.", path=path, remedy=_JOIN_REMEDY)
    folder = path.parent
    if os.path.lexists(folder / CLIENT_KEY_FILE):
        return _not_joined(folder)
    text = "There is no connection file in it." if is_folder(folder) else "There is no such folder."
    return NoServer(text, path=folder, remedy=_JOIN_REMEDY)


def _bad(message: str, path: Path) -> BadConnectionFile:
    return BadConnectionFile(message, path=path, remedy=_DAMAGED_REMEDY)


def service_folder(environment: Optional[Mapping[str, str]] = None) -> Path:
    """Return the folder of this user's service on this machine; it need not exist yet.

    ``$SVFR_HOME`` if set; else ``svfr/<machine name>`` in the user's state folder: ``$XDG_STATE_HOME`` or
    ``~/.local/state``, on macOS ``~/Library/Application Support``, on Windows ``%LOCALAPPDATA%``. Raises
    :class:`FileCannotBeWritten` when ``$SVFR_HOME`` begins with the home folder of nobody.
    """
    environment = os.environ if environment is None else environment
    if environment.get("SVFR_HOME"):
        named = Path(environment["SVFR_HOME"])
        try:
            return named.expanduser().absolute()
        except RuntimeError as problem:  # ~name of somebody who is not known
            raise FileCannotBeWritten(
                "The home folder in SVFR_HOME is nobody's.", path=named, remedy=_FOLDER_REMEDY
            ) from problem
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
    if is_folder(folder):
        check_private(folder)
    file = folder / CONNECTION_FILE
    if not os.path.lexists(file) and not os.path.lexists(folder / CLIENT_KEY_FILE):
        raise NoServer("No service is running here.", path=file, remedy=_START_REMEDY)
    return Connection.load(file)


def joined_connection(folder: Optional[Path] = None) -> Optional[Connection]:
    """Return the connection to a server elsewhere that ``folder`` (default: this user's) joined, if any."""
    try:
        connection = find_connection(folder)
    except SvfrError:
        return None
    return connection if connection.is_elsewhere else None


def require_own_folder(folder: Optional[Path] = None) -> Path:
    """Return ``folder`` (default: this user's), where a server of this machine may live and be looked after.

    Raises :class:`NoServer` for the folder of a client of a server elsewhere: a server started there would
    write over the connection file, and its keys and cache are on the other machine.
    """
    folder = service_folder() if folder is None else folder
    joined = joined_connection(folder)
    if joined is not None:
        raise NoServer(
            f"This folder is joined to the server on {joined.host} ({joined.endpoint}).",
            path=folder,
            remedy="Do it on that machine, or unset SVFR_HOME for this machine's own server.",
        )
    if os.path.lexists(folder / CLIENT_KEY_FILE) and not os.path.lexists(folder / SERVER_KEY_FILE):
        raise _not_joined(folder)
    return folder


def _not_joined(folder: Path) -> NoServer:
    return NoServer(
        "This folder has the key of a client, but no usable connection to a server.",
        path=folder,
        remedy="Join the server with `svfr key join`, as `svfr key authorize` there prints it.",
    )


def note_server_program(program: Path, folder: Optional[Path] = None) -> None:
    """Note which ``svfr`` starts this user's service, for hosts that know of none."""
    folder = make_private_folder(service_folder() if folder is None else folder)
    write_private(folder / PROGRAM_FILE, f"{program}\n")


def noted_server_program(folder: Optional[Path] = None) -> Optional[Path]:
    """Return the program of :func:`note_server_program`; None if none was noted or it is no longer there."""
    try:
        file = (service_folder() if folder is None else folder) / PROGRAM_FILE
        program = Path(read_private(file).strip())
        return program if is_file(program) else None
    except (OSError, ValueError, FolderIsNotPrivate, FileCannotBeWritten):
        return None


def make_private_folder(folder: Path) -> Path:
    """Create ``folder`` with mode 0700 if needed and return it.

    Raises :class:`FileCannotBeWritten` if it cannot be made and :class:`FolderIsNotPrivate` if others can
    get in.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, ValueError) as problem:
        reason = "the path holds a zero character" if isinstance(problem, ValueError) else reason_of(problem)
        raise FileCannotBeWritten(
            f"The service's folder cannot be made: {reason}.", path=folder, remedy=_FOLDER_REMEDY
        ) from problem
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
        wanted = "700" if is_folder(path) else "600"
        raise FolderIsNotPrivate(
            f"It has mode {mode:o}, so others can get at it.", path=path, remedy=f"Run chmod {wanted} on it."
        )


def read_private(path: Path) -> str:
    """Return the text of a file only this user can read; raises FileNotFoundError if it is not there."""
    check_private(path)
    with open_regular(path) as file:
        return file.read().decode("utf-8")


def write_private(path: Path, text: str) -> None:
    """Write ``text`` so that the file is never readable by others and never half there."""
    write_whole(path, text, private=True)
