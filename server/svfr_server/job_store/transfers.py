"""What clients without a shared folder have sent, and where their jobs write.

``pieces`` holds bytes under their SHA-256; ``sets`` the files made of them, a folder for each set;
``results`` what jobs write for such clients. In each a client has a folder that bears a hash of its key: no
job of another client may name it, and nobody learns what others have sent. Everything here can be sent or
computed again: what was not used for some days is removed, and beyond a quota for each client, or
``limit_bytes`` for all, nothing more is taken. The quota is kept in ``transfers.json`` in the service's
folder and read at each sweep, so that changing it needs no restart.
"""

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from svfr.validation import read_json_file
from svfr_client.connection import write_private
from svfr_client.errors import FileCannotBeWritten, SvfrError
from svfr_client.files import whole_file
from svfr_client.protocol.transfers import PIECE_BYTES
from svfr_client.sizes import size_text
from svfr_server.errors import DiskIsFull, PathForbidden, PieceIsDamaged, PieceIsMissing, TransfersAreFull
from svfr_server.job_store.held_bytes import HeldBytes, expire_count
from svfr_server.job_store.pieces import Pieces, is_made_of, is_whole, length_of, make_way, read_piece
from svfr_server.job_store.steps import Steps, finish
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
    return sum(status.st_size for _, status in _files(transfers_folder(home)))


def measure_clients(home: Path) -> dict[str, int]:
    """Return the bytes of each client that has any, by :func:`client_name`."""
    found = finish(Transfers(home).measure())
    return {client: size for client, size in found.items() if size}


def clear(home: Path, client: str | None = None) -> int:
    """Remove it all, or what one client has, and return the bytes.

    ``client`` is a :func:`client_name`. Jobs that use it end with FRAME_MISSING, clients send again.
    """
    folder = transfers_folder(home)
    if client is None:
        held = measure(home)
        shutil.rmtree(folder, ignore_errors=True)
        expire_count(home)
        return held
    held = measure_clients(home).get(client, 0)
    if held:  # so it is one of the names here, and no path
        for kind in _KINDS:
            shutil.rmtree(folder / kind / client, ignore_errors=True)
        expire_count(home)
    return held


def client_name(public: str) -> str:
    """Return the name that the folders of the client with this public key bear."""
    return hashlib.sha256(public.encode("ascii")).hexdigest()[:16]


