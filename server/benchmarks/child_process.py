"""What a benchmark's child process needs to find the benchmarks, whatever folder it is started in."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_SERVER = Path(__file__).resolve().parents[1]


def child_environment() -> dict[str, str]:
    """Return this process's environment, with its search path and the benchmarks' folder on PYTHONPATH."""
    return dict(os.environ, PYTHONPATH=os.pathsep.join([str(_SERVER), *sys.path]))
