"""Where the frames are that a server elsewhere writes under its names of this machine's folders.

A server that sees the plate writes in place, and its place may all the same be another disk than this
machine's of that name. The first frame tells: the very file is here, or not.
"""

import contextlib
import enum
from pathlib import Path

from ..client import Client
from ..errors import PathIsNotMapped, ReportedError
from ..files import is_there, open_regular
from ..frames import FrameRange
from ..output_names import files_named
from ..path_map import PathMap
from ..protocol.messages import JobStatus
from ..protocol.transfers import AskResult, ResultPart
from ..records import from_plain, known_part, to_plain

# The first minor version of the protocol in which a frame can be asked for.
RESULTS_MINOR = 1


class Place(enum.Enum):
    """HERE: this machine sees the server's disk; the others are of a disk that it does not see.

    WANTED: the plate is here, under the same name, and its frames belong beside it. THERE: the job names what
    only the server has, and its frames stay with that.
    """

    HERE = "here"
    WANTED = "wanted"
    THERE = "there"


def place_of_frames(client: Client, job: str, frame: int, path: Path, paths: PathMap) -> Place:
    """Return where a job's frames are, by one of them, which should lie at ``path``.

    A server that cannot be asked is taken at its word: HERE. Raises as the client does when it stays away.
    """
    if client.met().minor < RESULTS_MINOR:
        return Place.HERE
    try:
        if _is_same(client, AskResult(job, frame), path):
            return Place.HERE
        return Place.WANTED if _has_plate(client.status(job), paths) else Place.THERE
    except ReportedError:
        return Place.HERE


def _is_same(client: Client, asked: AskResult, path: Path) -> bool:
    """Return whether the frame at ``path`` has the length and the beginning of the server's.

    The beginning holds the header, which names the job: an older picture of the same length is another.
    """
    answer = client.ask("result", to_plain(asked))
    part = from_plain(ResultPart, known_part(ResultPart, answer.body), "reply")
    if not part.bytes or "data" not in answer.buffers:
        return True  # the server does not have it any more either
    beginning = answer.buffers["data"].data
    with contextlib.suppress(OSError), open_regular(path) as file:
        return path.stat().st_size == part.bytes and file.read(len(beginning)) == bytes(beginning)
    return False


def _has_plate(status: JobStatus, paths: PathMap) -> bool:
    with contextlib.suppress(PathIsNotMapped):
        plate = paths.to_client(status.plate)
        return any(map(is_there, files_named(plate, FrameRange.parse(status.frames).frames)))
    return False
