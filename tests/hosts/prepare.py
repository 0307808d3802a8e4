"""Install and build what the tests of hosts stand on, before they ask: ``python tests/hosts/prepare.py``.

A test does the same for itself where this was not run, or failed, and all tests behind it wait. Started by
``bootstrap.py test --hosts`` beside the linters, on time that nothing else wants. What fails here ends
nothing: its tests say why.
"""

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
SHARED = (TESTS / "ofx_bridge", TESTS / "svfr_blender", TESTS / "svfr_view", TESTS.parent / "server")
sys.path.extend(map(str, SHARED))  # as pytest's `pythonpath`

import pytest  # noqa: E402
from blender_host import VERSIONS, blender_python  # noqa: E402
from browser_host import browser, playwright_python  # noqa: E402
from host_setup import one_at_a_time  # noqa: E402
from ofx_build import build_all  # noqa: E402

from benchmarks.farm.slurm_farm import install  # noqa: E402


def slurm() -> None:
    with one_at_a_time("apt"):
        install()


PARTS: dict[str, Callable[[], object]] = {
    "Chromium": browser,
    "playwright": playwright_python,
    "Slurm": slurm,
    "the OpenFX plugin": build_all,
    **{f"Blender {version}": partial(blender_python, version) for version in VERSIONS},
}


def prepare() -> None:
    """Do every part, one after the other; name those that failed."""
    for name, part in PARTS.items():
        try:
            part()
        except (Exception, pytest.skip.Exception, pytest.fail.Exception) as problem:
            print(f"{name} is not there yet: {problem}", flush=True)


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(10)
    prepare()
