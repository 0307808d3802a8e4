"""Where the frames of a job go on this machine: they are there, or must be fetched.

Where frames are to be fetched to is noted in this user's own folder until the job has ended, so that a host
that was started again still knows it.
"""

import contextlib
import json
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Callable, Optional

from ..client import Client
from ..connection import make_private_folder, service_folder, write_private
from ..errors import SvfrError, TransferWasStopped
from ..json_files import read_json_file
from ..output_names import output_path
from ..path_map import PathMap
from ..protocol.messages import Event, check_job_id
from .fetch import fetch_frame
from .progress import Tell, tell_nobody

_FOLDER = "deliveries"
# The server forgets results that were not fetched for a week.
_KEPT_SECONDS = 8 * 86400.0


@dataclass(frozen=True)
class Delivery:
    """``output``: this machine's pattern for frames that are fetched; None: the server wrote them in place.

    ``paths``: the rules between the two machines' names.
    """

    job: str
    output: Optional[str] = None
    paths: PathMap = field(default_factory=PathMap)

    @classmethod
    def noted(cls, job: str, paths: PathMap) -> "Delivery":
        """Return what was noted of a job that was handed in earlier; without a note frames are in place."""
        try:
            note = read_json_file(_note_of(job))
            return cls(job, str(note["output"]), paths)
        except (OSError, ValueError, KeyError, TypeError):
            return cls(job, None, paths)

    def note(self) -> None:
        """Remember where frames are fetched to; without a place to note it only a restart is not survived."""
        if self.output is None:
            return
        with contextlib.suppress(OSError, SvfrError):
            folder = make_private_folder(make_private_folder(service_folder()) / _FOLDER)
            for former in folder.iterdir():
                if former.stat().st_mtime < time.time() - _KEPT_SECONDS:
                    former.unlink()
            write_private(_note_of(self.job), json.dumps({"output": self.output}))

    def bring(
        self,
        client: Client,
        event: Event,
        tell: Tell = tell_nobody,
        keep_going: Callable[[], bool] = lambda: True,
    ) -> Optional[Event]:
        """Return the job's event as this machine sees it, once its frame is here.

        None for a frame that is not fetched, because ``keep_going`` turned false. Raises as
        :func:`~svfr_client.transfer.fetch.fetch_frame` and :meth:`PathMap.to_client`.
        """
        if event.is_last and self.output is not None:
            _note_of(self.job).unlink(missing_ok=True)
        if event.kind != "frame":
            return event
        frame = int(event.body["frame"])
        if self.output is None:
            path = self.paths.to_client(str(event.body["path"]))
        else:
            path = str(output_path(self.output, frame))
            try:
                fetch_frame(client, self.job, frame, Path(path), tell=tell, keep_going=keep_going)
            except TransferWasStopped:
                return None
        return replace(event, body=dict(event.body, path=path))


def _note_of(job: str) -> Path:
    return service_folder() / _FOLDER / f"{check_job_id(job)}.json"
