"""Real services in processes of their own, each in a private folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from server_samples import Service, StartService

from svfr_client.client import Client


@pytest.fixture(scope="module")
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for the tests of a file that leave it running; between files it would idle, and end.

    The file's ``PIPELINE`` is its pipeline, if it has one.
    """
    pipeline = getattr(request.module, "PIPELINE", None)
    arguments = ["--pipeline", pipeline] if pipeline else []
    running = Service(tmp_path_factory.mktemp("shared") / "home", arguments)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def start_service(tmp_path: Path) -> Iterator[StartService]:
    """Start services of a test's own; they are stopped afterwards."""
    started: list[Service] = []

    def start(*arguments: str) -> Service:
        one = Service(tmp_path / f"home{len(started)}", list(arguments))
        started.append(one)
        one.start()
        return one

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def own_service(start_service: StartService) -> Service:
    """A service that one test has to itself: it may stop it, and its queue is empty."""
    return start_service()


@pytest.fixture
def client(service: Service) -> Iterator[Client]:
    with service.client() as one:
        yield one
