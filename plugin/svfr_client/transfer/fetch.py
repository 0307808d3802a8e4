"""A job's frames back from the server, each whole or not at all."""

import filecmp
from pathlib import Path
from typing import BinaryIO, Callable

from ..client import Client
from ..errors import FileCannotBeWritten, OutputExists, ResultIsGone, TransferWasStopped
from ..exchange import LINE_SECONDS
from ..files import is_file, whole_file
from ..protocol.transfers import AskResult, ResultPart
from ..reasons import reason_of
from ..records import from_plain, known_part, to_plain
from .handover import copy_here
from .progress import Tell, TransferProgress, tell_nobody

_DATA = "data"


class _WrittenAnew(Exception):
    """The server wrote the frame anew while it was fetched."""


def fetch_frame(
    client: Client,
    job: str,
    frame: int,
    path: Path,
    *,
    replaces: bool = True,
    tell: Tell = tell_nobody,
    keep_going: Callable[[], bool] = lambda: True,
) -> None:
    """Write the file that the job made of ``frame`` to ``path``; its folder is made if needed.

    A connection that breaks goes on in the middle of the file. Raises ResultIsGone, FileCannotBeWritten,
    TransferWasStopped, as the client does when the server stays away, and OutputExists where another file
    lies at ``path``, which is not this frame as it was fetched before, unless it ``replaces`` that.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise FileCannotBeWritten(
            f"The folder cannot be made: {reason_of(problem)}.",
            path=path.parent,
            remedy=f"Fetch the frames to another one: `svfr fetch {job} --out PATTERN`.",
        ) from problem

    def judge(scratch: Path) -> None:
        if not _is_same(scratch, path):
            raise OutputExists(
                "Another file lies in the place of this frame.",
                frame=frame,
                path=path,
                remedy="Replace it with `--existing overwrite`, or choose another place with `--out`.",
            )

    with whole_file(path, judge=None if replaces else judge) as scratch:
        _fill(client, AskResult(job, frame), scratch, tell, keep_going)


def _is_same(one: Path, other: Path) -> bool:
    return is_file(other) and filecmp.cmp(str(one), str(other), shallow=False)


def _fill(
    client: Client, asked: AskResult, scratch: Path, tell: Tell, keep_going: Callable[[], bool]
) -> None:
    """Write the whole result to ``scratch``, from its beginning where the server wrote it anew meanwhile."""
    is_whole = False
    while not is_whole:
        with scratch.open("wb") as file:
            try:
                _copy(client, asked, file, tell, keep_going)
                is_whole = True
            except _WrittenAnew:
                continue


def _copy(
    client: Client, asked: AskResult, file: BinaryIO, tell: Tell, keep_going: Callable[[], bool]
) -> None:
    stamp, done, total = "", 0, -1
    while done != total:
        if not keep_going():
            raise TransferWasStopped("Fetching was stopped.", frame=asked.frame)
        answer = client.ask(
            "result", to_plain(AskResult(asked.job, asked.frame, done)), reply_seconds=LINE_SECONDS
        )
        part = from_plain(ResultPart, known_part(ResultPart, answer.body), "reply")
        if not part.bytes:
            text = "The server no longer has this frame."
            raise ResultIsGone(text, frame=asked.frame, remedy="Hand the job in again.")
        if (stamp and part.stamp != stamp) or _DATA not in answer.buffers:
            raise _WrittenAnew
        if not done:
            tell(TransferProgress("fetch", 0, part.bytes))
        data = answer.buffers[_DATA].data
        file.write(data)
        stamp, done, total = part.stamp, done + len(data), part.bytes
        if done < total and copy_here(part, done, file):
            done = total
        tell(TransferProgress("fetch", done, total))
