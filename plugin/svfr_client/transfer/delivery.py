"""Where the frames of a job go on this machine: they are there, or must be fetched.

Where frames are to be fetched to is noted for as long as the server keeps them, so that a host that was
started again still knows it, and a later look at the job finds them: beside the connection, so that it is
found however the server is named, or in this user's own folder where the connection's is not this user's.
"""

import contextlib
import json
import shlex
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Callable, Dict, List, Mapping, Optional, Tuple

from ..client import Client
from ..connection import check_private, make_private_folder, service_folder, write_private
from ..errors import OutputExists, ResultIsGone, SvfrError, TransferWasStopped
from ..frames import FrameRange
from ..json_files import read_json_file
from ..output_names import output_path
from ..path_map import PathMap
from ..protocol.messages import Event, JobState, check_job_id
from ..reasons import reason_of
from ..records import from_plain, to_plain
from ..sequences import pattern_of_file
from .fetch import fetch_frame
from .in_place import Place, place_of_frames
from .own_names import OwnNames
from .progress import Tell, tell_nobody

_FOLDER = "deliveries"
# The server forgets results that were not fetched for a week.
_KEPT_SECONDS = 8 * 86400.0


@dataclass(frozen=True)
class Delivery:
    """``output``: this machine's pattern for frames that are fetched; None: the server wrote them in place.

    ``paths``: the rules between the two machines' names; ``names``: those of files that were sent;
    ``written``: the range of frames that the job writes, with handles, or "" where that is not known here;
    ``replaces``: whether frames go over other files that lie in their places.
    ``may_be_elsewhere``: of frames that the server wrote in place, whether that may be a disk which this
    machine does not see; ``places``: where they are, once that is known, by the job.
    ``unnoted``: why none of this could be noted, or "".
    ``left_out`` says of each frame that was passed over why it is not here.
    """

    job: str
    output: Optional[str] = None
    paths: PathMap = field(default_factory=PathMap)
    names: OwnNames = field(default_factory=OwnNames)
    written: str = ""
    replaces: bool = False
    may_be_elsewhere: bool = False
    unnoted: str = ""
    places: Dict[str, Place] = field(default_factory=dict, compare=False)
    left_out: Dict[int, SvfrError] = field(default_factory=dict, compare=False)

    @classmethod
    def noted(cls, job: str, paths: PathMap) -> "Delivery":
        """Return what was noted of a job that was handed in earlier; without a note frames are in place."""
        for file in _notes_of(job, paths):
            try:
                note = read_json_file(file)
                names = from_plain(OwnNames, note["names"], "note") if "names" in note else OwnNames()
                written, replaces = str(note.get("written", "")), note.get("replaces") is True
                return cls(job, str(note["output"]), paths, names, written=written, replaces=replaces)
            except (OSError, ValueError, KeyError, TypeError, SvfrError):
                continue
        return cls(job, None, paths, may_be_elsewhere=True)

    @property
    def stays_there(self) -> bool:
        """Whether the frames lie on the server's disk, which this machine does not see, and stay there."""
        return self.places.get(self.job) is Place.THERE

    @property
    def fetch_command(self) -> str:
        """The command that fetches the frames; it names their place where that could not be noted."""
        place = f" --out {shlex.quote(self.output)}" if self.unnoted and self.output else ""
        return f"svfr fetch {self.job}{place}"

    def note(self) -> str:
        """Remember where frames are fetched to, and return ""; else why that can be noted nowhere."""
        problem = ""
        note = {"output": self.output, "names": to_plain(self.names), "written": self.written}
        for folder in _own_folders(self.paths) if self.output is not None else ():
            try:
                made = make_private_folder(make_private_folder(folder) / _FOLDER)
                for former in made.iterdir():
                    if former.stat().st_mtime < time.time() - _KEPT_SECONDS:
                        former.unlink()
                write_private(made / _name(self.job), json.dumps({**note, "replaces": self.replaces}))
                return ""
            except OSError as failure:
                problem = reason_of(failure)
            except SvfrError as failure:
                problem = failure.message
        return problem

    def bring(
        self,
        client: Client,
        event: Event,
        tell: Tell = tell_nobody,
        keep_going: Callable[[], bool] = lambda: True,
    ) -> Optional[Event]:
        """Return the job's event as this machine sees it, once its frame is here.

        What the server wrote in place on a disk that this machine does not see is fetched to the same place
        here, if the plate is here. None for a frame that is passed over, because ``keep_going`` turned false,
        the server no longer has it or another file lies in its place: others are fetched all the same. The
        end of a job that is done raises then why frames are not here. Else raises as
        :meth:`PathMap.to_client` and :func:`~svfr_client.transfer.fetch.fetch_frame`.
        """
        if self.left_out and event.kind == JobState.DONE.value:
            raise _not_here(self.fetch_command, self.left_out)
        if event.kind != "frame":
            return replace(event, body=self.names.renamed(event.body))
        frame = int(event.body["frame"])
        if self.output is None:
            path = self.paths.to_client(str(event.body["path"]))
            is_fetched = self._place(client, frame, path) is Place.WANTED
        else:
            path, is_fetched = str(output_path(self.output, frame)), True
        if is_fetched:
            try:
                place, replaces = Path(path), self.replaces
                fetch_frame(
                    client, self.job, frame, place, replaces=replaces, tell=tell, keep_going=keep_going
                )
            except (TransferWasStopped, ResultIsGone, OutputExists) as problem:
                self.left_out[frame] = problem
                return None
            self.left_out.pop(frame, None)
        return replace(event, body=dict(event.body, path=path))

    def _place(self, client: Client, frame: int, path: str) -> Place:
        """Return where the frames are that the server writes in place; those to be fetched are noted."""
        if not self.may_be_elsewhere:
            return Place.HERE
        if self.job not in self.places:
            self.places[self.job] = place_of_frames(client, self.job, frame, Path(path), self.paths)
            if self.places[self.job] is Place.WANTED:
                pattern = pattern_of_file(path, like=client.status(self.job).output) or path
                replace(self, output=pattern).note()
        return self.places[self.job]


