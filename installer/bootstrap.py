#!/usr/bin/env python3
"""One file takes a fresh checkout to a running SVFR Studio: ``bootstrap.py demo | test | run | install``.

Standard library only, Python 3.9 or newer to read it and 3.11 or newer to run the server. It makes a virtual
environment ``.venv`` in the checkout, installs PyTorch in the build that suits the machine, then the project
itself in editable form, and remembers what it did in a stamp file, so that every later call starts at once.
Nothing outside the checkout is changed, apart from pip's own download cache.
"""

import argparse
import hashlib
import os
import platform
import re
import shutil
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
CONSTRAINTS = ROOT / "installer" / "constraints.txt"
STAMP = VENV / "svfr-installed.txt"
PREPARE_HOSTS = ROOT / "tests" / "hosts" / "prepare.py"
OLDEST_PYTHON = (3, 11)
TORCH = "torch==2.13.0"
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
EXTRAS = "server,farm,lab"
TEST_EXTRAS = EXTRAS + ",dev"  # what only developers need, installed by `test`
PACKAGE_ROOTS = ("plugin", "server", "ocio", "installer")
FREE_GIB_CPU, FREE_GIB_CUDA = 4, 12
TEST_STEPS: Tuple[Tuple[str, Tuple[str, ...]], ...] = (
    ("ruff check", ("ruff", "check", ".")),
    ("ruff format", ("ruff", "format", "--check", ".")),
    ("mypy", ("mypy",)),
    ("lint-imports", ("lint-imports",)),
)


