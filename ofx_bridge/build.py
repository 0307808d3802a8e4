#!/usr/bin/env python3
"""Build the OpenFX plugin: ``python ofx_bridge/build.py OUT`` writes ``OUT/SVFR.ofx.bundle``.

Needs a C++17 compiler (Debian: ``g++``), or ``--zig`` with ``pip install ziglang``, which builds for glibc
2.17 and so for every Linux that a host supports; and an installed pyzmq wheel, whose libzmq and libsodium go
into the bundle. Standard library only. ``--tools DIR`` also builds the test host and the protocol probe.
"""

import argparse
import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path, PurePosixPath

HERE = Path(__file__).resolve().parent
BUNDLE = "SVFR.ofx.bundle"
GLIBC = "2.17"
# The last of which there is a wheel whose libraries want nothing newer.
OLD_WHEEL = "pip download pyzmq==26.4.0 --no-deps --only-binary=:all: --platform manylinux2014_x86_64"
PLATFORM_FOLDERS = {"linux": "Linux-x86-64", "darwin": "MacOS", "win32": "Win64"}
WARNINGS = ("-Wall", "-Wextra")
LIBRARY_ENDINGS = (".so", ".dylib", ".dll")
INFO_PLIST = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
<key>CFBundleExecutable</key><string>SVFR.ofx</string>
<key>CFBundleIdentifier</key><string>studio.svfr.restore</string>
<key>CFBundleInfoDictionaryVersion</key><string>6.0</string>
<key>CFBundlePackageType</key><string>BNDL</string>
<key>CFBundleVersion</key><string>1.0</string>
</dict></plist>
"""


class CannotBuild(Exception):
    """Something is missing; the text says what, and what to do."""


def find_compiler(zig: bool) -> list[str]:
    """Return the command of a C++ compiler; raises CannotBuild if there is none."""
    if zig:
        machine = {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
        target = ["-target", f"{machine}-linux-gnu.{GLIBC}"] if sys.platform == "linux" else []
        if importlib.util.find_spec("ziglang") is None:
            raise CannotBuild("There is no zig here. Install it with: pip install ziglang")
        return [sys.executable, "-m", "ziglang", "c++", *target]
    asked = os.environ.get("CXX")
    for name in [asked] if asked else ["g++", "clang++", "c++"]:
        if name and shutil.which(name):
            return [name]
    raise CannotBuild(
        "There is no C++ compiler here. On Debian and Ubuntu: sudo apt install g++. "
        "Elsewhere: pip install ziglang, and give --zig."
    )


def files_of_pyzmq(wheel: Path | None) -> Iterator[tuple[PurePosixPath, Callable[[], bytes]]]:
    """Yield the names in a pyzmq wheel, the given or the installed one, and what reads each file."""
    if wheel is not None:
        with zipfile.ZipFile(wheel) as packed:
            for name in packed.namelist():
                yield PurePosixPath(name), partial(packed.read, name)
        return
    try:
        installed = importlib.metadata.distribution("pyzmq")
    except importlib.metadata.PackageNotFoundError:
        raise CannotBuild("pyzmq is not installed: pip install pyzmq") from None
    for entry in installed.files or ():
        yield entry, Path(str(installed.locate_file(entry))).read_bytes


def zmq_libraries(wheel: Path | None) -> dict[str, bytes]:
    """Return the files of pyzmq that go beside the plugin: libraries and licences."""
    files: dict[str, bytes] = {}
    for entry, read in files_of_pyzmq(wheel):
        name = entry.name
        if name.startswith(("libzmq", "libsodium")) and any(end in name for end in LIBRARY_ENDINGS):
            files[name] = read()
        elif "licenses" in entry.parts and "dist-info" in str(entry):
            files[f"pyzmq-{name}"] = read()
    if not any(name.startswith("libzmq") for name in files):
        raise CannotBuild("This pyzmq has no libzmq of its own: install the wheel from PyPI.")
    return files


def glibc_of(library: bytes) -> tuple[int, ...]:
    """Return the newest version of glibc that an ELF library asks for; (0,) if it asks for none."""
    named = re.findall(rb"\0GLIBC_([0-9.]+)(?=\0)", library)
    return max((tuple(map(int, version.split(b"."))) for version in named), default=(0,))


def say_where_it_runs(folder: Path, zig: bool) -> None:
    """Print how new a Linux the files of the bundle want, and how one that wants less is made."""
    needs = max(glibc_of(path.read_bytes()) for path in folder.iterdir())
    if not any(needs):
        return
    version, oldest = ".".join(map(str, needs)), tuple(map(int, GLIBC.split(".")))
    print(f"It runs on Linux with glibc {version} or newer.")
    if zig and needs > oldest:
        print(f"For {GLIBC}: {OLD_WHEEL}; and give --wheel FILE.")


class Build:
    """One compiler with its flags; objects of the same sources and flags are kept."""

    def __init__(self, compiler: Sequence[str], work: Path, sanitize: str | None, optimise: str) -> None:
        self.compiler = list(compiler)
        self.work = work
        self.flags = ["-std=c++17", optimise, "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", *WARNINGS]
        self.sanitize = [f"-fsanitize={sanitize}", "-fno-sanitize-recover=all", "-g"] if sanitize else []

    def objects(self, sources: Sequence[Path]) -> list[Path]:
        """Compile what is not up to date, some at a time."""
        headers = sorted([*HERE.glob("src/*.h*"), *HERE.glob("testhost/*.h*")])
        command = [*self.compiler, *self.flags, *self.sanitize]
        shared = hashlib.sha256(repr(command).encode() + b"".join(path.read_bytes() for path in headers))
        self.work.mkdir(parents=True, exist_ok=True)

        def compile_one(source: Path) -> Path:
            target = self.work / f"{source.parent.name}-{source.stem}.o"
            key = shared.copy()
            key.update(source.read_bytes())
            note = target.with_suffix(".sha256")
            if not target.exists() or not note.exists() or note.read_text() != key.hexdigest():
                run([*command, "-c", str(source), "-o", str(target)])
                note.write_text(key.hexdigest())
            return target

        with ThreadPoolExecutor(max(1, min(4, os.cpu_count() or 1))) as pool:
            return list(pool.map(compile_one, sources))

    def link(self, sources: Sequence[Path], target: Path, shared: bool) -> None:
        """Link what is not up to date: a program, or a library that exports OpenFX's three functions."""
        flags: list[str] = []
        if shared:
            flags = ["-shared"]
            if sys.platform == "darwin":
                flags += [f"-Wl,-exported_symbols_list,{HERE / 'exports.txt'}"]
            elif sys.platform != "win32":
                flags += [f"-Wl,--version-script={HERE / 'exports.map'}"]
        if "ziglang" in self.compiler:
            flags += ["-s"]
        elif sys.platform == "linux" and not self.sanitize:
            flags += ["-static-libstdc++", "-static-libgcc", "-Wl,--exclude-libs,ALL", "-s"]
        system = {"linux": ["-ldl", "-lpthread"], "win32": ["-lws2_32"]}.get(sys.platform, [])
        objects = self.objects(sources)
        command = [*self.compiler, *self.sanitize, *flags, *map(str, objects), *system]
        made_of = [repr(command).encode(), *(path.read_bytes() for path in objects)]
        key = hashlib.sha256(b"".join(made_of)).hexdigest()
        linked, note = self.work / target.name, self.work / f"{target.name}.sha256"
        if not linked.exists() or not note.exists() or note.read_text() != key:
            run([*command, "-o", str(linked)])
            note.write_text(key)
        put(target, linked.read_bytes(), linked.stat().st_mode & 0o777)


