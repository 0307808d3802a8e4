"""The whole path: a real server in a process of its own, real plates, the built-in models."""

from collections.abc import Iterator

import pytest
from e2e_service import Service

from svfr_server.start import start_local_server


# A module's own: between two files that share one it would stand idle, and end, for as long as others run.
@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = Service(tmp_path_factory.mktemp("e2e") / "home")
    start_local_server(running.home, idle_exit_s=300, arguments=["--device", "cpu"]).close()
    yield running
    with running.client() as client:
        client.shutdown()