def _not_here(command: str, left_out: Mapping[int, SvfrError]) -> SvfrError:
    """Return the error of a job that is done, some frames of which are not here; ``command`` fetches them."""
    gone = [frame for frame, problem in left_out.items() if isinstance(problem, ResultIsGone)]
    if gone:
        text = f"The server no longer has the job's frames {FrameRange.of(gone)}."
        return ResultIsGone(text, frame=min(gone), remedy="Hand these frames in again.")
    there = [frame for frame, problem in left_out.items() if isinstance(problem, OutputExists)]
    if there:
        return OutputExists(
            f"Other files lie in the places of the frames {FrameRange.of(there)}; they stay as they are.",
            frame=min(there),
            path=left_out[min(there)].path,
            remedy=f"Replace them: `{command} --existing overwrite`. To another place: `--out`.",
        )
    return TransferWasStopped(
        f"Fetching was stopped; the frames {FrameRange.of(left_out)} are not here.",
        frame=min(left_out),
        remedy=f"The server keeps them for some days: `{command}` fetches them.",
    )


def _own_folders(paths: PathMap) -> List[Path]:
    """Return the folders of this user that may hold notes: the connection's, where it is closed to others."""
    folders = [service_folder()]
    if paths.folder is not None and paths.folder != folders[0]:
        with contextlib.suppress(OSError, SvfrError):
            check_private(paths.folder)
            folders.insert(0, paths.folder)
    return folders


def _notes_of(job: str, paths: PathMap) -> List[Path]:
    """Return the notes of a job, the newest first."""
    found: List[Tuple[float, Path]] = []
    for folder in _own_folders(paths):
        file = folder / _FOLDER / _name(job)
        with contextlib.suppress(OSError):
            found.append((file.stat().st_mtime, file))
    return [file for _, file in sorted(found, reverse=True)]


def _name(job: str) -> str:
    return f"{check_job_id(job)}.json"
