"""A result that a command is to show: which words name a job, and what lies beside its frames."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from svfr_client.frames import FrameRange
from svfr_client.output_names import output_path
from svfr_client.sequences import pattern_of_file
from svfr_client.server_naming import option_of
from svfr_client.transfer.delivery import Delivery
from svfr_client.transfer.own_names import is_private
from svfr_view.errors import NothingToView

from .elsewhere import client_at, place_of

if TYPE_CHECKING:
    from svfr_client.client import Client
    from svfr_client.protocol.messages import Event
    from svfr_restore.media.plate import Plate


@dataclass(frozen=True)
class WrittenResult:
    """What a job wrote until now: the pattern of its files, their frames, what came in, what it warned of.

    The pattern is that of the files: a job that must not overwrite writes a higher version than it names.
    """

    pattern: str
    frames: str
    plate: str | None
    warnings: tuple[Event, ...]


def result_of_job(client: Client, job: str) -> WrittenResult:
    """Return what a job of this server wrote until now; raises NothingToView when that is nothing yet."""
    state = client.status(job)
    paths: dict[int, str] = {}
    warnings = []
    for event in client.follow(job):
        if event.kind == "frame":
            paths[int(event.body["frame"])] = str(event.body["path"])
        elif event.kind == "warning":
            warnings.append(event)
        if event.seq >= state.last_seq:
            break
    if not paths:
        raise NothingToView(
            f"The job has written no frame; it is {state.state.value}.",
            path=state.output,
            remedy="Wait for its first frames, or look at its errors with svfr status.",
        )
    newest = next(reversed(paths.values()))
    pattern = pattern_of_file(newest, like=state.output) or newest
    return WrittenResult(pattern, str(FrameRange.of(sorted(paths))), state.plate, tuple(warnings))


def result_here(job: str, server: str | None, name: str) -> WrittenResult:
    """Return what a job wrote by this machine's names, also one of a server elsewhere.

    ``server`` is as in :func:`~svfr_cli.elsewhere.place_of`, ``name`` for its log. Raises NothingToView when
    the frames were not fetched to this machine.
    """
    place = place_of(server)
    with client_at(server, name) as client:
        written = result_of_job(client, job)
    if not place.is_remote:
        return written
    rules = place.path_map()
    fetched = Delivery.noted(job, rules).output
    pattern = fetched or rules.to_client(written.pattern)
    frames = [
        frame for frame in FrameRange.parse(written.frames) if Path(output_path(pattern, frame)).is_file()
    ]
    if not frames or (fetched is None and is_private(written.pattern)):
        raise NothingToView(
            "The frames of this job are with the server elsewhere.",
            remedy=f"Fetch them first: svfr fetch {job}{option_of(server)} --out PATTERN",
        )
    plate = None if written.plate is None or is_private(written.plate) else rules.to_client(written.plate)
    return replace(written, pattern=pattern, frames=str(FrameRange.of(frames)), plate=plate)


def is_job(target: str) -> bool:
    """Return whether JOB|OUTPUT names a job: paths have a point or a slash."""
    return not any(sign in target for sign in "./\\")


def beside_frames(result: Plate, ending: str) -> Path:
    """Return the file beside a result that has its name and another ending."""
    return result.path(result.frames[0]).with_name(name_beside(result.pattern, ending).name)


def name_beside(pattern: str, ending: str) -> Path:
    """Return the file beside the frames of a pattern that has their name and another ending."""
    stem = Path(pattern).name.split("%")[0].split("#")[0].rstrip("._-") or Path(pattern).stem
    return Path(pattern).with_name(f"{stem}{ending}")
