"""The plugin, built once, and one real server with the real pipeline for all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from ofx_build import Built, build_all

from svfr_client.client import Client
from svfr_server.start import start_local_server


@pytest.fixture(scope="session")
def built() -> Built:
    return build_all()


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the folder of a server that runs; loading the pipeline takes its worker seconds, once."""
    folder = tmp_path_factory.mktemp("ofx") / "home"
    start_local_server(folder, idle_exit_s=1800, arguments=["--device", "cpu"]).close()
    yield folder
    with Client(folder=folder) as client:
        client.shutdown()