def run(command: Sequence[str]) -> None:
    """Run a compiler; raises CannotBuild with what it said."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise CannotBuild(f"{' '.join(command)}\n{done.stderr[-4000:]}")
    if done.stderr.strip():
        print(done.stderr, file=sys.stderr)


def put(target: Path, content: bytes, mode: int = 0o644) -> None:
    """Let ``target`` hold ``content``; it is replaced whole, because a host may have the old file open."""
    if target.is_file() and target.read_bytes() == content and target.stat().st_mode & 0o777 == mode:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    beside.write_bytes(content)
    beside.chmod(mode)
    beside.replace(target)


def build_bundle(build: Build, out: Path, wheel: Path | None) -> Path:
    """Build the plugin into ``out/SVFR.ofx.bundle`` and return that folder."""
    contents = out / BUNDLE / "Contents"
    folder = contents / PLATFORM_FOLDERS[sys.platform]
    libraries = zmq_libraries(wheel)
    build.link(sorted(HERE.glob("src/*.cpp")), folder / "SVFR.ofx", shared=True)
    for name, content in libraries.items():
        put(folder / name, content)
    put(contents / "Info.plist", INFO_PLIST.encode())
    expected = {contents / "Info.plist", folder / "SVFR.ofx", *(folder / name for name in libraries)}
    for path in [path for path in contents.rglob("*") if not path.is_dir()]:
        if path not in expected:  # nothing of an earlier pyzmq or of another platform may stay
            path.unlink()
    return out / BUNDLE


def build_tools(build: Build, folder: Path) -> None:
    """Build the test host and the protocol probe, which the tests drive."""
    shared = [HERE / "src" / f"{name}.cpp" for name in ("json", "wire", "sha256", "exr")]
    host = [HERE / "src" / "json.cpp", *sorted(HERE.glob("testhost/host_*.cpp"))]
    build.link(host, folder / "svfr_testhost", shared=False)
    build.link([*shared, HERE / "testhost" / "probe.cpp"], folder / "svfr_probe", shared=False)


def main() -> int:
    """Build what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path, help="folder that gets the bundle")
    parser.add_argument("--zig", action="store_true", help="compile with ziglang, for glibc 2.17")
    parser.add_argument("--wheel", type=Path, help="pyzmq wheel to take libzmq from; else the installed one")
    parser.add_argument("--tools", type=Path, help="also build the test host into this folder")
    parser.add_argument("--sanitize", help="for example address,undefined")
    parser.add_argument("--optimise", default="-O2", help="default -O2")
    asked = parser.parse_args()
    try:
        work = asked.out / "objects"
        build = Build(find_compiler(asked.zig), work, asked.sanitize, asked.optimise)
        bundle = build_bundle(build, asked.out, asked.wheel)
        print(bundle)
        say_where_it_runs(bundle / "Contents" / PLATFORM_FOLDERS[sys.platform], asked.zig)
        if asked.tools:
            build_tools(build, asked.tools)
    except CannotBuild as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
