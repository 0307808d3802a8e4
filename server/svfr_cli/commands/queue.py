"""``svfr pause | resume | drain | watch | redo``: the queue of the running service."""

import time
from typing import Annotated, Any

import typer

from svfr_client.protocol.messages import JobStatus

from ..follow import step_text
from ..output import Output, speaking
from .options import AsJson

_TEXTS = {
    "open": "Waiting jobs are started again.",
    "paused": "No further job is started until svfr resume; what runs goes on.",
    "draining": "No new jobs are taken; the server ends with its last running job.",
}


def pause(as_json: AsJson = False) -> None:
    """Start no further job, also after a restart; what runs goes on."""
    _ask("pause", as_json)


def resume(as_json: AsJson = False) -> None:
    """Start waiting jobs again."""
    _ask("resume", as_json)


def drain(as_json: AsJson = False) -> None:
    """Before an upgrade: take no jobs, let what runs end, then stop; waiting jobs are kept."""
    _ask("drain", as_json)


def watch(
    every: Annotated[float, typer.Option("--every", min=0.2, help="Seconds between two looks.")] = 1.0,
    count: Annotated[int, typer.Option("--count", min=0, help="Looks to take; 0: until Ctrl-C.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Show the jobs that wait and run, live."""
    with speaking(as_json) as output:
        from svfr_client.client import Client

        with Client(name="svfr watch") as client:
            polls = 0
            while not count or polls < count:
                if polls:
                    time.sleep(every)
                polls += 1
                pong = client.ping()
                _show(output, client.jobs(limit=40, active_only=True), pong.queue)


def redo(
    job: Annotated[str, typer.Argument(metavar="JOB", help="The former job, as svfr jobs shows it.")],
    frames: Annotated[str, typer.Argument(metavar="FRAMES", help="What to do again: 1010-1015.")],
    out: Annotated[
        str | None, typer.Option("--out", "-o", help="Where to. Default: over the former frames.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Default: the former one.")] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the job, or return at once.")] = True,
    as_json: AsJson = False,
) -> None:
    """Restore some frames of a former job again, with the references it made."""
    with speaking(as_json) as output:
        from svfr_client.client import Client

        from ..follow import follow
        from ..job_options import absolute

        with Client(name="svfr redo") as client:
            new = client.redo(job, frames, output=absolute(out) if out else None, seed=seed).job
            output.result("submitted", {"job": new, "of": job}, "")
            if not wait:
                output.note(f"Job {new} is accepted; svfr status {new} tells how it goes.")
                return
            followed = follow(client, new, output)
        output.note(f"{followed.frames_written} frames written")


def _ask(op: str, as_json: bool) -> None:
    with speaking(as_json) as output:
        from svfr_client.client import Client

        with Client(name=f"svfr {op}") as client:
            pong = {"pause": client.pause, "resume": client.resume, "drain": client.drain}[op]()
        body = {"queue": pong.queue, "queued": pong.queued, "running": pong.running}
        output.result("queue", body, f"{_TEXTS[pong.queue]} {pong.running} running, {pong.queued} queued.")


def _show(output: Output, jobs: tuple[JobStatus, ...], queue: str) -> None:
    rows: list[dict[str, Any]] = []
    for state in reversed(jobs):
        progress = step_text(state.progress)
        rows.append(
            {"job": state.job, "state": state.state.value, "progress": progress, "plate": state.plate}
        )
    output.note(f"{time.strftime('%H:%M:%S')}  queue {queue}, {len(rows)} jobs")
    output.table("job", rows, ("job", "state", "progress", "plate"))
