"""Builds packages one after the other in a process beside this one, which goes on computing meanwhile.

A thread would hold Python's lock for most of a compiler's time, and a compiler that crashes would take the
job with it. The process is of low priority, ends when this one does, and is given up after an hour.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections import deque
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

from svfr.compiled.calls import Call
from svfr.compiled.folder import PackageFolder
from svfr.compiled.recipe import Recipe
from svfr_client.errors import SvfrError
from svfr_client.reasons import in_one_line, reason_of

MOST_SECONDS = 3600.0
_PACKAGES = ("svfr", "svfr_client")


class CompileBeside:
    """A queue of calls to build packages for, and what went wrong with those that could not be built."""

    def __init__(self, folder: PackageFolder) -> None:
        self._folder = folder
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Recipe, Call]] = deque()
        self._known: set[tuple[str, Call]] = set()
        self._thread: threading.Thread | None = None
        self._problems: list[str] = []

    @property
    def is_running(self) -> bool:
        """Whether something is being built."""
        with self._changed:
            return self._thread is not None

    def ask(self, recipe: Recipe, call: Call) -> None:
        """Have a package built, once; returns at once."""
        with self._changed:
            if (recipe.key, call) in self._known:
                return
            self._known.add((recipe.key, call))
            self._waiting.append((recipe, call))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="svfr-compile", daemon=True)
                self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Wait until nothing is being built; returns whether that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: self._thread is None, seconds)

    def note(self, problem: str) -> None:
        """Keep a sentence on what went wrong for :meth:`take_problems`."""
        with self._changed:
            self._problems.append(problem)

    def take_problems(self) -> list[str]:
        """Return what could not be built or read and why, in sentences, each once."""
        with self._changed:
            taken, self._problems = self._problems, []
            return taken

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._waiting:
                    self._thread = None
                    self._changed.notify_all()
                    return
                recipe, call = self._waiting.popleft()
            problem = self._built(recipe, call)
            if problem is not None:
                self.note(f"A network could not be compiled ({problem}): it runs as before, which is slower.")

    def _built(self, recipe: Recipe, call: Call) -> str | None:
        """Build one package; returns why it could not be done."""
        try:
            work = self._folder.make_work()
        except OSError as error:
            return reason_of(error)
        try:
            target = work / "package.pt2"
            order = {"recipe": asdict(recipe), "call": asdict(call), "target": str(target)}
            child = subprocess.Popen(
                [sys.executable, "-P", "-m", "svfr.compiled.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_environment(work),
                text=True,
                start_new_session=True,
            )
            assert child.stdin is not None and child.stdout is not None
            with child, _Deadline(child):
                child.stdin.write(json.dumps(order) + "\n")
                child.stdin.flush()  # and not closed: its end would be this process's
                answer = child.stdout.read()
            if child.returncode == 0 and target.is_file():
                self._folder.take(target, recipe.key, call)
                return None
            return in_one_line(answer) if answer.strip() else f"the compiler ended with {child.returncode}"
        except (OSError, SvfrError) as error:
            return reason_of(error)
        finally:
            shutil.rmtree(work, ignore_errors=True)


class _Deadline:
    """Ends a process that takes too long."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._timer = threading.Timer(MOST_SECONDS, child.kill)

    def __enter__(self) -> None:
        self._timer.daemon = True
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


def _environment(work: Path) -> dict[str, str]:
    """Return the child's environment: our packages, and every cache of a compiler inside the folder.

    The places where compilers keep theirs by default, below the user's home, are closed to a worker that the
    kernel confines.
    """
    specs = [find_spec(name) for name in _PACKAGES]
    ours = [str(Path(place).parent) for s in specs if s for place in s.submodule_search_locations or ()]
    before = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(filter(None, [*ours, *before]))),
        "TMPDIR": str(work),
        "TORCHINDUCTOR_CACHE_DIR": str(work / "inductor"),
        "TRITON_CACHE_DIR": str(work / "triton"),
        "CUDA_CACHE_PATH": str(work / "cuda"),
        "TORCHINDUCTOR_COMPILE_THREADS": str(max(1, (os.cpu_count() or 2) // 2)),
    }
