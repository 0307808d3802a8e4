"""Follow one job to its end: progress for the eye or for a program, and Ctrl-C as a polite cancel."""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from svfr_client.errors import JobWasCancelled, error_from_dict
from svfr_client.protocol import messages
from svfr_client.protocol.messages import Event, JobState, Pong
from svfr_client.records import to_plain
from svfr_client.sizes import counted
from svfr_client.vocabulary import stage_text

from .output import JsonOutput, Output
from .queue_notice import QueueNotice


@dataclass(frozen=True)
class Followed:
    """A job that is done: how many frames it wrote, and the path of the one with the highest number."""

    frames_written: int
    last_path: str | None


def written_text(followed: Followed) -> str:
    """Return how many frames a job wrote, and where the last one of the shot is."""
    where = f", the last one to {followed.last_path}" if followed.last_path else ""
    return f"{counted(followed.frames_written, 'frame')} written{where}"


class FollowsJobs(Protocol):
    """The part of :class:`svfr_client.client.Client` that following needs."""

    def follow(
        self, job: str, after_seq: int = 0, wanted: Callable[[], bool] = lambda: True
    ) -> Iterator[Event]:
        """Yield the job's events after ``after_seq``, in order and without gaps, to its last.

        ``wanted`` is asked a few times a second whether to go on.
        """

    def ping(self) -> Pong:
        """Return how the service's queue stands."""

    def cancel(self, job: str) -> Any:
        """Ask for the job to end at its next window."""


class Progress(Protocol):
    """Where progress events go."""

    def show(self, body: dict[str, Any]) -> None:
        """Take the body of one progress event."""

    def close(self) -> None:
        """Take the display away."""


class Silent:
    """No progress display: in JSON form the events themselves are printed."""

    def show(self, body: dict[str, Any]) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Nothing to take away."""


class Bar:
    """A live bar on a terminal: the whole job's share done, the stage, its steps and its time left."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        self._bar = RichProgress(
            TextColumn("{task.description:<32}"),
            BarColumn(bar_width=32),
            TextColumn("{task.fields[count]:>11}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task("Waiting for the worker", total=None, count="", left="")
        self._bar.start()

    def show(self, body: dict[str, Any]) -> None:
        """Draw the stage, ``done`` of ``total``, the whole job's share and the remaining time."""
        done, total = int(body.get("done", 0)), int(body.get("total", 0))
        overall = body.get("overall")
        self._bar.update(
            self._task,
            description=f"{_share(body)}{_stage(body)}",
            completed=done if overall is None else float(overall),
            total=(total or None) if overall is None else 1.0,
            count=f"{done}/{total}" if total else "",
            left=_left(body),
        )

    def close(self) -> None:
        """Remove the bar."""
        self._bar.stop()


class Lines:
    """Progress in a log file: a line when the stage changes and every few seconds."""

    def __init__(self, every_seconds: float = 5.0) -> None:
        self._every_seconds = every_seconds
        self._stage = ""
        self._last = 0.0

    def show(self, body: dict[str, Any]) -> None:
        """Print a line unless the last one of this stage is too recent."""
        now = time.monotonic()
        if _stage(body) == self._stage and now - self._last < self._every_seconds:
            return
        self._stage, self._last = _stage(body), now
        count = f" {body['done']}/{body['total']}" if body.get("total") else ""
        line = f"{_share(body)}{self._stage}{count}  {_left(body)}"
        print(line.rstrip(), file=sys.stderr, flush=True)

    def close(self) -> None:
        """Nothing to take away."""


def _stage(body: dict[str, Any]) -> str:
    name = stage_text(str(body.get("stage")))
    return name if body.get("track") is None else f"{name}, face {body['track']}"


def _share(body: dict[str, Any]) -> str:
    """Return how much of the whole job is done, for the front of a line; nothing where it is not told."""
    overall = body.get("overall")
    return "" if overall is None else f"{float(overall):4.0%}  "


def step_text(step: messages.Progress | None) -> str:
    """Return how far a job is in one phrase: the whole job's share, and the steps of its stage."""
    if step is None:
        return ""
    return f"{_share(to_plain(step))}{stage_text(step.stage)} {step.done}/{step.total}".strip()


def _left(body: dict[str, Any]) -> str:
    seconds = body.get("eta_s")
    if seconds is None:
        return ""
    minutes, rest = divmod(round(float(seconds)), 60)
    return (f"{minutes} min {rest:02d} s" if minutes else f"{rest} s") + " left in this stage"


def progress_for(output: Output) -> Progress:
    """Choose the display: none for programs, a bar on a terminal, lines elsewhere."""
    if isinstance(output, JsonOutput):
        return Silent()
    return Bar() if sys.stderr.isatty() else Lines()


def follow(client: FollowsJobs, job: str, output: Output) -> Followed:
    """Show a job's events until it is done.

    The first Ctrl-C cancels the job, which ends at its next window; the second leaves at once.

    Raises:
        JobWasCancelled: the job was cancelled, from here or elsewhere.
        SvfrError: the job failed; the error is the worker's own, with its code, frame and path.
    """
    progress, notice = progress_for(output), QueueNotice(client.ping, output)
    seen, cancelled, written = 0, False, dict[int, str]()
    try:
        while True:
            try:
                for event in client.follow(job, seen, notice.passes):
                    seen = event.seq
                    notice.hears(event)
                    _show(event, output, progress)
                    if event.kind == "frame":
                        written[int(event.body["frame"])] = str(event.body.get("path"))
                    if event.is_last:
                        _raise_unless_done(event, has_written=bool(written))
                        return Followed(len(written), written[max(written)] if written else None)
            except KeyboardInterrupt:
                if cancelled:
                    raise
                cancelled = True
                output.note("Cancelling at the next window; Ctrl-C again leaves at once.")
                client.cancel(job)
    finally:
        progress.close()


def _show(event: Event, output: Output, progress: Progress) -> None:
    body = dict(event.body)
    if isinstance(output, JsonOutput):
        output.result(event.kind, {"job": event.job, "seq": event.seq, **body}, "")
    elif event.kind == "progress":
        progress.show(body)
    elif event.kind in ("warning", "retry"):
        output.note(f"Warning: {body.get('message', event.kind)}")


def _raise_unless_done(event: Event, *, has_written: bool) -> None:
    if event.kind == JobState.CANCELLED.value:
        remedy = "To go on: the same again."
        if has_written:
            remedy = "To go on: the same again with --existing overwrite."
        raise JobWasCancelled(f"Job {event.job} was cancelled.", remedy=remedy)
    if event.kind == JobState.FAILED.value:
        raise error_from_dict(dict(event.body.get("error", event.body)))
