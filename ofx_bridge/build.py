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
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUNDLE = "SVFR.ofx.bundle"
GLIBC = "2.17"
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


def zmq_libraries() -> dict[str, bytes]:
    """Return the files of the installed pyzmq wheel that go beside the plugin: libraries and licences."""
    try:
        wheel = importlib.metadata.distribution("pyzmq")
    except importlib.metadata.PackageNotFoundError:
        raise CannotBuild("pyzmq is not installed: pip install pyzmq") from None
    files: dict[str, bytes] = {}
    for entry in wheel.files or ():
        name = entry.name
        if name.startswith(("libzmq", "libsodium")) and any(end in name for end in LIBRARY_ENDINGS):
            files[name] = Path(str(wheel.locate_file(entry))).read_bytes()
        elif "licenses" in entry.parts and "dist-info" in str(entry):
            files[f"pyzmq-{name}"] = Path(str(wheel.locate_file(entry))).read_bytes()
    if not any(name.startswith("libzmq") for name in files):
        raise CannotBuild("This pyzmq has no libzmq of its own: install the wheel from PyPI.")
    return files


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
        """Link a program, or a library that exports the three functions of OpenFX and nothing else."""
        target.parent.mkdir(parents=True, exist_ok=True)
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
        objects = [str(path) for path in self.objects(sources)]
        run([*self.compiler, *self.sanitize, *flags, *objects, *system, "-o", str(target)])


def run(command: Sequence[str]) -> None:
    """Run a compiler; raises CannotBuild with what it said."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise CannotBuild(f"{' '.join(command)}\n{done.stderr[-4000:]}")
    if done.stderr.strip():
        print(done.stderr, file=sys.stderr)


def build_bundle(build: Build, out: Path) -> Path:
    """Build the plugin into ``out/SVFR.ofx.bundle`` and return that folder."""
    contents = out / BUNDLE / "Contents"
    shutil.rmtree(contents, ignore_errors=True)  # nothing of an earlier pyzmq may stay
    folder = contents / PLATFORM_FOLDERS[sys.platform]
    build.link(sorted(HERE.glob("src/*.cpp")), folder / "SVFR.ofx", shared=True)
    for name, content in zmq_libraries().items():
        (folder / name).write_bytes(content)
    (contents / "Info.plist").write_text(INFO_PLIST, encoding="utf-8")
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
    parser.add_argument("--tools", type=Path, help="also build the test host into this folder")
    parser.add_argument("--sanitize", help="for example address,undefined")
    parser.add_argument("--optimise", default="-O2", help="default -O2")
    asked = parser.parse_args()
    try:
        work = asked.out / "objects"
        build = Build(find_compiler(asked.zig), work, asked.sanitize, asked.optimise)
        print(build_bundle(build, asked.out))
        if asked.tools:
            build_tools(build, asked.tools)
    except CannotBuild as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
