"""What a host has the installed program ``svfr`` do for it: whatever needs the server's libraries.

A host has no OpenEXR, no colour engine and no face finder of ours. It runs the program that starts the
server, in a thread of its own, and reads what that prints as JSON.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from ..errors import ProgramFailed, error_from_dict
from ..json_files import read_json
from ..reasons import in_one_line
from .server_place import ServerPlace

# A page of a thousand frames of 4K takes some minutes.
MOST_SECONDS = 1800.0
_TAIL_CHARACTERS = 190


@dataclass(frozen=True)
class PageWish:
    """A result to be looked at: ``result`` and ``plate`` as patterns of files that this machine sees.

    ``frames``: those to show, "" for all. ``space`` is the colour space both are in, by the OCIO config
    ``config``; "" for what the files say. ``job`` made the result: the page has its warnings while the
    server knows it. ``opens``: the program shows it in the browser, which then
    starts without what the host set for its own libraries.
    """

    result: str
    plate: str = ""
    frames: str = ""
    space: str = ""
    config: str = ""
    job: str = ""
    opens: bool = False


def make_page(place: ServerPlace, wish: PageWish) -> Path:
    """Make the page of a result beside it, as ``svfr view`` does, and return where it is.

    Raises as :func:`run_program`.
    """
    options = {
        "--plate": wish.plate,
        "--frames": wish.frames,
        "--colorspace": wish.space,
        "--ocio": wish.config,
        "--job": wish.job,
        "--server": place.connection_file if wish.job else "",
    }
    given = [*stated(options), *(["--open"] if wish.opens else [])]
    return Path(str(_made(place, ["view", wish.result, *given], "page")["page"]))


@dataclass(frozen=True)
class MovieWish:
    """The movie of a result's frames, beside them: ``result`` is their pattern.

    ``ending``: of the file, mov, mp4 or mkv. ``fps``: the rate where the frames state none, as text.
    ``space`` and ``config`` as in :class:`PageWish`.
    """

    result: str
    ending: str
    frames: str = ""
    fps: str = ""
    space: str = ""
    config: str = ""


@dataclass(frozen=True)
class MadeMovie:
    """A movie on this machine; ``keeps_codes``: it is in the space of its frames, else in sRGB."""

    path: Path
    keeps_codes: bool
    notes: Tuple[str, ...]


def make_movie(place: ServerPlace, wish: MovieWish) -> MadeMovie:
    """Write the movie of a result beside its frames, as ``svfr movie`` does; one of that name is replaced.

    Raises as :func:`run_program`.
    """
    options = {
        "--frames": wish.frames,
        "--fps": wish.fps,
        "--colorspace": wish.space,
        "--ocio": wish.config,
    }
    given = ["movie", wish.result, "--out", wish.ending, "--overwrite", *stated(options)]
    made = _made(place, given, "movie")
    notes = tuple(str(note) for note in made.get("notes", ()))
    return MadeMovie(Path(str(made["movie"])), bool(made.get("keeps_codes")), notes)


def _made(place: ServerPlace, given: Sequence[str], kind: str) -> Dict[str, Any]:
    """Run the program and return what it prints of the page or movie that it made."""
    for row in run_program(place, given):
        if row["kind"] == kind:
            return row
    raise ProgramFailed(f"The program svfr made no {kind}.", remedy="Install again, so that both fit.")


def stated(options: Mapping[str, str]) -> List[str]:
    """Return the options that have a value as arguments, name before value."""
    return [text for name, value in options.items() if value for text in (name, value)]


def run_program(
    place: ServerPlace, arguments: Sequence[str], timeout_s: float = MOST_SECONDS
) -> List[Dict[str, Any]]:
    """Run ``svfr ARGUMENTS --json`` to its end and return what it printed, one object a line.

    Raises :class:`ServerProgramNotFound`, the error that the program itself printed, and
    :class:`ProgramFailed` when it cannot be run, takes too long or fails without a word of ours.
    """
    from .server_process import find_server_program, run_to_end

    program = find_server_program(place.program, place.noted_program)
    done = run_to_end([program, *arguments, "--json"], timeout_s)
    rows = _rows(done.stdout)
    errors = [row for row in rows if row["kind"] == "error"]
    if errors:
        raise error_from_dict({name: value for name, value in errors[0].items() if name != "kind"})
    if done.returncode != 0:
        reason = in_one_line(done.stderr.decode("utf-8", "replace")[-_TAIL_CHARACTERS:])
        raise ProgramFailed(f"svfr failed: {reason}.", path=program, remedy="Run it in a terminal.")
    return rows


def _rows(printed: bytes) -> List[Dict[str, Any]]:
    """Return the JSON objects with a kind among the lines; a library may print others."""
    rows: List[Dict[str, Any]] = []
    for line in printed.decode("utf-8", "replace").splitlines():
        try:
            row = read_json(line)
        except ValueError:
            continue
        if isinstance(row, dict) and "kind" in row:
            rows.append(row)
    return rows
