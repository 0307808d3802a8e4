"""``svfr serve | status | jobs | cancel``: the local service and its jobs."""

from typing import Annotated, Any

import typer

from svfr_client.messages import JobStatus
from svfr_client.records import to_plain

from ..output import speaking
from .options import AsJson

JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="The job's id, as svfr jobs shows it.")]


def serve(
    read_root: Annotated[
        list[str] | None, typer.Option("--read-root", help="Folder that jobs may read. Default: any.")
    ] = None,
    write_root: Annotated[
        list[str] | None, typer.Option("--write-root", help="Folder that jobs may write. Default: any.")
    ] = None,
    stop: Annotated[bool, typer.Option("--stop", help="Stop the running server instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run the service here until Ctrl-C, or stop the one that runs."""
    with speaking(as_json) as output:
        if stop:
            from svfr_client.client import Client

            with Client() as client:
                client.shutdown()
            output.result("stopped", {}, "The server stops.")
            return
        from svfr_server.supervisor import run

        run(read_roots=tuple(read_root or ()), write_roots=tuple(write_root or ()))


def status(
    job: Annotated[str | None, typer.Argument(metavar="[JOB]", help="One job; default: the server.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say whether a server runs and what it does, or how one job stands."""
    with speaking(as_json) as output:
        from svfr_client.client import Client

        with Client() as client:
            if job is not None:
                state = client.status(job)
                output.result("job", to_plain(state), _job_text(state))
                return
            welcome, pong = client.hello(), client.ping()
            body = {**to_plain(welcome), "queued": pong.queued, "running": pong.running}
            text = (
                f"The server runs (process {welcome.pid}) on {', '.join(welcome.devices)}: "
                f"{pong.running} running, {pong.queued} queued."
            )
            output.result("server", body, text)


def jobs(
    active: Annotated[bool, typer.Option("--active", help="Leave finished jobs out.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1)] = 20,
    as_json: AsJson = False,
) -> None:
    """List the newest jobs."""
    with speaking(as_json) as output:
        from svfr_client.client import Client

        with Client() as client:
            listed = client.jobs(limit=limit, active_only=active)
        rows = [_job_row(state) for state in listed]
        output.table("job", rows, ("job", "state", "progress", "frames", "plate"))


def cancel(job: JobArgument, as_json: AsJson = False) -> None:
    """Cancel a job; a running one ends at its next window."""
    with speaking(as_json) as output:
        from svfr_client.client import Client

        with Client() as client:
            client.cancel(job)
        output.result("cancelling", {"job": job}, f"Job {job} ends at its next window.")


def _job_row(state: JobStatus) -> dict[str, Any]:
    row = dict(to_plain(state))
    row["progress"] = _progress_text(state)
    return row


def _progress_text(state: JobStatus) -> str:
    step = state.progress
    return "" if step is None or state.state.is_final else f"{step.stage} {step.done}/{step.total}"


def _job_text(state: JobStatus) -> str:
    lines = [
        f"{state.job}  {state.state.value}  {_progress_text(state)}".rstrip(),
        f"  plate   {state.plate}",
        f"  frames  {state.frames}",
        f"  output  {state.output}",
    ]
    if state.error:
        lines.append(f"  error   {state.error.get('message', '')}")
    return "\n".join(lines)
