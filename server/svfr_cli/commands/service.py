"""``svfr serve | status | jobs | cancel``: the local service and its jobs."""

from contextlib import suppress
from typing import Annotated, Any

import typer

from svfr_client.errors import error_from_dict
from svfr_client.protocol.messages import JobStatus
from svfr_client.records import to_plain
from svfr_client.transfer.own_names import shown_plate

from ..exit_codes import ExitCode
from ..follow import step_text
from ..output import Output, error_text, speaking
from ..queue_notice import QUEUE_TEXTS
from ..root_options import ReadRoots, WriteRoots
from .options import AsJson, Server

_STOP_SECONDS = 30.0
JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="The job's id, as svfr jobs shows it.")]


def serve(
    read_root: ReadRoots = None,
    write_root: WriteRoots = None,
    device: Annotated[
        list[str] | None, typer.Option("--device", help="cpu or cuda:<uuid>. Default: all that are found.")
    ] = None,
    listen: Annotated[str, typer.Option("--listen", help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="TCP port; 0 takes a free one.")] = 0,
    idle_exit: Annotated[
        float | None, typer.Option("--idle-exit", help="End after so many seconds without work.")
    ] = None,
    idle_unload: Annotated[
        float, typer.Option("--idle-unload", help="Free the device after so many seconds without a job.")
    ] = 600.0,
    keep_days: Annotated[float, typer.Option("--keep-days", help="Then forget a finished job.")] = 30.0,
    worker_memory: Annotated[
        int | None,
        typer.Option(
            "--worker-memory-mib", min=1, help="Memory a job may take. Default: 85 % of the machine's."
        ),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            "--precision", help="Of UNet and decoder: float32, float16, bfloat16. Default: the device's."
        ),
    ] = None,
    batch: Annotated[
        int, typer.Option("--batch", min=1, help="Branches of windows to evaluate at once, at most.")
    ] = 1,
    compiles: Annotated[
        bool,
        typer.Option("--compile", help="Compile networks for this GPU, beside the jobs; takes a compiler."),
    ] = False,
    survey_ahead: Annotated[
        bool | None,
        typer.Option(
            "--survey-ahead/--no-survey-ahead",
            help="Survey waiting jobs while the devices are busy. Default: beside GPUs.",
        ),
    ] = None,
    overlap: Annotated[
        bool | None,
        typer.Option(
            "--overlap/--no-overlap",
            help="Begin a job while the last frames of the one before are written. Default: on GPUs.",
        ),
    ] = None,
    umask: Annotated[
        str | None, typer.Option("--umask", help="Of written frames, e.g. 002. Default: the starter's.")
    ] = None,
    stop: Annotated[bool, typer.Option("--stop", help="Stop the running server instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run the service here until Ctrl-C, or stop the one that runs."""
    with speaking(as_json) as output:
        if stop:
            _stop(output)
            return
        from svfr_client.connection import require_own_folder
        from svfr_server.__main__ import serve as serve_here
        from svfr_server.errors import AnotherServerRuns

        require_own_folder()
        options = [f"--listen={listen}", f"--port={port}"]
        options += [f"--read-root={root}" for root in read_root or ()]
        options += [f"--write-root={root}" for root in write_root or ()]
        options += [f"--device={name}" for name in device or ()]
        options += [] if idle_exit is None else [f"--idle-exit={idle_exit}"]
        options += [f"--idle-unload={idle_unload}", f"--keep-days={keep_days}"]
        options += [] if worker_memory is None else [f"--worker-memory-mib={worker_memory}"]
        options += [] if precision is None else [f"--precision={precision}"]
        options += [] if batch == 1 else [f"--batch={batch}"]
        options += ["--compile"] if compiles else []
        if survey_ahead is not None:
            options += ["--survey-ahead" if survey_ahead else "--no-survey-ahead"]
        if overlap is not None:
            options += ["--overlap" if overlap else "--no-overlap"]
        options += [] if umask is None else [f"--umask={umask}"]
        try:
            serve_here(options)
        except AnotherServerRuns as problem:
            output.error(problem)
            raise typer.Exit(int(ExitCode.NO_SERVER)) from problem  # hosts know it by this


def _stop(output: Output) -> None:
    """Stop the server that runs, and wait until another one can start in its folder."""
    from svfr_client.client import Client
    from svfr_client.connection import service_folder
    from svfr_server.supervisor.lock import LOCK_FILE, wait_until_free

    with Client(name="svfr serve") as client:
        client.shutdown()
    if not wait_until_free(service_folder() / LOCK_FILE, within_seconds=_STOP_SECONDS):
        text = f"The server was asked to stop and still ends after {_STOP_SECONDS:g} s."
        output.result("stopping", {}, f"{text} `svfr serve` can start when it is gone.")
        raise typer.Exit(int(ExitCode.FAILED))
    output.result("stopped", {}, "The server has stopped.")


def status(
    job: Annotated[str | None, typer.Argument(metavar="[JOB]", help="One job; default: the server.")] = None,
    web: Annotated[
        bool, typer.Option("--web", help="Show it live in the browser of this machine, until Ctrl-C.")
    ] = False,
    port: Annotated[
        int,
        typer.Option("--port", min=0, max=65535, help="With --web: the page's port; 0 takes a free one."),
    ] = 0,
    open_it: Annotated[
        bool | None,
        typer.Option("--open/--no-open", help="With --web: open the browser. Default: not with --json."),
    ] = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Report whether a server runs and what it does, or how one job stands."""
    with speaking(as_json, server) as output:
        if web:
            _show_page(output, server, port, open_it or (open_it is None and not as_json))
            return
        from svfr_client.transfer.delivery import Delivery

        from ..elsewhere import client_at, place_of

        with client_at(server, "svfr") as client:
            if job is not None:
                state = client.status(job)
                fetched_to = Delivery.noted(job, place_of(server).path_map()).output
                body = {**to_plain(state), "fetched_to": fetched_to}
                output.result("job", body, _job_text(state, fetched_to))
                return
            welcome, pong = client.hello(), client.ping()
            counts = {"queue": pong.queue, "queued": pong.queued, "running": pong.running}
            text = (
                f"The server runs (process {welcome.pid}) on {', '.join(welcome.devices)}: "
                f"{pong.running} running, {pong.queued} queued."
            )
            closed = "" if pong.queue == "open" else f" The queue is {pong.queue}: {QUEUE_TEXTS[pong.queue]}"
            output.result("server", {**to_plain(welcome), **counts}, text + closed)


def _show_page(output: Output, at: str | None, port: int, is_opened: bool) -> None:
    """Serve the page of the server until Ctrl-C."""
    from svfr_client.connection import service_folder
    from svfr_view.server_page.http_server import listening
    from svfr_view.server_page.watcher import Watcher, client_by, client_of

    from ..elsewhere import place_of

    file = None if at is None else place_of(at).file
    folder = service_folder() if file is None else file.parent
    make_client = client_of(folder) if file is None else client_by(file)
    with listening(Watcher(make_client, folder), port) as server:
        text = f"{server.address}\nFor this machine's browsers only. Ctrl-C ends the page, not the server."
        output.result("page", {"address": server.address, "port": server.port}, text)
        if is_opened:
            typer.launch(server.address)
        with suppress(KeyboardInterrupt):  # this is how it ends
            server.serve_forever()


def jobs(
    active: Annotated[bool, typer.Option("--active", help="Leave finished jobs out.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1)] = 20,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """List the newest jobs."""
    with speaking(as_json, server) as output:
        from ..elsewhere import client_at

        with client_at(server, "svfr") as client:
            listed = client.jobs(limit=limit, active_only=active)
        rows = [_job_row(state) for state in listed]
        if not as_json:
            rows = [{**row, "plate": shown_plate(str(row["plate"]))} for row in rows]
        output.table("job", rows, ("job", "state", "progress", "frames", "plate"))


def cancel(job: JobArgument, server: Server = None, as_json: AsJson = False) -> None:
    """Cancel a job; a running one ends at its next window."""
    with speaking(as_json, server) as output:
        from ..elsewhere import client_at

        with client_at(server, "svfr") as client:
            state = client.cancel(job).state
        if state.is_final:
            text = f"Job {job} has ended already: it is {state.value}."
            output.result("ended", {"job": job, "state": state.value}, text)
            return
        output.result("cancelling", {"job": job}, f"Job {job} ends at its next window.")


def _job_row(state: JobStatus) -> dict[str, Any]:
    row = dict(to_plain(state))
    row["progress"] = _progress_text(state)
    return row


def _progress_text(state: JobStatus) -> str:
    return "" if state.state.is_final else step_text(state.progress)


def _job_text(state: JobStatus, fetched_to: str | None) -> str:
    """Return how a job stands; ``fetched_to``: this machine's place of frames that are fetched."""
    lines = [
        f"{state.job}  {state.state.value}  {_progress_text(state)}".rstrip(),
        f"  plate   {shown_plate(state.plate)}",
        f"  frames  {state.frames}",
        f"  output  {fetched_to or state.output}",
    ]
    if state.error:
        lines.append(error_text(error_from_dict(dict(state.error))))
    return "\n".join(lines)