class CannotInstall(Exception):
    """Something on this machine stands in the way; ``remedy`` says what to do about it."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def say(text: str) -> None:
    """Print one plain line at once, also when the output is a pipe."""
    print("[svfr] " + text, flush=True)


# --- the interpreter and the virtual environment ----------------------------------------------------------


def version_of(command: Sequence[str]) -> Optional[Tuple[int, int]]:
    """Ask an interpreter for its (major, minor) version; None when it does not start."""
    ask = "import sys; print(*sys.version_info[:2])"
    try:
        answer = subprocess.run(
            [*command, "-c", ask],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
            env=own_environment(),
        )
        major, minor = answer.stdout.split()
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return int(major), int(minor)


def find_python() -> List[str]:
    """Return the command of an interpreter new enough for the server: this one, or a newer one beside it."""
    if sys.version_info[:2] >= OLDEST_PYTHON:
        return [sys.executable]
    candidates = [[f"python3.{minor}"] for minor in (13, 12, 11)]
    if os.name == "nt":
        candidates = [["py", f"-3.{minor}"] for minor in (13, 12, 11)] + candidates
    for command in candidates:
        version = version_of(command)
        if version is not None and version >= OLDEST_PYTHON:
            say(f"This is Python {platform.python_version()}; using {command[-1]} for the server.")
            return command
    raise CannotInstall(
        f"The server needs Python 3.11 or newer; {sys.executable} is Python {platform.python_version()}.",
        "Install Python 3.11 or newer (python.org, your package manager or pyenv) and run this with it.",
    )


def venv_program(name: str, windows: bool = os.name == "nt") -> Path:
    """Return the path of a program inside ``.venv`` (Windows keeps them in ``Scripts``)."""
    return VENV / "Scripts" / (name + ".exe") if windows else VENV / "bin" / name


def venv_python() -> Path:
    """Return the interpreter inside ``.venv``."""
    return venv_program("python")


def own_environment() -> Dict[str, str]:
    """Return this process's environment without what leads an interpreter, or pip, to packages elsewhere.

    Film tools set PYTHONPATH for all of a user's terminals; what lies there would count as installed.
    """
    elsewhere = ("PYTHONPATH", "PYTHONHOME", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT")
    return {name: value for name, value in os.environ.items() if name not in elsewhere}


def why_unusable() -> str:
    """Return why the environment in ``.venv`` must be made anew; empty for one that works."""
    version = version_of([str(venv_python())])
    if version is None or version < OLDEST_PYTHON:
        return "does not work any more"
    pip = [str(venv_python()), "-c", "import pip"]
    if subprocess.run(pip, capture_output=True, env=own_environment()).returncode != 0:
        return "is only half made"
    try:
        noted = (VENV / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "is only half made"
    place = re.search(r"^command = .* -m venv (?:--\S+ )*(.+)$", noted, re.MULTILINE)
    if place is not None and os.path.realpath(place.group(1)) != os.path.realpath(str(VENV)):
        return "was made in another place, and its programs start that one's Python"
    return ""


def make_venv() -> None:
    """Create ``.venv``, or leave a working one as it is.

    Raises:
        CannotInstall: the interpreter cannot make virtual environments, or the folder is not writable.
    """
    if venv_python().exists():
        reason = why_unusable()
        if not reason:
            return
        say(f"The environment in .venv {reason}; making it anew.")
    command = [*find_python(), "-m", "venv", "--clear", str(VENV)]
    say("Making a virtual environment in .venv")
    made = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=own_environment()
    )
    if made.returncode == 0:
        return
    if "ensurepip" in made.stdout or "No module named venv" in made.stdout:
        remedy = "On Debian and Ubuntu: sudo apt install python3-venv. Elsewhere: use a Python that has it."
        raise CannotInstall("This Python cannot make virtual environments.", remedy)
    if "PATH separator" in made.stdout:
        remedy = f"Move the checkout to a folder without {os.pathsep!r} in its path."
        raise CannotInstall("No virtual environment can be made here.", remedy)
    raise CannotInstall(
        "The virtual environment could not be made:\n" + made.stdout.strip(),
        f"Check that {ROOT} is writable and has free space.",
    )


# --- pip --------------------------------------------------------------------------------------------------


def _explain(output: str) -> str:
    """Turn pip's output into the one thing that a user can do about the failure."""
    signs = (
        ("No space left", "Free some disk space and run this again; it goes on where it stopped."),
        ("Errno 28", "Free some disk space and run this again; it goes on where it stopped."),
        ("CERTIFICATE_VERIFY", "A proxy re-signs the traffic: point PIP_CERT at its certificate."),
        ("ProxyError", "The proxy refused: check HTTPS_PROXY and run this again."),
        ("NewConnectionError", "No network: connect, or set PIP_INDEX_URL or PIP_FIND_LINKS to a mirror."),
        ("Temporary failure", "No network: connect, or set PIP_INDEX_URL or PIP_FIND_LINKS to a mirror."),
        ("timed out", "The network is too slow: set PIP_DEFAULT_TIMEOUT=180 and run this again."),
        ("No matching distribution", "No build for this Python and system: try Python 3.11 on 64 bits."),
        ("Permission denied", "Make the checkout's folder writable for you and run this again."),
    )
    for sign, remedy in signs:
        if sign in output:
            return remedy
    return "Read pip's message above. Removing the folder .venv and running this again starts afresh."


