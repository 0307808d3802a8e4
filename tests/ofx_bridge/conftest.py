"""The plugin, built once, and one real server with the real pipeline for all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e_service import running
from ofx_build import Built, build_all


@pytest.fixture(scope="session")
def built() -> Built:
    return build_all()


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the folder of a server that runs; loading the pipeline takes its worker seconds, once."""
    with running(tmp_path_factory.mktemp("ofx") / "home") as home:
        yield home
