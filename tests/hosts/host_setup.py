"""What a test needs and the machine lacks is installed once, by one test process at a time.

Virtual environments of hosts lie in the user's cache and stay there; system packages come from Debian. Two
test processes, or two checkouts, that want the same at once would clear the environment under each other, or
meet apt's lock: the second one waits for the first and finds its work.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_cache_path

INSTALL_SECONDS = 1800


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Hold this user's lock of ``name``; another process waits for it."""
    folder = user_cache_path("svfr") / "hosts"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def cached_venv(name: str, packages: Sequence[str], base: str = sys.executable) -> Path:
    """Return the Python of an environment with these packages; made on first use, by the Python ``base``."""
    folder = user_cache_path("svfr") / "hosts" / name
    python = folder / "bin" / "python"
    wanted, ready = "\n".join(packages), folder / "ready"
    with one_at_a_time(name):
        if not ready.exists() or ready.read_text() != wanted:
            subprocess.run([base, "-m", "venv", "--clear", "--without-pip", str(folder)], check=True)
            into = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
            install = [*into, "--no-compile", *packages]  # few of the modules are ever imported
            subprocess.run(install, check=True, timeout=INSTALL_SECONDS)
            ready.write_text(wanted)
    return python


def debian_packages(*names: str) -> str:
    """Install packages on a machine where this user may; returns what apt says where that fails, else ""."""
    if not shutil.which("apt-get"):
        return "there is no apt-get on this machine"
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    said = ""
    with one_at_a_time("apt"):
        for command in (("update",), ("install", "-y", "--no-install-recommends", *names)):
            whole = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=600", *command]
            done = subprocess.run(
                whole, env=environment, capture_output=True, text=True, timeout=INSTALL_SECONDS
            )
            said = f"{' '.join(whole)}\n{done.stderr[-2000:]}" if done.returncode else ""
    return said
