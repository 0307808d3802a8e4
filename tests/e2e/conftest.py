"""The whole path: a real server in a process of its own, real plates, the built-in models."""

from collections.abc import Iterator

import pytest
from e2e_service import Service, running


# A module's own: between two files that share one it would stand idle, and end, for as long as others run.
@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("e2e") / "home") as home:
        yield Service(home)
