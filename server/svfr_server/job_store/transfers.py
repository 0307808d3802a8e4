"""What clients without a shared folder have sent, and where their jobs write.

``pieces`` holds bytes under their SHA-256; ``sets`` the files made of them, a folder for each client and set;
``results`` what jobs write for such clients. A client's folders bear a hash of its key, and no job of another
client may name them. Everything here can be sent or computed again: what was not used for ``KEPT_DAYS`` is
removed, and beyond ``limit_bytes`` nothing more is taken.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from svfr_client.errors import SvfrError
from svfr_client.files import whole_file
from svfr_client.protocol.transfers import PIECE_BYTES
from svfr_server.errors import PathForbidden, PieceIsDamaged, PieceIsMissing, TransfersAreFull
from svfr_server.roots import is_inside, real_path

GIB = 1024**3
LIMIT_BYTES = 50 * GIB
KEPT_DAYS = 7.0
SWEEP_EVERY_S = 600.0


def transfers_folder(home: Path) -> Path:
    """Return the folder in the service's home that holds all of this."""
    return home / "transfers"


def measure(home: Path) -> int:
    """Return the bytes that clients have sent and that wait to be fetched."""
    return sum(path.stat().st_size for path in transfers_folder(home).rglob("*") if path.is_file())


def clear(home: Path) -> int:
    """Remove it all and return the bytes; jobs that use it end with FRAME_MISSING, clients send again."""
    held = measure(home)
    shutil.rmtree(transfers_folder(home), ignore_errors=True)
    return held


class Transfers:
    """The pieces, sets and results of one service."""

    def __init__(self, home: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self._home = home
        self._folder = transfers_folder(home)
        self._limit = limit_bytes
        self._held_bytes: int | None = None
        self._next_sweep = 0.0

    def missing(self, pieces: Sequence[str]) -> tuple[str, ...]:
        """Return the pieces that are not here, each once; those that are count as used now."""
        return tuple(piece for piece in dict.fromkeys(pieces) if not _touch(self._piece(piece)))

    def put(self, piece: str, data: bytes) -> None:
        """Keep a piece.

        Raises :class:`PieceIsDamaged` if it is not what its name says, :class:`TransfersAreFull`.
        """
        if len(data) > PIECE_BYTES or hashlib.sha256(data).hexdigest() != piece:
            raise PieceIsDamaged("A piece is too long, or not what its name says.", remedy="Send it again.")
        path = self._piece(piece)
        if _touch(path):
            return
        self._make_room(len(data))
        _write(path, [data])

    def assemble(self, client: str, name_of_set: str, name: str, pieces: Sequence[str]) -> Path:
        """Make a file of the client's set out of pieces and return the set's folder.

        Raises :class:`PieceIsMissing` naming how many are, and :class:`TransfersAreFull`.
        """
        folder = self._folder / "sets" / _client_name(client) / name_of_set
        absent = self.missing(pieces)
        if absent:
            raise PieceIsMissing(f"{len(absent)} pieces of {name} are not here.", remedy="Send them first.")
        sources = [self._piece(piece) for piece in pieces]
        size = sum(path.stat().st_size for path in sources)
        target = folder / name
        # A set is named by its content: a file that is there and as long is this one.
        if not target.is_file() or target.stat().st_size != size:
            self._make_room(size)
            _write(target, (path.read_bytes() for path in sources))
        os.utime(folder)
        return folder

    def results(self, client: str) -> Path:
        """Return the folder below which jobs of this client may write."""
        return self._folder / "results" / _client_name(client)

    def foreign_path(self, client: str, paths: Sequence[str]) -> SvfrError | None:
        """Return the refusal of the first path that lies among what others have sent."""
        own = [self._folder / kind / _client_name(client) for kind in ("sets", "results")]
        for path in paths:
            real = real_path(path)
            if is_inside(real, [self._folder]) and not is_inside(real, own):
                return PathForbidden("The path lies among another client's files.", path=path)
        return None

    def sweep(self, now: float | None = None) -> None:
        """Remove what was not used for a week, and count what is left."""
        oldest = (time.time() if now is None else now) - KEPT_DAYS * 86400
        for piece in _children(self._folder / "pieces", 2):
            if piece.stat().st_mtime < oldest:
                piece.unlink(missing_ok=True)
        for kind in ("sets", "results"):
            for folder in _children(self._folder / kind, 2):
                if folder.stat().st_mtime < oldest:
                    shutil.rmtree(folder, ignore_errors=True)
        self._held_bytes = measure(self._home)

    def _make_room(self, size_bytes: int) -> None:
        if self._held_bytes is None or time.monotonic() > self._next_sweep:
            self._next_sweep = time.monotonic() + SWEEP_EVERY_S
            self.sweep()
        assert self._held_bytes is not None
        if self._held_bytes + size_bytes > self._limit:
            text = f"Clients have sent {self._held_bytes // GIB} GiB; the service keeps no more than that."
            raise TransfersAreFull(text, remedy="Wait until older plates are forgotten, or clear the cache.")
        self._held_bytes += size_bytes

    def _piece(self, piece: str) -> Path:
        return self._folder / "pieces" / piece[:2] / piece


def _client_name(client: str) -> str:
    return hashlib.sha256(client.encode("ascii")).hexdigest()[:16]


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
