"""The ``svfr`` command: ``svfr restore | fetch | faces | view | movie | serve | status | jobs | cancel``,
``svfr model | parity | doctor | bench | train | clips | evaluate | degradation | lab``, and for the machine
``svfr install | uninstall | service``. ``svfr pause | resume | drain | watch | redo`` are for the queue,
``svfr key | cache`` for its keeper, ``svfr farm`` for whole shot lists.

Each command lives in a module of ``commands/``, which imports its heavy libraries when it runs and not
before. Exit statuses are those of :mod:`svfr_cli.exit_codes`.
"""

import os
from typing import Annotated

import typer

from svfr_client.version import VERSION
from svfr_restore.process_environment import computing_environment

from .commands import (
    bench,
    cache,
    clips,
    degradation,
    doctor,
    evaluate,
    explain,
    faces,
    farm,
    fetch,
    install,
    keys,
    lab,
    models,
    movie,
    parity,
    queue,
    restore,
    service,
    train,
    view,
)
from .lasting_output import outlast_readers

app = typer.Typer(
    name="svfr",
    help="Video face restoration for compositors: blind face restoration, colorization and inpainting.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"svfr {VERSION}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Video face restoration for compositors: blind face restoration, colorization and inpainting."""


for command in (
    *(restore.restore, fetch.fetch, faces.faces, service.serve, service.status, service.jobs, service.cancel),
    *(queue.pause, queue.resume, queue.drain, queue.watch, view.view, movie.movie),
    *(parity.parity, evaluate.evaluate, train.train, lab.lab, doctor.doctor, bench.bench, explain.explain),
):
    app.command()(command)  # under the function's name
# Frames that begin with a minus are no option.
app.command(context_settings={"ignore_unknown_options": True})(queue.redo)
for name, group in {
    "model": models.app,
    "key": keys.app,
    "cache": cache.app,
    "farm": farm.app,
    "clips": clips.app,
    "degradation": degradation.app,
    "install": install.install_app,
    "uninstall": install.uninstall_app,
    "service": install.service_app,
}.items():
    app.add_typer(group, name=name)
app.add_typer(degradation.app, name="damage", hidden=True)  # the name it used to have


def main() -> None:
    """Run the command line and exit with its status."""
    outlast_readers()
    # before any command loads torch
    os.environ |= computing_environment() | os.environ
    app(prog_name="svfr")


if __name__ == "__main__":
    main()
