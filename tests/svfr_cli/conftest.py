"""A folder of a server of the tests' own, and that server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from svfr_client.client import Client
from svfr_server.start import start_local_server


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that SVFR_HOME names."""
    monkeypatch.setenv("SVFR_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def service(home: Path) -> Iterator[Client]:
    """A client of a server that runs in ``home``."""
    with start_local_server(home, idle_exit_s=60, arguments=["--device", "cpu"]) as client:
        yield client
        if (home / "connection.json").exists():
            client.shutdown()
