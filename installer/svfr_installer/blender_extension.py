"""Build the Blender extension: our files, svfr_client inside, pyzmq wheels; a zip for each Python of Blender.

The extension is GPL-3.0-or-later and carries everything it needs, so that nothing is installed by pip on an
artist's machine. Blender's own extension tool builds it where there is one (``blender --command extension``,
or the tool inside a ``bpy`` wheel); elsewhere the same archive is written here.

    python -m svfr_installer.blender_extension OUT_FOLDER [--wheels FOLDER] [--tool PROGRAM]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from platformdirs import user_cache_path

from svfr_client.errors import SvfrError
from svfr_client.files import write_whole
from svfr_client.version import VERSION

from .errors import CannotBuildExtension

PYZMQ_VERSION = "27.3.0"
PLUGIN_FOLDER = Path(__file__).resolve().parents[2] / "plugin"
EXTENSION_FOLDER = PLUGIN_FOLDER / "svfr_blender"
CLIENT_FOLDER = PLUGIN_FOLDER / "svfr_client"
_FIXED_DATE = (2020, 1, 1, 0, 0, 0)
_MANIFEST = "blender_manifest.toml"
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", "py.typed")
_PIP_SECONDS = 300


@dataclass(frozen=True)
class Target:
    """A platform in Blender's words, and pip's tags of the wheels that run there."""

    platform: str
    tags: tuple[str, ...]


# The tags of the wheels that pyzmq publishes.
TARGETS = (
    Target("linux-x64", ("manylinux2014_x86_64", "manylinux_2_26_x86_64", "manylinux_2_28_x86_64")),
    Target("windows-x64", ("win_amd64",)),
    Target("windows-arm64", ("win_arm64",)),
    Target("macos-arm64", ("macosx_11_0_arm64", "macosx_10_15_universal2")),
    Target("macos-x64", ("macosx_10_15_universal2",)),
)


@dataclass(frozen=True)
class Edition:
    """One zip: the versions of Blender that it is for, first to before last, and the wheels of their Python.

    Blender unpacks every wheel of a zip whatever its own Python, and refuses the zip for one that does not
    fit: versions with different Pythons need different zips.
    """

    name: str
    first: tuple[int, int]
    before: tuple[int, int] | None
    python: str
    abi: str


# Blender 5.1 and later have Python 3.13, which takes pyzmq's stable-ABI wheel.
EDITIONS = (
    Edition(name="blender4.2-5.0", first=(4, 2), before=(5, 1), python="3.11", abi="cp311"),
    Edition(name="blender5.1", first=(5, 1), before=None, python="3.13", abi="abi3"),
)
# What the bundled wheels hold: the binding, and libzmq and libsodium inside it.
_COPYRIGHT = (
    "2010-2025 PyZMQ Developers",
    "2007-2025 Contributors to ZeroMQ",
    "2013-2025 Frank Denis",
)


def edition_for(version: tuple[int, int]) -> Edition:
    """Return the edition for a version of Blender, 4.2 or newer."""
    return next(one for one in reversed(EDITIONS) if version >= one.first or one is EDITIONS[0])


def build_extension(
    out: Path,
    *,
    edition: Edition = EDITIONS[0],
    wheel_folder: Path | None = None,
    tool: Sequence[str] | None = None,
) -> Path:
    """Build one edition of the extension and return the zip's path.

    ``out``: the zip to write, or a folder for it. ``wheel_folder``: where pyzmq's wheels lie, for machines
    without network; None fetches them with pip once and keeps them in the user's cache. ``tool``: a command
    that takes ``build`` and ``validate`` as Blender's does; None finds one. Raises CannotBuildExtension.
    """
    with tempfile.TemporaryDirectory(prefix="svfr-blender-") as scratch:
        staged = stage_extension(Path(scratch) / "svfr", find_wheels(edition, wheel_folder), edition)
        name = f"{_manifest_value('id')}-{VERSION}-{edition.name}.zip"
        target = out if out.suffix == ".zip" else out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        command = find_tool() if tool is None else list(tool)
        if command is None:
            write_archive(staged, target)
        else:
            _run(command, "build", "--source-dir", str(staged), "--output-filepath", str(target))
            _run(command, "validate", str(target))
    return target


def stage_extension(draft: Path, wheels: Sequence[Path], edition: Edition = EDITIONS[0]) -> Path:
    """Lay out the extension as it goes into the zip and return the folder."""
    shutil.copytree(EXTENSION_FOLDER, draft, ignore=_LEFT_OUT)
    shutil.copytree(CLIENT_FOLDER, draft / "svfr_client", ignore=_LEFT_OUT)
    (draft / "wheels").mkdir()
    for wheel in wheels:
        shutil.copy(wheel, draft / "wheels" / wheel.name)
    platforms = [target.platform for target in TARGETS if any(_fits(wheel, target) for wheel in wheels)]
    versions = [f'version = "{VERSION}"', 'blender_version_min = "{}.{}.0"'.format(*edition.first)]
    if edition.before is not None:
        versions.append('blender_version_max = "{}.{}.0"'.format(*edition.before))
    lists = [
        *versions,
        "copyright = [" + ", ".join(f'"{name}"' for name in _COPYRIGHT) + "]",
        "platforms = [" + ", ".join(f'"{name}"' for name in platforms) + "]",
        "wheels = [",
        *(f'  "./wheels/{wheel.name}",' for wheel in wheels),
        "]",
    ]
    head, permissions, tail = (draft / _MANIFEST).read_text(encoding="utf-8").partition("[permissions]")
    head = re.sub(r"(?m)^#.*\n", "", head).rstrip()
    (draft / _MANIFEST).write_text("\n".join([head, *lists, "", permissions + tail]), encoding="utf-8")
    return draft


def find_wheels(edition: Edition, folder: Path | None = None) -> list[Path]:
    """Return the pyzmq wheels of an edition for every platform that they can be had for.

    Raises CannotBuildExtension when there is none.
    """
    if folder is None:
        folder = user_cache_path("svfr") / "wheels" / f"pyzmq-{PYZMQ_VERSION}"
        folder.mkdir(parents=True, exist_ok=True)
        for target in TARGETS:
            if not _wheels_for(folder, target, edition.abi):
                _fetch(folder, target, edition.python, edition.abi)
    found = {wheel for target in TARGETS for wheel in _wheels_for(folder, target, edition.abi)}
    if not found:
        raise CannotBuildExtension(
            f"There is no pyzmq wheel for Blender's Python {edition.python}.",
            path=folder,
            remedy=f"Connect to the network once, or put the wheels of pyzmq {PYZMQ_VERSION} there.",
        )
    return sorted(found)


def find_tool() -> list[str] | None:
    """Return the command of Blender's extension tool, or None.

    Looked for: ``$SVFR_BLENDER``, ``blender`` on the PATH (4.2 or newer), the cached bpy environments.
    """
    for program in (os.environ.get("SVFR_BLENDER"), shutil.which("blender")):
        if program and _knows_extensions(program):
            return [program, "--command", "extension"]
    scripts = sorted(user_cache_path("svfr").glob("hosts/bpy-*/lib/python*/site-packages/bpy/*/scripts"))
    for folder in reversed(scripts):
        script = folder / "addons_core" / "bl_pkg" / "cli" / "blender_ext.py"
        if script.is_file():
            return [sys.executable, str(script)]
    return None


def write_archive(staged: Path, target: Path) -> None:
    """Write the zip ourselves: sorted names and one date, so that equal files give equal bytes."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(staged.rglob("*")):
            if path.is_file():
                info = zipfile.ZipInfo(path.relative_to(staged).as_posix(), _FIXED_DATE)
                info.compress_type = zipfile.ZIP_DEFLATED
                info.external_attr = 0o644 << 16
                archive.writestr(info, path.read_bytes())


