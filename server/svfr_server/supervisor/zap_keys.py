"""Who may talk to the service: its own key pair, the local client's, and the folder of authorised keys.

``server.key`` and ``local.key`` hold secrets (mode 0600). ``authorised/<name>.pub`` holds one public key
each; removing the file revokes it. The folder is looked at for every handshake and request, so that neither
needs a restart. What else lies in the folder, or vanishes while it is read, lets nobody in and harms nobody.
"""

import json
import logging
import os
import re
import stat
import time
from pathlib import Path

import zmq
from zmq.utils import z85

from svfr.validation import read_json
from svfr_client.connection import KeyPair, make_private_folder, read_private, write_private
from svfr_client.errors import BadRecord
from svfr_client.reasons import reason_of
from svfr_client.records import from_plain, to_plain
from svfr_server.errors import BadKeyFile

LOCAL_CLIENT = "local"
CLIENT_DOMAIN = "clients"
WORKER_DOMAIN = "workers"
_COPY_CLIENTS_KEY = "Copy all of what `svfr key new` printed on the client's machine."
_RECENT_NS = 2_000_000_000
_READ_AGAIN_SECONDS = 0.02
_READ_FILES_SECONDS = 1.0
_log = logging.getLogger(__name__)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z")


class KeyRing:
    """The keys of one service folder."""

    def __init__(self, home: Path) -> None:
        self.home = make_private_folder(home)
        self.folder = make_private_folder(home / "authorised")
        self._stamp = (0, 0)
        self._read_at = 0.0
        self._names: dict[str, str] = {}
        self._warned: set[str] = set()

    def server_keys(self) -> KeyPair:
        """Return the service's own pair, made on first use and kept: clients recognise it by this."""
        return _load_or_make(self.home / "server.key")

    def local_keys(self) -> KeyPair:
        """Return the pair that local clients of this user share, made and authorised on first use."""
        pair = _load_or_make(self.home / "local.key")
        if self.authorised().get(pair.public) != LOCAL_CLIENT:
            self.authorise(LOCAL_CLIENT, pair.public)
        return pair

    def authorise(self, name: str, public: str) -> None:
        """Let the owner of ``public`` (Z85, 40 characters) in under ``name``; replaces that name's key."""
        write_private(self._file_of(name), check_public_key(public) + "\n")

    def revoke(self, name: str) -> None:
        """Shut ``name`` out, also where it is connected now; raises :class:`BadKeyFile` without one."""
        file = self._file_of(name)
        if not file.exists():
            raise BadKeyFile(f"No key is authorised as {name}.", path=file)
        file.unlink()

    def authorised(self) -> dict[str, str]:
        """Return the authorised public keys and their names."""
        found = {}
        try:
            names = sorted(path.name for path in self.folder.iterdir())
        except OSError as problem:
            self._warn(
                "", f"the folder of authorised keys cannot be read, nobody is let in: {reason_of(problem)}"
            )
            return {}
        self._warned &= {*names}
        for name in filter(lambda name: name.endswith(".pub"), names):
            try:
                public = _read_public_key(self.folder / name)
            except (OSError, BadKeyFile):
                self._warn(name, f"{self.folder / name} holds no public key and lets nobody in")
                continue
            if public is not None:
                found[public] = name.removesuffix(".pub")
                self._warned.discard(name)
        return found

    def _warn(self, name: str, text: str) -> None:
        """Write it to the log once, until it was well again: the folder is read every second."""
        if name not in self._warned:
            self._warned.add(name)
            _log.warning("%s", text)

    def name_of(self, public: str) -> str | None:
        """Return the name under which ``public`` is authorised now, or None; cheap enough for every request.

        Authorising and revoking replace or remove a file, which changes the folder's time. A time that is
        not yet old says little, since a second change within one tick of the file system's clock leaves it.
        A file that somebody wrote over in its place does not change the folder: those are read now and then.
        Never raises: a folder that cannot be read lets nobody in.
        """
        try:
            status = self.folder.stat()
        except OSError:
            self._stamp, self._names = (0, 0), {}
            return None
        stamp = (status.st_mtime_ns, status.st_ctime_ns)  # the latter: also of permissions that changed
        is_fresh = abs(time.time_ns() - max(stamp)) < _RECENT_NS
        age_s = time.monotonic() - self._read_at
        if stamp != self._stamp or age_s >= (_READ_AGAIN_SECONDS if is_fresh else _READ_FILES_SECONDS):
            self._read_at = time.monotonic()
            self._stamp, self._names = stamp, self.authorised()
        return self._names.get(public)

    def _file_of(self, name: str) -> Path:
        if not _NAME.match(name):
            raise BadKeyFile(f"{name!r} is no name for a key.", remedy="Use letters, digits, dot, dash.")
        return self.folder / f"{name}.pub"


