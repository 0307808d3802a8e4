"""A real service with a running, a waiting and a failed job, and the page of it."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from server_page_samples import ShownServer
from server_samples import Service, job, wait_until
from view_samples import restore

from svfr_client.protocol.messages import JobState
from svfr_view.server_page.http_server import listening
from svfr_view.server_page.watcher import Watcher, client_of


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShownServer]:
    """The page of a service whose first job fails, whose second runs and has written, whose third waits."""
    folder = tmp_path_factory.mktemp("shown")
    _plate, result = restore(folder)
    service = Service(folder / "home")
    service.start()
    with service.client() as client:
        failed = client.submit(job("finds_problems")).job
        wait_until(lambda: client.status(failed).state is JobState.FAILED)
        slow = job("writes_pictures_until_cancelled", plate=result)
        running = client.submit(replace(slow, output=str(folder / "written" / "out.%04d.exr"))).job
        wait_until(lambda: client.status(running).state is JobState.RUNNING)
        waiting = client.submit(job("quick")).job
        watcher = Watcher(client_of(service.home), service.home)
        with (
            listening(watcher) as server,
            ShownServer(service, server, failed, running, waiting) as page,
        ):
            yield page
        client.cancel(waiting)
        client.cancel(running)
    service.stop()
