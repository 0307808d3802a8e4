"""``svfr pause | resume | drain | watch | redo``: the queue of the running service."""

import time
from typing import Annotated, Any

import typer

from svfr_client.job import JobSpec
from svfr_client.protocol.messages import JobStatus
from svfr_client.server_naming import option_of
from svfr_client.sizes import counted
from svfr_client.transfer.own_names import shown_plate
from svfr_client.vocabulary import EXISTING_POLICIES, WordReader

from ..follow import step_text, written_text
from ..output import JsonOutput, Output, speaking
from ..queue_notice import QUEUE_TEXTS
from .options import AsJson, Server, listed


def pause(server: Server = None, as_json: AsJson = False) -> None:
    """Start no further job, also after a restart; what runs goes on."""
    _ask("pause", server, as_json)


def resume(server: Server = None, as_json: AsJson = False) -> None:
    """Start waiting jobs again."""
    _ask("resume", server, as_json)


def drain(server: Server = None, as_json: AsJson = False) -> None:
    """Before an upgrade: take no jobs, let what runs end, then stop; waiting jobs are kept."""
    _ask("drain", server, as_json)


def watch(
    every: Annotated[float, typer.Option("--every", min=0.2, help="Seconds between two looks.")] = 1.0,
    count: Annotated[int, typer.Option("--count", min=0, help="Looks to take; 0: until Ctrl-C.")] = 0,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Show the jobs that wait and run, live."""
    with speaking(as_json, server) as output:
        from ..elsewhere import client_at

        with client_at(server, "svfr watch") as client:
            polls = 0
            while not count or polls < count:
                if polls:
                    time.sleep(every)
                polls += 1
                pong = client.ping()
                _show(output, client.jobs(limit=40, active_only=True), pong.queue)


def redo(
    job: Annotated[str, typer.Argument(metavar="JOB", help="The former job, as svfr jobs shows it.")],
    frames: Annotated[str, typer.Argument(metavar="FRAMES", help="What to do again: 1010-1015, also -3--1.")],
    out: Annotated[
        str | None, typer.Option("--out", "-o", help="Where to. Default: over the former frames.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Default: the former one.")] = None,
    existing: Annotated[
        str,
        typer.Option("--existing", help=f"Files that are there at --out: {listed(EXISTING_POLICIES)}."),
    ] = JobSpec.existing,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the job, or return at once.")] = True,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Restore some frames of a former job again, with the references it made."""
    with speaking(as_json, server) as output:
        from svfr_client.errors import raise_problems
        from svfr_client.protocol.messages import Redo
        from svfr_client.protocol.wire import new_id
        from svfr_client.transfer.delivery import Delivery
        from svfr_client.transfer.hand_in import hand_in_again

        from ..elsewhere import JobElsewhere, TransferPrinter, client_at, place_of, warn_unnoted
        from ..follow import follow
        from ..job_options import absolute

        words = WordReader()
        policy = words.one("existing", existing, EXISTING_POLICIES)
        raise_problems(words.problems)
        place = place_of(server)
        with client_at(server, "svfr redo") as client:
            former = Delivery.noted(job, place.path_map()).output
            here = absolute(out) if out else former
            asked = Redo(job=new_id(), of=job, frames=frames, output=here, seed=seed)
            rule = policy if out and here != former else "overwrite"
            delivery = hand_in_again(client, asked, place.path_map(), existing=rule)
            new = delivery.job
            elsewhere = JobElsewhere(client, delivery, TransferPrinter(output), server=server)
            to = delivery.output or place.path_map().to_client(client.status(new).output)
            output.result("submitted", {"job": new, "of": job, "output": to}, "" if wait else new)
            warn_unnoted(output, elsewhere.unnoted)
            if not wait:
                output.note(f"Job {new} is accepted; svfr status {new}{option_of(server)} tells how it goes.")
                fetched = f"; {elsewhere.fetch_command} fetches them" if delivery.output else ""
                output.note(f"Its frames go to {to}{fetched}.")
                return
            output.note(f"Job {new} is accepted.")
            followed = follow(elsewhere, new, output)
        output.note(written_text(followed))


def _ask(op: str, server: str | None, as_json: bool) -> None:
    with speaking(as_json, server) as output:
        from ..elsewhere import client_at

        with client_at(server, f"svfr {op}") as client:
            pong = {"pause": client.pause, "resume": client.resume, "drain": client.drain}[op]()
        body = {"queue": pong.queue, "queued": pong.queued, "running": pong.running}
        text = f"The queue is {pong.queue}: {QUEUE_TEXTS[pong.queue]}"
        output.result("queue", body, f"{text} {pong.running} running, {pong.queued} queued.")


def _show(output: Output, jobs: tuple[JobStatus, ...], queue: str) -> None:
    rows: list[dict[str, Any]] = []
    for state in reversed(jobs):
        progress = step_text(state.progress)
        rows.append(
            {
                "job": state.job,
                "state": state.state.value,
                "progress": progress,
                "plate": state.plate if isinstance(output, JsonOutput) else shown_plate(state.plate),
            }
        )
    output.note(f"{time.strftime('%H:%M:%S')}  queue {queue}, {counted(len(rows), 'job')}")
    output.table("job", rows, ("job", "state", "progress", "plate"))