def _read_public_key(path: Path) -> str | None:
    """Return the key in ``path``; None for what is gone meanwhile, a link or no file.

    Raises BadKeyFile for what is no key, and OSError.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        return check_public_key(os.read(handle, 256).decode("ascii", "replace").strip())
    finally:
        os.close(handle)


def check_public_key(public: str, remedy: str = _COPY_CLIENTS_KEY) -> str:
    """Return ``public`` if it is a Z85 key of 40 characters, else raise :class:`BadKeyFile`."""
    try:
        good = len(public) == 40 and len(z85.decode(public.encode("ascii"))) == 32
    except (ValueError, KeyError, UnicodeEncodeError):
        good = False
    if not good:
        text = f"This is no public key, which is 40 letters, digits and signs: it has {len(public)}."
        raise BadKeyFile(text, remedy=remedy)
    return public


def _load_or_make(path: Path) -> KeyPair:
    try:
        return from_plain(KeyPair, read_json(read_private(path)), "key")
    except FileNotFoundError:
        pair = KeyPair.new()
        write_private(path, json.dumps(to_plain(pair)) + "\n")
        return pair
    except (ValueError, BadRecord) as problem:
        raise BadKeyFile(
            f"The key file is not usable: {reason_of(problem)}.", path=path, remedy="Remove it."
        ) from problem


class KeyCheck:
    """Answers ZeroMQ's authentication requests (RFC 27, ZAP) from the supervisor's own loop.

    Without a ZAP handler libzmq would let any CURVE client in. ``worker_keys`` changes as workers come
    and go; a worker's key opens only the workers' endpoint and a client's only the clients'.
    """

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", ring: KeyRing) -> None:
        self.worker_keys: set[str] = set()
        self._ring = ring
        self.socket = context.socket(zmq.REP)
        self.socket.linger = 0
        self.socket.bind("inproc://zeromq.zap.01")

    def answer(self) -> None:
        """Answer one waiting request; the user id of an accepted peer is its public key."""
        frames = self.socket.recv_multipart()
        version, request = (*frames, b"", b"")[:2]
        try:
            public = self._public_key(frames)
        except Exception:  # whatever it was, this one peer is refused and the next one is served
            _log.exception("a key could not be checked")
            public = None
        if public is not None:
            reply = [version, request, b"200", b"OK", public.encode("ascii"), b""]
        else:
            reply = [version, request, b"400", b"Unknown key", b"", b""]
        self.socket.send_multipart(reply)

    def _public_key(self, frames: list[bytes]) -> str | None:
        """Return the key that ZeroMQ asks about if it opens the endpoint it knocks at."""
        _version, _request, domain, _address, _identity, mechanism, *credentials = frames
        public = z85.encode(credentials[0]).decode("ascii") if mechanism == b"CURVE" else ""
        return public if public and self._is_allowed(domain.decode("ascii", "replace"), public) else None

    def _is_allowed(self, domain: str, public: str) -> bool:
        if domain == WORKER_DOMAIN:
            return public in self.worker_keys
        return domain == CLIENT_DOMAIN and self._ring.name_of(public) is not None
