"""The OpenFX plugin: a bundle in the folder that every OpenFX host looks into.

``SVFR.ofx.bundle`` is built for this machine by ``ofx_bridge/build.py``, or was built elsewhere and is
given. The folder for all users is the one of the OpenFX specification; the one for a single user is found by
hosts only through ``OFX_PLUGIN_PATH``, which is the user's to set.
"""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from svfr_client.reasons import reason_of

from . import plan
from .errors import BundleIsDamaged, CannotBuildBundle, CannotChangeFile, PluginSourceMissing
from .machine import Machine
from .plan import Plan

BUNDLE = "SVFR.ofx.bundle"
LIBRARY = "SVFR.ofx"
PLUGIN_PATH = "OFX_PLUGIN_PATH"
PLATFORM_FOLDERS = {"linux": "Linux-x86-64", "macos": "MacOS", "windows": "Win64"}
_CHECK_SECONDS = 60
_CHECK = (
    "import ctypes, pathlib, sys\n"
    "folder = pathlib.Path(sys.argv[1])\n"
    "assert ctypes.CDLL(str(folder / 'SVFR.ofx')).OfxGetNumberOfPlugins() == 1, 'it holds no plugin'\n"
    "zmq = [path for path in folder.iterdir() if path.name.startswith('libzmq')]\n"
    "assert zmq, 'libzmq is missing'\n"
    "assert ctypes.CDLL(str(zmq[0])).zmq_has(b'curve') == 1, 'libzmq cannot encrypt'\n"
)


@dataclass(frozen=True)
class OfxTarget:
    """``plugins``: the folder of OpenFX plugins; ``system``: linux, macos or windows."""

    plugins: Path
    system: str

    @classmethod
    def for_all_users(cls, machine: Machine) -> "OfxTarget":
        """Return the folder of the OpenFX specification."""
        if machine.system == "windows":
            common = machine.environment.get("COMMONPROGRAMFILES", "C:/Program Files/Common Files")
            return cls(Path(common) / "OFX" / "Plugins", machine.system)
        if machine.system == "macos":
            return cls(Path("/Library/OFX/Plugins"), machine.system)
        return cls(Path("/usr/OFX/Plugins"), machine.system)

    @classmethod
    def for_this_user(cls, machine: Machine) -> "OfxTarget":
        """Return a folder of this user's own, which ``OFX_PLUGIN_PATH`` has to name."""
        if machine.system == "windows":
            base = machine.environment.get("LOCALAPPDATA")
            local = Path(base) if base else machine.home / "AppData" / "Local"
            return cls(local / "OFX" / "Plugins", machine.system)
        if machine.system == "macos":
            return cls(machine.home / "Library" / "OFX" / "Plugins", machine.system)
        return cls(machine.home / ".local" / "share" / "OFX" / "Plugins", machine.system)

    @classmethod
    def where_hosts_search(cls, machine: Machine) -> "list[OfxTarget]":
        """Return the folders for all users and for this one, and those that ``OFX_PLUGIN_PATH`` names."""
        named = filter(None, machine.environment.get(PLUGIN_PATH, "").split(os.pathsep))
        found = [cls.for_all_users(machine), cls.for_this_user(machine)]
        found += [cls(Path(folder).absolute(), machine.system) for folder in named]
        return list(dict.fromkeys(found))

    def install_command(self, machine: Machine) -> str:
        """Return the command that installs the plugin here."""
        if self == OfxTarget.for_all_users(machine):
            return "svfr install ofx"
        if self == OfxTarget.for_this_user(machine):
            return "svfr install ofx --user"
        return f"svfr install ofx --prefix {shlex.quote(str(self.plugins))}"

    @property
    def folder(self) -> Path:
        """The bundle's own folder."""
        return self.plugins / BUNDLE

    @property
    def library_folder(self) -> Path:
        """The folder inside the bundle that holds this system's library."""
        return self.folder / "Contents" / PLATFORM_FOLDERS[self.system]


def check_writable(target: OfxTarget) -> None:
    """Raise :class:`~svfr_installer.errors.CannotChangeFile` where this user may not put a plugin."""
    place = target.plugins
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as problem:
        raise CannotChangeFile(
            f"The folder of plugins cannot be written to: {reason_of(problem)}.",
            path=target.plugins,
            remedy="Install as an administrator (sudo), or for yourself alone with --user.",
        ) from problem


def plan_install(target: OfxTarget, bundle: Path) -> Plan:
    """Return the plan that installs a built bundle, or brings it up to date.

    Raises :class:`~svfr_installer.errors.BundleIsDamaged` for one without a library for this system, and
    :class:`~svfr_installer.errors.FolderIsNotOurs`.
    """
    bundle = bundle / BUNDLE if (bundle / BUNDLE).is_dir() else bundle
    library = bundle / "Contents" / PLATFORM_FOLDERS[target.system] / LIBRARY
    if not library.is_file():
        raise BundleIsDamaged(
            f"The bundle holds no library for {target.system}.",
            path=library,
            remedy=f"Name the folder {BUNDLE}; ofx_bridge/build.py makes it on such a machine.",
        )
    files = {
        path.relative_to(bundle).as_posix(): path.read_bytes()
        for path in sorted(bundle.rglob("*"))
        if path.is_file() and path.name != plan.NOTE
    }
    return plan.install_folder(target.folder, files, {})


def plan_uninstall(target: OfxTarget) -> Plan:
    """Return the plan that removes the bundle and nothing else."""
    return plan.remove_folder(target.folder)


def build_script() -> Path:
    """Return ``ofx_bridge/build.py`` of the checkout; raises PluginSourceMissing for a copy without it."""
    script = Path(__file__).resolve().parents[2] / "ofx_bridge" / "build.py"
    if not script.is_file():
        raise PluginSourceMissing(
            "This copy of SVFR Studio has no source of the OpenFX plugin in it.",
            path=script,
            remedy="Give a built bundle with --bundle, or run the command from a checkout.",
        )
    return script


def build_bundle(out: Path, options: Sequence[str] = ()) -> Path:
    """Build the bundle for this machine into the folder ``out`` and return it.

    Raises :class:`~svfr_installer.errors.CannotBuildBundle` with what the compiler said.
    """
    command = [sys.executable, str(build_script()), str(out), *options]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        remedy = "Install a C++ compiler, or give a built bundle with --bundle."
        raise CannotBuildBundle(done.stderr.strip()[-2000:] or "The build failed.", remedy=remedy)
    return out / BUNDLE


def check_bundle(target: OfxTarget) -> str:
    """Load the installed library and its libzmq in another process; return what is wrong, or nothing."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _CHECK, str(target.library_folder)],
            capture_output=True,
            text=True,
            timeout=_CHECK_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return "loading it takes more than a minute"
    if done.returncode == 0:
        return ""
    return done.stderr.strip().rpartition("\n")[2] or f"loading it ended with {done.returncode}"