class Transfers:
    """The pieces, sets and results of one service. Whatever reads or writes many bytes is done in steps."""

    def __init__(self, home: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self.home = home
        self._folder = transfers_folder(home)
        self._limit = limit_bytes
        self._quota = Quota()
        self._held = HeldBytes(home)

    def missing(self, client: str, pieces: Sequence[str]) -> Steps[tuple[str, ...]]:
        """Return the pieces that the client has not sent, each once; the others count as used now."""
        found = yield from self._pieces(client).find(pieces)
        return tuple(piece for piece in dict.fromkeys(pieces) if piece not in found)

    def check_room(
        self, client: str, name_of_set: str, *, pieces_bytes: int, files_bytes: int
    ) -> Steps[None]:
        """Raise what :meth:`put` or :meth:`assemble` would in the end, if all of this came now.

        ``pieces_bytes``: of pieces that are not here; ``files_bytes``: of all files of the set, with those
        that are here.
        """
        here = sum(status.st_size for _, status in _files(self._set(client, name_of_set)))
        yield
        more_bytes = pieces_bytes + max(0, files_bytes - here)
        if more_bytes:  # what takes no room is taken however full it is
            yield from self._admit(client, more_bytes, taken_bytes=0)

    def put(self, client: str, piece: str, data: bytes) -> Steps[None]:
        """Keep a piece.

        Raises :class:`PieceIsDamaged` if it is not what its name says, :class:`TransfersAreFull`,
        :class:`DiskIsFull` before the disk is full for others.
        """
        if len(data) > PIECE_BYTES or hashlib.sha256(data).hexdigest() != piece:
            raise PieceIsDamaged("A piece is too long, or not what its name says.", remedy="Send it again.")
        path = self._pieces(client).path(piece, len(data))
        if is_whole(path, len(data)):
            return
        yield from self._make_room(client, len(data))
        yield from _write(path, lambda file: _write_data(file, data))

    def assemble(self, client: str, name_of_set: str, name: str, pieces: Sequence[str]) -> Steps[Path]:
        """Make a file of the client's set out of pieces and return the set's folder.

        Everything is read: a file that is there already stays if it is just this one. Raises
        :class:`PieceIsMissing` saying how many are, also for those that the disk has spoilt since they
        came, and as :meth:`put`.
        """
        folder = self._set(client, name_of_set)
        found = yield from self._pieces(client).find(pieces)
        absent = set(pieces) - found.keys()
        if absent:
            raise PieceIsMissing(f"{len(absent)} pieces of {name} are not here.", remedy="Send them first.")
        sources, target = [found[piece] for piece in pieces], folder / name
        try:
            if not (yield from is_made_of(target, sources)):
                yield from self._make_room(client, sum(map(length_of, sources)))
                yield from _write(target, lambda file: _write_pieces(file, name, sources))
            os.utime(folder)
        except FileNotFoundError as problem:  # cleared meanwhile
            raise PieceIsMissing(f"Pieces of {name} are gone.", remedy="Send them again.") from problem
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

    def sweep(self, now: float | None = None) -> Steps[None]:
        """Remove what was not used for the quota's days, and count what is left."""
        self._quota = read_quota(self.home)
        oldest = (time.time() if now is None else now) - self._quota.kept_days * 86400
        for folder in _children(self._folder / "pieces", 2):
            for piece, status in _files(folder):
                if status.st_mtime < oldest:
                    piece.unlink(missing_ok=True)
            yield
        for kind in ("sets", "results"):
            for folder in _children(self._folder / kind, 2):
                with contextlib.suppress(FileNotFoundError):
                    if folder.stat().st_mtime < oldest:
                        shutil.rmtree(folder, ignore_errors=True)
                yield
        yield from self._held.count(self.measure)

    def measure(self) -> Steps[dict[str, int]]:
        """Return the bytes of each client's files, by :func:`client_name`."""
        found: dict[str, int] = {}
        for kind in _KINDS:
            for client in _children(self._folder / kind, 1):
                for folder in _children(client, 1):
                    size = sum(status.st_size for _, status in _files(folder))
                    found[client.name] = found.get(client.name, 0) + size
                    yield
        return found

    def _make_room(self, client: str, size_bytes: int) -> Steps[None]:
        """Count so many bytes as kept; raises what forbids it."""
        yield from self._admit(client, size_bytes, taken_bytes=size_bytes)

    def _admit(self, client: str, size_bytes: int, taken_bytes: int) -> Steps[None]:
        """Raise what forbids so many bytes, and count those that are taken now."""
        name = client_name(client)
        if self._held.age_s() > SWEEP_EVERY_S:
            yield from self.sweep()
        self._quota = read_quota(self.home)
        problem = self._held.take(name, taken_bytes, lambda held: self._refusal(held, name, size_bytes))
        if problem is not None and self._held.age_s() > COUNT_AGAIN_AFTER_S:
            yield from self.sweep()
            problem = self._held.take(name, taken_bytes, lambda held: self._refusal(held, name, size_bytes))
        if problem is not None:
            raise problem

    def _refusal(self, held: Mapping[str, int], client: str, size_bytes: int) -> SvfrError | None:
        quota, more = self._quota, size_text(size_bytes)
        if held.get(client, 0) + size_bytes > quota.client_bytes:
            own, most = size_text(held.get(client, 0)), size_text(quota.client_bytes)
            text = f"You keep {own} with the service, this takes {more} more; a client may keep {most}."
            remedy = (
                "A file takes twice its length: as what was sent, and as the file made of that. "
                f"What is not used goes after {quota.kept_days:g} days; "
                "the owner can clear it or allow more (svfr cache)."
            )
            return TransfersAreFull(text, remedy=remedy)
        if sum(held.values()) + size_bytes > self._limit:
            own, most = size_text(sum(held.values())), size_text(self._limit)
            text = f"Clients keep {own} with the service, this takes {more} more; all may keep {most}."
            return TransfersAreFull(text, remedy="Wait until older plates are forgotten, or clear the cache.")
        free = shutil.disk_usage(self.home).free
        if free - size_bytes < KEPT_FREE_BYTES:
            kept = size_text(KEPT_FREE_BYTES)
            text = f"The service's disk has {size_text(free)} free and keeps {kept} of it; this takes {more}."
            remedy = "Free space on the server's disk; what was sent by then is not sent again."
            return DiskIsFull(text, path=self.home, remedy=remedy)
        return None

    def _set(self, client: str, name_of_set: str) -> Path:
        return self._folder / "sets" / client_name(client) / name_of_set

    def _pieces(self, client: str) -> Pieces:
        return Pieces(self._folder / "pieces" / client_name(client))


def _write(path: Path, content: Callable[[BinaryIO], Steps[None]]) -> Steps[None]:
    """Write the file; its folder is made again when it is cleared meanwhile."""
    for is_last in (False, False, True):
        try:
            make_way(path)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # not synced: a client whose piece is lost sends it again
            with whole_file(path, durable=False) as scratch, scratch.open("wb") as file:
                yield from content(file)
            return
        except (FileNotFoundError, FileExistsError, FileCannotBeWritten) as problem:
            is_gone = isinstance(problem.__cause__ or problem, (FileNotFoundError, FileExistsError))
            if is_last or not is_gone:
                raise


def _write_data(file: BinaryIO, data: bytes) -> Steps[None]:
    file.write(data)
    yield


def _write_pieces(file: BinaryIO, name: str, sources: Sequence[Path]) -> Steps[None]:
    """Write the pieces in order; raises PieceIsMissing once all are known that the disk has spoilt."""
    spoilt: set[Path] = set()
    for source in sources:
        data = None if source in spoilt else read_piece(source)
        if data is None:
            spoilt.add(source)
        elif not spoilt:
            file.write(data)
        yield
    if spoilt:
        text = f"{len(spoilt)} pieces of {name} are damaged on the disk, or gone."
        raise PieceIsMissing(text, remedy="Send them again.")


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield the files below the folder; what goes meanwhile, because it is cleared, is passed over."""
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            try:
                status = path.lstat()
            except FileNotFoundError:
                continue
            yield path, status


def _children(folder: Path, depth: int) -> Iterator[Path]:
    """Yield what lies so deep below the folder."""
    try:
        inside = list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return
    for path in inside:
        if depth == 1:
            yield path
        else:
            yield from _children(path, depth - 1)
