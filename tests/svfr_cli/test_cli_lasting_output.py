"""A command whose reader leaves ends quietly, and does all that it was asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SVFR = (sys.executable, "-m", "svfr_cli.main")


def without_reader(words: tuple[str, ...], stream: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command with nobody at the other end of one of its streams, or of both."""
    reader, writer = os.pipe()
    os.close(reader)
    streams = {name: writer if stream in (name, "both") else subprocess.PIPE for name in ("stdout", "stderr")}
    try:
        return subprocess.run([*SVFR, *words], check=False, **streams)
    finally:
        os.close(writer)


@pytest.mark.parametrize("stream", ["stdout", "stderr", "both"])
@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("explain",), 0),
        (("explain", "--json"), 0),
        (("explain", "NO_FACES"), 3),
        (("--help",), 0),
        (("farm", "status", "gone.csv"), 3),
    ],
)
def test_a_command_without_a_reader_ends_as_it_would(
    words: tuple[str, ...], status: int, stream: str
) -> None:
    done = without_reader(words, stream)
    assert done.returncode == status
    assert b"roken pipe" not in (done.stdout or b"") + (done.stderr or b"")
    assert b"Traceback" not in (done.stderr or b"")


def test_a_disk_that_is_full_is_still_told() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("the system has no full device")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*SVFR, "explain"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode != 0
