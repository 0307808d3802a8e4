"""What clients without a shared folder have sent, and where their jobs write.

``pieces`` holds bytes under their SHA-256; ``sets`` the files made of them, a folder for each set;
``results`` what jobs write for such clients. In each a client has a folder that bears a hash of its key: no
job of another client may name it, and nobody learns what others have sent. Everything here can be sent or
computed again: what was not used for some days is removed, and beyond a quota for each client, or
``limit_bytes`` for all, nothing more is taken. The quota is kept in ``transfers.json`` in the service's
folder and read at each sweep, so that changing it needs no restart.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from svfr.validation import read_json_file
from svfr_client.connection import write_private
from svfr_client.errors import SvfrError
from svfr_client.files import whole_file
from svfr_client.protocol.transfers import PIECE_BYTES
from svfr_server.errors import DiskIsFull, PathForbidden, PieceIsDamaged, PieceIsMissing, TransfersAreFull
from svfr_server.roots import is_inside, real_path

GIB = 1024**3
LIMIT_BYTES = 50 * GIB
KEPT_FREE_BYTES = GIB
SWEEP_EVERY_S = 600.0
# Before a client is refused what is there is counted anew: it may have been cleared meanwhile.
COUNT_AGAIN_AFTER_S = 10.0
_KINDS = ("pieces", "sets", "results")
_QUOTA_FILE = "transfers.json"


@dataclass(frozen=True)
class Quota:
    """What one client may keep with the service, and how long after its last use."""

    client_bytes: int = 20 * GIB
    kept_days: float = 7.0


def read_quota(home: Path) -> Quota:
    """Return the quota; the default if none was set or the file is damaged."""
    try:
        found = read_json_file(home / _QUOTA_FILE)
        return Quota(int(found["client_bytes"]), float(found["kept_days"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Quota()


def write_quota(home: Path, quota: Quota) -> None:
    """Set the quota."""
    write_private(home / _QUOTA_FILE, json.dumps(vars(quota)) + "\n")


def transfers_folder(home: Path) -> Path:
    """Return the folder in the service's home that holds all of this."""
    return home / "transfers"


def measure(home: Path) -> int:
    """Return the bytes that clients have sent and that wait to be fetched."""
    return sum(path.stat().st_size for path in transfers_folder(home).rglob("*") if path.is_file())


def measure_clients(home: Path) -> dict[str, int]:
    """Return the bytes of each client that has any, by :func:`client_name`."""
    found: dict[str, int] = {}
    for kind in _KINDS:
        for folder in _children(transfers_folder(home) / kind, 1):
            size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            found[folder.name] = found.get(folder.name, 0) + size
    return {client: size for client, size in found.items() if size}


def clear(home: Path, client: str | None = None) -> int:
    """Remove it all, or what one client has, and return the bytes.

    ``client`` is a :func:`client_name`. Jobs that use it end with FRAME_MISSING, clients send again.
    """
    folder = transfers_folder(home)
    if client is None:
        held = measure(home)
        shutil.rmtree(folder, ignore_errors=True)
        return held
    held = measure_clients(home).get(client, 0)
    if held:  # so it is one of the names here, and no path
        for kind in _KINDS:
            shutil.rmtree(folder / kind / client, ignore_errors=True)
    return held


def client_name(public: str) -> str:
    """Return the name that the folders of the client with this public key bear."""
    return hashlib.sha256(public.encode("ascii")).hexdigest()[:16]


