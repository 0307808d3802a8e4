"""The ``svfr`` command: ``svfr restore | faces | view | serve | status | jobs | cancel | model | parity``,
``svfr doctor | train | clips | evaluate | degradation | lab``, ``svfr install | uninstall | service`` for the
machine. ``svfr pause | resume | drain | watch | redo`` are for the queue, ``svfr key | cache`` for its
keeper, ``svfr farm`` for whole shot lists.

Each command lives in a module of ``commands/``, which imports its heavy libraries when it runs and not
before. Exit statuses are those of :mod:`svfr_cli.exit_codes`.
"""

import typer

from .commands import (
    cache,
    clips,
    degradation,
    doctor,
    evaluate,
    faces,
    farm,
    install,
    keys,
    lab,
    models,
    parity,
    queue,
    restore,
    service,
    train,
    view,
)

app = typer.Typer(
    name="svfr",
    help="Video face restoration for compositors: blind face restoration, colorization and inpainting.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("restore")(restore.restore)
app.command("faces")(faces.faces)
app.command("serve")(service.serve)
app.command("status")(service.status)
app.command("jobs")(service.jobs)
app.command("cancel")(service.cancel)
app.command("pause")(queue.pause)
app.command("resume")(queue.resume)
app.command("drain")(queue.drain)
app.command("watch")(queue.watch)
app.command("redo")(queue.redo)
app.command("view")(view.view)
app.add_typer(models.app, name="model")
app.add_typer(keys.app, name="key")
app.add_typer(cache.app, name="cache")
app.add_typer(farm.app, name="farm")
app.command("parity")(parity.parity)
app.command("evaluate")(evaluate.evaluate)
app.command("train")(train.train)
app.add_typer(clips.app, name="clips")
app.add_typer(degradation.app, name="degradation")
app.add_typer(degradation.app, name="damage", hidden=True)  # the name it used to have
app.command("lab")(lab.lab)
app.command("doctor")(doctor.doctor)
app.add_typer(install.install_app, name="install")
app.add_typer(install.uninstall_app, name="uninstall")
app.add_typer(install.service_app, name="service")


def main() -> None:
    """Run the command line and exit with its status."""
    app(prog_name="svfr")


if __name__ == "__main__":
    main()
