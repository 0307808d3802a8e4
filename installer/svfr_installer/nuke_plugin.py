r"""The Nuke plugin: a folder ``svfr`` in the user's ``.nuke``, and one marked line in ``init.py``.

``.nuke/svfr`` holds the plugin, the client and one pyzmq for each Python that Nuke has had since version 14.
Nuke runs its ``init.py`` and ``menu.py`` because the marked line puts the folder on Nuke's plugin path; the
user's own ``menu.py`` is not touched at all.
"""

from dataclasses import dataclass
from pathlib import Path

import svfr_client

from . import marked_line, plan
from .errors import HostVersionNotSupported, PluginSourceMissing
from .machine import server_program
from .plan import FileChange, Plan
from .wheels import WheelNeed, wheel_files

# Foundry's pages do not say which Python Nuke 17 has: that of Nuke 16, or that of its year's VFX platform.
PYTHONS_OF_NUKE = {"14": ("cp39",), "15": ("cp310",), "16": ("cp311",), "17": ("cp311", "cp313")}
FOLDER = "svfr"
LINE = b'import nuke; nuke.pluginAddPath("./svfr")'
STARTED_BY_NUKE = ("init.py", "menu.py")


@dataclass(frozen=True)
class NukeTarget:
    """``home`` is the ``.nuke`` folder; ``machine`` such as "linux-x64"; ``versions`` of Nuke to serve."""

    home: Path
    machine: str
    versions: tuple[str, ...] = tuple(PYTHONS_OF_NUKE)

    def __post_init__(self) -> None:
        for version in self.versions:
            if version not in PYTHONS_OF_NUKE:
                raise HostVersionNotSupported(
                    f"The plugin does not run in Nuke {version}.",
                    remedy="It runs in Nuke " + ", ".join(PYTHONS_OF_NUKE) + ".",
                )

    @property
    def folder(self) -> Path:
        """The plugin's own folder."""
        return self.home / FOLDER


def plan_install(target: NukeTarget, wheels: Path | None = None, sources: Path | None = None) -> Plan:
    """Return the plan that installs the plugin, or brings it up to date.

    ``wheels``: a folder of pyzmq wheels; None downloads them. ``sources``: the folder that holds
    ``svfr_nuke`` and ``svfr_client``. Raises the errors of :mod:`svfr_installer.wheels`,
    :class:`~svfr_installer.errors.PluginSourceMissing` and
    :class:`~svfr_installer.errors.FolderIsNotOurs`.
    """
    files = plugin_files(plugin_sources() if sources is None else sources)
    pythons = dict.fromkeys(python for version in target.versions for python in PYTHONS_OF_NUKE[version])
    for python in pythons:
        for name, content in wheel_files(WheelNeed(python, target.machine), wheels).items():
            files[f"vendor/{python}/{name}"] = content
    init = target.home / "init.py"
    made = bool(plan.read_note(target.folder).get("made_init", not init.exists()))
    facts = {"server_program": str(server_program()), "made_init": made}
    before = init.read_bytes() if init.exists() else b""
    line = Plan((FileChange(init, marked_line.add(before, LINE)),))
    return plan.join([plan.install_folder(target.folder, files, facts), line])


def plan_uninstall(target: NukeTarget) -> Plan:
    """Return the plan that removes the line and everything that was installed."""
    init = target.home / "init.py"
    removed: list[FileChange] = []
    if init.exists() and marked_line.has(init.read_bytes()):
        left = marked_line.remove(init.read_bytes())
        was_made = bool(plan.read_note(target.folder).get("made_init"))
        removed.append(FileChange(init, None if was_made and not left else left))
    # The line goes first: without it Nuke does not look for what is being removed.
    return plan.join([Plan(tuple(removed)), plan.remove_folder(target.folder)])


def plugin_sources() -> Path:
    """Return the folder with the plugin's sources; raises PluginSourceMissing for a copy without them."""
    folder = Path(svfr_client.__file__).resolve().parent.parent
    if not (folder / "svfr_nuke" / "__init__.py").is_file():
        raise PluginSourceMissing(
            "This copy of SVFR Studio has no Nuke plugin in it.",
            path=folder,
            remedy="Run the command from a checkout: python3 installer/bootstrap.py run install nuke.",
        )
    return folder


def plugin_files(sources: Path) -> dict[str, bytes]:
    """Return the plugin's files by their name in its folder."""
    files: dict[str, bytes] = {}
    for package in ("svfr_nuke", "svfr_client"):
        for path in sorted((sources / package).rglob("*.py")):
            files[path.relative_to(sources).as_posix()] = path.read_bytes()
    for name in STARTED_BY_NUKE:
        files[name] = files.pop(f"svfr_nuke/{name}")
    return files
