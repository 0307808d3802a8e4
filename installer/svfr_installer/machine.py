"""Where hosts keep their users' files, on the three systems, and what kind of machine this is."""

import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .errors import PlatformNotSupported

OLDEST_BLENDER = (4, 2)
_VERSION = re.compile(r"(\d+)\.(\d+)\Z")


@dataclass(frozen=True)
class Machine:
    """``system``: linux, macos or windows; ``cpu``: x64 or arm64; the rest for finding folders."""

    system: str
    cpu: str
    home: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def this(cls) -> "Machine":
        """Return the machine this program runs on."""
        system = {"darwin": "macos", "win32": "windows"}.get(sys.platform, "linux")
        cpu = "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "x64"
        return cls(system, cpu, Path.home(), dict(os.environ))

    @property
    def kind(self) -> str:
        """Return for instance "linux-x64"."""
        return f"{self.system}-{self.cpu}"

    def nuke_folder(self) -> Path:
        """Return the user's ``.nuke``; it need not exist yet."""
        return self.home / ".nuke"

    def blender_config(self) -> Path:
        """Return the folder that holds one folder for each version of Blender."""
        if self.system == "windows":
            roaming = self.environment.get("APPDATA")
            base = Path(roaming) if roaming else self.home / "AppData" / "Roaming"
            return base / "Blender Foundation" / "Blender"
        if self.system == "macos":
            return self.home / "Library" / "Application Support" / "Blender"
        configured = self.environment.get("XDG_CONFIG_HOME")
        return (Path(configured) if configured else self.home / ".config") / "blender"

    def blender_versions(self) -> list[str]:
        """Return the versions of Blender that were used here and are new enough, newest first."""
        folder = self.blender_config()
        names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
        found = [(int(m.group(1)), int(m.group(2))) for m in map(_VERSION.match, names) if m]
        return [
            f"{major}.{minor}"
            for major, minor in sorted(found, reverse=True)
            if (major, minor) >= OLDEST_BLENDER
        ]

    def blender_program(self) -> Path | None:
        """Return Blender's program: on the path, or where its installers put it; None if there is none."""
        found = shutil.which("blender", path=self.environment.get("PATH", ""))
        if found:
            return Path(found)
        if self.system == "macos":
            candidates = [Path("/Applications/Blender.app/Contents/MacOS/Blender")]
        elif self.system == "windows":
            base = Path(self.environment.get("PROGRAMFILES", "C:/Program Files")) / "Blender Foundation"
            candidates = sorted(base.glob("Blender */blender.exe"), reverse=True)
        else:
            candidates = [
                Path("/snap/bin/blender"),
                *sorted(Path("/opt").glob("blender*/blender"), reverse=True),
            ]
        return next((path for path in candidates if path.is_file()), None)

    def service_file(self) -> Path:
        """Return where this user's service is described.

        Raises :class:`~svfr_installer.errors.PlatformNotSupported` on Windows, which has no such file.
        """
        if self.system == "linux":
            configured = self.environment.get("XDG_CONFIG_HOME")
            base = Path(configured) if configured else self.home / ".config"
            return base / "systemd" / "user" / "svfr.service"
        if self.system == "macos":
            return self.home / "Library" / "LaunchAgents" / "studio.svfr.server.plist"
        raise PlatformNotSupported("Windows keeps no file for a user's service.")


def server_program() -> Path:
    """Return the ``svfr`` of the environment that this Python belongs to: what hosts start a server with."""
    return Path(sys.executable).with_name("svfr.exe" if sys.platform == "win32" else "svfr")


def command_text(command: Sequence[str]) -> str:
    """Return a command as it is typed into this machine's terminal, paths with spaces in quotes."""
    return subprocess.list2cmdline(list(command)) if sys.platform == "win32" else shlex.join(command)