def pip_install(arguments: Sequence[str], what: str) -> None:
    """Run ``pip install`` and show large downloads and the time it takes, nothing else.

    Raises:
        CannotInstall: pip failed; the message carries the end of what it said.
    """
    command = [str(venv_python()), "-m", "pip", "install", "--no-input", "--progress-bar", "off", *arguments]
    env = dict(own_environment(), PIP_DISABLE_PIP_VERSION_CHECK="1", PYTHONUNBUFFERED="1")
    started, lines = time.monotonic(), []
    process = subprocess.Popen(
        command,
        cwd=str(ROOT),
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        text = line.strip()
        if text.startswith("Downloading") and ("MB" in text or "GB" in text):
            say(f"  {time.monotonic() - started:4.0f} s  {text}")
        elif text.startswith("Installing collected packages"):
            say("  {:4.0f} s  Installing {} packages".format(time.monotonic() - started, text.count(",") + 1))
    if process.wait() != 0:
        output = "".join(lines)
        raise CannotInstall(f"pip could not install {what}:\n{output[-2500:]}", _explain(output))
    say(f"  {time.monotonic() - started:4.0f} s  {what} is in place")


# --- PyTorch in the build that suits the machine -----------------------------------------------------------


def has_nvidia_gpu() -> bool:
    """Return whether an NVIDIA driver is loaded here."""
    if Path("/proc/driver/nvidia/version").exists():
        return True
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    try:
        return subprocess.run([tool, "-L"], capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def answers(url: str, timeout_seconds: float = 4.0) -> bool:
    """Return whether a web server answers within a few seconds, through the proxy where one is set."""
    try:
        with urllib.request.urlopen(url + "/torch/", timeout=timeout_seconds):
            return True
    except urllib.error.HTTPError:
        return False
    except urllib.error.URLError as error:  # a certificate only pip knows about: the server is there
        return isinstance(error.reason, ssl.SSLCertVerificationError)
    except (OSError, ValueError):
        return False


def torch_index(gpu: bool) -> Optional[str]:
    """Return the extra package index for PyTorch, or None where the usual one has the right build.

    ``SVFR_TORCH_INDEX`` overrides the choice, for example with PyTorch's own index for one CUDA version.
    """
    chosen = os.environ.get("SVFR_TORCH_INDEX")
    if chosen:
        return chosen
    if sys.platform == "darwin":
        return None
    if gpu:
        if os.name == "nt":
            say("On Windows the usual PyTorch runs on the CPU only. For the GPU set SVFR_TORCH_INDEX to the")
            say("address that pytorch.org names for your CUDA version, remove .venv and run this again.")
        return None
    if answers(TORCH_CPU_INDEX):
        return TORCH_CPU_INDEX
    say("PyTorch's CPU index does not answer; taking PyTorch from the usual index (it may be larger).")
    return None


def check_disk(gpu: bool) -> None:
    """Raise CannotInstall when the checkout's disk has too little room for the packages."""
    needed = FREE_GIB_CUDA if gpu and os.name != "nt" else FREE_GIB_CPU
    free = shutil.disk_usage(str(ROOT)).free / 2**30
    if free < needed:
        raise CannotInstall(
            f"The packages need about {needed} GiB; the disk of {ROOT} has {free:.1f} GiB free.",
            "Free some space, or move the checkout to a larger disk.",
        )


def install_torch(gpu: bool) -> None:
    """Install the tested PyTorch; when PyTorch's own index fails half-way, take it from the usual one."""
    index = torch_index(gpu)
    say("Installing PyTorch ({})".format("for the NVIDIA GPU" if gpu else "for the CPU"))
    if index is not None:
        try:
            pip_install([TORCH, "--extra-index-url", index], "PyTorch")
            return
        except CannotInstall as error:
            say(f"That index did not deliver ({error.remedy}); trying the usual one.")
    pip_install([TORCH], "PyTorch")


# --- the stamp --------------------------------------------------------------------------------------------


def fingerprint() -> str:
    """Return a hash of everything that decides what must be installed, and of where the checkout lies.

    The names of the packages belong to it: an editable install knows only those that it was made with.
    """
    digest = hashlib.sha256(str(ROOT).encode())
    for path in (ROOT / "pyproject.toml", Path(__file__).resolve()):
        digest.update(path.read_bytes())
    for folder in PACKAGE_ROOTS:
        for name in sorted(p.parent.name for p in (ROOT / folder).glob("svfr*/__init__.py")):
            digest.update(f"{folder}/{name}\n".encode())
    return digest.hexdigest()


def ensure_installed(for_tests: bool = False, locked: bool = False) -> None:
    """Install what is missing; return at once when the stamp says that nothing changed.

    ``for_tests`` adds the developers' tools; once they are there, they stay up to date too. ``locked`` takes
    exactly the versions of ``installer/constraints.txt``, from then on.
    """
    is_there = STAMP.exists() and venv_python().exists()
    noted = STAMP.read_text(encoding="utf-8", errors="replace").strip() if is_there else ""
    extras = TEST_EXTRAS if for_tests or noted.split(" ")[1:2] == [TEST_EXTRAS] else EXTRAS
    locked = locked or noted.endswith(" locked")
    wanted = f"{fingerprint()} {extras}" + (" locked" if locked else "")
    if noted == wanted:
        return
    started = time.monotonic()
    say("First run, or the project changed: installing into .venv (a few minutes).")
    gpu = has_nvidia_gpu()
    if not STAMP.exists():
        check_disk(gpu)
    make_venv()
    install_torch(gpu)
    say("Installing SVFR Studio with its libraries")
    exactly = ["-c", str(CONSTRAINTS)] if locked else []
    pip_install([*exactly, "-e", f".[{extras}]"], "SVFR Studio")
    STAMP.write_text(wanted + "\n", encoding="utf-8")
    say(f"Installed in {time.monotonic() - started:.0f} s. The next run starts at once.")


# --- the commands -----------------------------------------------------------------------------------------


def run(command: Sequence[str], env: Optional[Dict[str, str]] = None) -> int:
    """Run a program of the environment (``python`` or one of its scripts) and return its exit status."""
    try:
        environment = own_environment() if env is None else env
        return subprocess.call([str(venv_program(command[0])), *command[1:]], env=environment)
    except KeyboardInterrupt:  # the child got the same signal and has said what it did about it
        return 130


def run_tests(hosts: bool) -> int:
    """Run the linters, the type checker, the layering contracts and the tests; report every one of them.

    The numeric libraries get one thread each: the parallelism is in the test processes. The linters need one
    core; on another one what the hosts' tests stand on is installed meanwhile.
    """
    workers = max(1, min(4, os.cpu_count() or 1))
    env = dict(own_environment(), OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
    env["PATH"] = str(venv_python().parent) + os.pathsep + env.get("PATH", "")
    selection = [] if hosts else ["-m", "not hosts"]
    # tests/conftest.py sorts the files; xdist would put those of few tests last, however long they take
    shared = ("-n", str(workers), "--dist", "loadfile", "--no-loadscope-reorder")
    pytest = ("pytest", *shared, "--durations", "8", *selection)
    preparing = subprocess.Popen([str(venv_python()), str(PREPARE_HOSTS)], env=env) if hosts else None
    failed = []
    for name, command in (*TEST_STEPS, ("pytest", pytest)):
        started = time.monotonic()
        say(f"--- {name}")
        if run(command, env) != 0:
            failed.append(name)
        say(f"{name} took {time.monotonic() - started:.0f} s")
    if preparing is not None:
        preparing.wait()
    say("FAILED: " + ", ".join(failed) if failed else "Everything passed.")
    return 1 if failed else 0


def parse(arguments: Optional[Sequence[str]]) -> argparse.Namespace:
    """Read the command line; what follows ``demo`` and ``run`` is handed on unread."""
    parser = argparse.ArgumentParser(
        prog="bootstrap.py", description="Install SVFR Studio into .venv of this checkout and run it."
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    only = commands.add_parser("install", help="only install")
    only.add_argument(
        "--locked", action="store_true", help="take exactly the versions of installer/constraints.txt"
    )
    commands.add_parser("demo", help="restore a real clip and show before and after", add_help=False)
    test = commands.add_parser("test", help="run the linters and all tests")
    test.add_argument("--hosts", action="store_true", help="also the tests inside host applications")
    commands.add_parser("run", help="run the svfr command, e.g. run restore --help", add_help=False)
    known, rest = parser.parse_known_args(arguments)
    if rest and known.command not in ("demo", "run"):
        parser.error("unrecognised arguments: " + " ".join(rest))
    known.rest = rest
    return known


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Install when needed, run the command, return the exit status."""
    options = parse(arguments)
    try:
        ensure_installed(options.command == "test", getattr(options, "locked", False))
    except CannotInstall as problem:
        say(f"Could not install. {problem}")
        say(f"What to do: {problem.remedy}")
        return 1
    except OSError as problem:
        say(f"Could not install. {problem.strerror or 'The system refuses'} ({problem.filename or ROOT})")
        say("What to do: see that the disk has space and the checkout's folder is yours to write.")
        return 1
    if options.command == "demo":
        return run(["python", "-m", "svfr_cli.demo", *options.rest])
    if options.command == "run":
        return run(["python", "-m", "svfr_cli.main", *options.rest])
    if options.command == "test":
        os.chdir(str(ROOT))
        return run_tests(options.hosts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