class Transfers:
    """The pieces, sets and results of one service."""

    def __init__(self, home: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self.home = home
        self._folder = transfers_folder(home)
        self._limit = limit_bytes
        self._quota = Quota()
        self._held: dict[str, int] | None = None
        self._swept_at = 0.0

    def missing(self, client: str, pieces: Sequence[str]) -> tuple[str, ...]:
        """Return the pieces that the client has not sent, each once; the others count as used now."""
        return tuple(piece for piece in dict.fromkeys(pieces) if not _touch(self._piece(client, piece)))

    def put(self, client: str, piece: str, data: bytes) -> None:
        """Keep a piece.

        Raises :class:`PieceIsDamaged` if it is not what its name says, :class:`TransfersAreFull`,
        :class:`DiskIsFull` before the disk is full for others.
        """
        if len(data) > PIECE_BYTES or hashlib.sha256(data).hexdigest() != piece:
            raise PieceIsDamaged("A piece is too long, or not what its name says.", remedy="Send it again.")
        path = self._piece(client, piece)
        if _touch(path):
            return
        self._make_room(client, len(data))
        _write(path, [data])

    def assemble(self, client: str, name_of_set: str, name: str, pieces: Sequence[str]) -> Path:
        """Make a file of the client's set out of pieces and return the set's folder.

        Raises :class:`PieceIsMissing` naming how many are, and as :meth:`put`.
        """
        folder = self._folder / "sets" / client_name(client) / name_of_set
        absent = self.missing(client, pieces)
        if absent:
            raise PieceIsMissing(f"{len(absent)} pieces of {name} are not here.", remedy="Send them first.")
        sources = [self._piece(client, piece) for piece in pieces]
        size = sum(path.stat().st_size for path in sources)
        target = folder / name
        # A set is named by its content: a file that is there and as long is this one.
        if not target.is_file() or target.stat().st_size != size:
            self._make_room(client, size)
            _write(target, (path.read_bytes() for path in sources))
        os.utime(folder)
        return folder

    def results(self, client: str) -> Path:
        """Return the folder below which jobs of this client may write."""
        return self._folder / "results" / client_name(client)

    def foreign_path(self, client: str, paths: Sequence[str]) -> SvfrError | None:
        """Return the refusal of the first path that lies among what others have sent."""
        own = [self._folder / kind / client_name(client) for kind in ("sets", "results")]
        for path in paths:
            real = real_path(path)
            if is_inside(real, [self._folder]) and not is_inside(real, own):
                return PathForbidden("The path lies among another client's files.", path=path)
        return None

    def sweep(self, now: float | None = None) -> None:
        """Remove what was not used for the quota's days, and count what is left."""
        self._swept_at = time.monotonic()
        self._quota = read_quota(self.home)
        oldest = (time.time() if now is None else now) - self._quota.kept_days * 86400
        for piece in (self._folder / "pieces").rglob("*"):
            if piece.is_file() and piece.stat().st_mtime < oldest:
                piece.unlink(missing_ok=True)
        for kind in ("sets", "results"):
            for folder in _children(self._folder / kind, 2):
                if folder.stat().st_mtime < oldest:
                    shutil.rmtree(folder, ignore_errors=True)
        self._held = measure_clients(self.home)

    def _make_room(self, client: str, size_bytes: int) -> None:
        """Count so many bytes as kept; raises what forbids it."""
        if self._held is None or time.monotonic() > self._swept_at + SWEEP_EVERY_S:
            self.sweep()
        name = client_name(client)
        problem = self._refusal(name, size_bytes)
        if problem is not None and time.monotonic() > self._swept_at + COUNT_AGAIN_AFTER_S:
            self.sweep()
            problem = self._refusal(name, size_bytes)
        if problem is not None:
            raise problem
        held = self._held or {}
        self._held = {**held, name: held.get(name, 0) + size_bytes}

    def _refusal(self, client: str, size_bytes: int) -> SvfrError | None:
        held, quota = self._held or {}, self._quota
        if held.get(client, 0) + size_bytes > quota.client_bytes:
            own, most = _gib(held.get(client, 0)), _gib(quota.client_bytes)
            text = f"You keep {own} with the service; a client may keep {most}."
            remedy = (
                f"What is not used goes after {quota.kept_days:g} days; the owner can clear it (svfr cache)."
            )
            return TransfersAreFull(text, remedy=remedy)
        if sum(held.values()) + size_bytes > self._limit:
            text = f"Clients have sent {_gib(sum(held.values()))}; the service keeps no more than that."
            return TransfersAreFull(text, remedy="Wait until older plates are forgotten, or clear the cache.")
        free = shutil.disk_usage(self.home).free
        if free - size_bytes < KEPT_FREE_BYTES:
            text = f"The service's disk has {_gib(free)} free, and keeps {_gib(KEPT_FREE_BYTES)} of that."
            remedy = "Free space on the server's disk; what was sent by then is not sent again."
            return DiskIsFull(text, path=self.home, remedy=remedy)
        return None

    def _piece(self, client: str, piece: str) -> Path:
        return self._folder / "pieces" / client_name(client) / piece[:2] / piece


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / GIB:.1f} GiB"


def _touch(path: Path) -> bool:
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _write(path: Path, parts: "Sequence[bytes] | Iterator[bytes]") -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # not synced: a client whose piece is lost sends it again
    with whole_file(path, durable=False) as scratch, scratch.open("wb") as file:
        for part in parts:
            file.write(part)


def _children(folder: Path, depth: int) -> Iterator[Path]:
    """Yield what lies so deep below the folder."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if depth == 1:
            yield path
        elif path.is_dir():
            yield from _children(path, depth - 1)
