"""Shell scripts that stand for the program svfr."""

import os
from pathlib import Path

import pytest

POSIX = pytest.mark.skipif(os.name != "posix", reason="a shell script stands for the program")


def script(path: Path, text: str) -> Path:
    """Write a script that may be run, and return where it is."""
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path
