"""What the tests of whole jobs share."""

from collections.abc import Iterator
from pathlib import Path

import job_samples
import pytest


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of a model folder with random weights."""
    return job_samples.write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def plate(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Frames 1001 to 1050, not to be changed."""
    return job_samples.write_plate(tmp_path_factory.mktemp("plate"), range(1001, 1051))


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Keep crops under the test's own folder, and see at the end that none stay."""
    import tempfile

    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert not list(folder.glob("svfr-*"))
