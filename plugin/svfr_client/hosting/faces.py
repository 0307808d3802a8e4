"""The faces of a plate, as ``svfr faces`` finds them for a host: who is where in which frame."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ..errors import ProgramFailed
from ..json_files import read_json_file
from ..reasons import reason_of
from .program import run_program, stated
from .server_place import ServerPlace


@dataclass(frozen=True)
class Square:
    """Where a face's crop lies in one frame, in plate pixels: x right, y down."""

    centre_x: float
    centre_y: float
    side_px: float

    def holds(self, x: float, y: float) -> bool:
        """Return whether a place lies inside."""
        return max(abs(x - self.centre_x), abs(y - self.centre_y)) <= self.side_px / 2


@dataclass(frozen=True)
class FoundFace:
    """One face track: the ``id`` that a job takes, a ``place`` in its best frame, its crop by plate frame."""

    id: str
    place: str
    squares: Mapping[int, Square]


@dataclass(frozen=True)
class FacesWish:
    """A plate whose faces are to be found: ``frames`` of it, and what its colours mean ("": what it says)."""

    plate: str
    frames: str
    space: str = ""
    config: str = ""
    missing: str = "error"


def find_faces(place: ServerPlace, wish: FacesWish) -> Tuple[FoundFace, ...]:
    """Find the faces of a plate on this machine; raises as :func:`~.program.run_program`, and NO_FACE."""
    options = {"--frames": wish.frames, "--colorspace": wish.space, "--ocio": wish.config}
    with tempfile.TemporaryDirectory(prefix="svfr-faces-") as name:
        folder = Path(name)
        files = ["--out", str(folder / "sheet.png"), "--tracks", str(folder / "tracks.json")]
        rows = run_program(place, ["faces", wish.plate, *stated(options), "--missing", wish.missing, *files])
        try:
            tracks = read_json_file(folder / "tracks.json")["tracks"]
            return faces_of([row for row in rows if row["kind"] == "face"], tracks)
        except (OSError, KeyError, TypeError, ValueError, IndexError) as problem:
            raise ProgramFailed(
                f"svfr told the faces in a form that is not known here: {reason_of(problem)}.",
                remedy="Install again, so that both fit.",
            ) from problem


def faces_of(rows: Sequence[Mapping[str, Any]], tracks: Sequence[Mapping[str, Any]]) -> Tuple[FoundFace, ...]:
    """Return the faces that ``svfr faces`` printed, with their squares from its crop-track file."""
    squares: Dict[int, Dict[int, Square]] = {}
    for track in tracks:
        series: List[Any] = [track[name] for name in ("centre_x", "centre_y", "side_px")]
        lengths = [len(values) for values in series if isinstance(values, list)]
        for step in range(max(lengths, default=1)):
            numbers = [float(v[step]) if isinstance(v, list) else float(v) for v in series]
            squares.setdefault(int(track["index"]), {})[int(track["first_frame"]) + step] = Square(*numbers)
    return tuple(
        FoundFace(str(row["id"]), str(row["place"]), squares.get(int(row["face"]), {})) for row in rows
    )


def face_at(faces: Sequence[FoundFace], frame: int, x: float, y: float) -> Optional[FoundFace]:
    """Return the face whose crop holds a place of a frame, the smallest of several; None for none."""
    holding = [face for face in faces if frame in face.squares and face.squares[frame].holds(x, y)]
    return min(holding, key=lambda face: face.squares[frame].side_px, default=None)
