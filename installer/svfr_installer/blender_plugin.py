"""The Blender extension: built, checked and installed by Blender itself, so that its wheels are unpacked too.

Blender's own command is asked (``blender --command extension install-file``), because only Blender knows
where its repositories are. Where its program is not found the extension is built all the same, and the
user drags the file into Blender's window.
"""

import contextlib
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from svfr_client.reasons import reason_of

from .errors import HostRefused, HostVersionNotSupported

EXTENSION = "user_default.svfr"
REPOSITORY = "user_default"
OLDEST = (4, 2)
COMMAND_SECONDS = 300
_VERSION = re.compile(r"Blender (\d+)\.(\d+)")


@dataclass(frozen=True)
class BlenderTarget:
    """``program`` is Blender's executable; ``resources`` another place for its user files than usual."""

    program: Path
    resources: Path | None = None

    def install_command(self, extension: Path) -> list[str]:
        """Return the command that installs and enables the built extension."""
        return [*self._extension(), "install-file", "--repo", REPOSITORY, "--enable", str(extension)]

    def remove_command(self) -> list[str]:
        """Return the command that removes the extension."""
        return [*self._extension(), "remove", EXTENSION]

    def is_installed(self) -> bool:
        """Return whether Blender lists the extension as installed."""
        listed = self.run([*self._extension(), "list"])
        return re.search(r"^\s*svfr \[.*installed", listed, re.MULTILINE) is not None

    def install(self, extension: Path) -> None:
        """Let Blender install the built extension; raises :class:`HostRefused`, with nothing half installed.

        Blender unpacks before it looks whether everything fits.
        """
        was_installed = self.is_installed()
        try:
            self.run(self.install_command(extension))
        except HostRefused:
            if not was_installed and self.is_installed():
                with contextlib.suppress(HostRefused):
                    self.run(self.remove_command())
            raise

    def require_version(self, wanted: str | None) -> tuple[int, int]:
        """Return the program's version; raises :class:`HostVersionNotSupported` for another or an old one."""
        match = _VERSION.search(self.run([str(self.program), "--version"]))
        found = (int(match.group(1)), int(match.group(2))) if match else (0, 0)
        text = "{}.{}".format(*found)
        if found < OLDEST:
            raise HostVersionNotSupported(
                f"This is Blender {text}.", path=self.program, remedy="The extension needs 4.2 or newer."
            )
        if wanted is not None and text != wanted:
            raise HostVersionNotSupported(
                f"This is Blender {text}, not {wanted}.",
                path=self.program,
                remedy="Name the other program with --blender.",
            )
        return found

    def run(self, command: Sequence[str]) -> str:
        """Run Blender and return what it said; raises :class:`HostRefused`."""
        environment = dict(os.environ)
        if self.resources is not None:
            environment["BLENDER_USER_RESOURCES"] = str(self.resources)
        try:
            answer = subprocess.run(
                list(command),
                capture_output=True,
                text=True,
                env=environment,
                timeout=COMMAND_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as problem:
            raise HostRefused(
                f"Blender could not be run: {reason_of(problem)}.", path=self.program
            ) from problem
        output = (answer.stdout + answer.stderr).strip()
        if answer.returncode != 0:
            last = output.splitlines()[-1] if output else "it said nothing"
            raise HostRefused(
                f"Blender refused: {last}", path=self.program, remedy="Start it and see whether it works."
            )
        return output

    def _extension(self) -> list[str]:
        return [str(self.program), "--command", "extension"]