def write_index(folder: Path, archives: Sequence[Path]) -> Path:
    """Write the index that makes a folder of zips a repository: Blender updates from its address.

    Layout as Blender's own tool writes it (``server-generate``), version v1 of its repositories.
    """
    entries = []
    for archive in archives:
        with zipfile.ZipFile(archive) as opened:
            manifest = tomllib.loads(opened.read(_MANIFEST).decode("utf-8"))
        content = archive.read_bytes()
        manifest.pop("wheels", None)
        entries.append(
            {
                **manifest,
                "archive_url": f"./{quote(archive.name)}",
                "archive_size": len(content),
                "archive_hash": f"sha256:{hashlib.sha256(content).hexdigest()}",
            }
        )
    index = folder / "index.json"
    write_whole(index, json.dumps({"version": "v1", "blocklist": [], "data": entries}, indent=2) + "\n")
    return index


def _wheels_for(folder: Path, target: Target, abi: str) -> list[Path]:
    found = [wheel for wheel in folder.glob("pyzmq-*.whl") if _fits(wheel, target)]
    return [wheel for wheel in found if f"-{abi}-" in wheel.name][:1]


def _fits(wheel: Path, target: Target) -> bool:
    platforms = wheel.stem.split("-")[-1].split(".")
    return any(tag in platforms for tag in target.tags)


def _fetch(folder: Path, target: Target, python: str, abi: str) -> None:
    """Ask pip for one wheel; a platform it has none for is left out."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--python-version", python, "--implementation", "cp", "--abi", abi, "-d", str(folder)]
    for tag in target.tags:
        command += ["--platform", tag]
    command.append(f"pyzmq=={PYZMQ_VERSION}")
    subprocess.run(command, capture_output=True, timeout=_PIP_SECONDS, check=False)


def _knows_extensions(program: str) -> bool:
    try:
        asked = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return False
    found = re.search(r"Blender (\d+)\.(\d+)", asked.stdout)
    return found is not None and (int(found[1]), int(found[2])) >= (4, 2)


def _manifest_value(key: str) -> str:
    text = (EXTENSION_FOLDER / "blender_manifest.toml").read_text(encoding="utf-8")
    found = re.search(rf'(?m)^{key} = "([^"]+)"', text)
    assert found is not None, f"the manifest lacks {key}"
    return found[1]


def _run(command: Sequence[str], *arguments: str) -> None:
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=_PIP_SECONDS)
    if done.returncode != 0:
        output = (done.stdout + done.stderr).strip()[-1500:]
        raise CannotBuildExtension(
            f"Blender's extension tool refused the extension: {output}", remedy="Fix what it names."
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the zips and their index from the command line and print the paths of the zips."""
    parser = argparse.ArgumentParser(prog="python -m svfr_installer.blender_extension", description=__doc__)
    parser.add_argument("out", type=Path, help="a folder for the zips")
    parser.add_argument("--wheels", type=Path, default=None, help="folder with pyzmq wheels; default: pip")
    parser.add_argument("--tool", default=None, help="a Blender program; default: found by itself")
    given = parser.parse_args(arguments)
    tool = None if given.tool is None else [given.tool, "--command", "extension"]
    try:
        archives = [
            build_extension(given.out, edition=edition, wheel_folder=given.wheels, tool=tool)
            for edition in EDITIONS
        ]
        write_index(given.out, archives)
        print("\n".join(map(str, archives)))
    except SvfrError as problem:
        print(f"[{problem.code}] {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
