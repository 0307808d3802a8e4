"""What the tests of the farm share."""

from pathlib import Path

import farm_samples
import pytest


@pytest.fixture(scope="session")
def plate(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Frames 1001 to 1024, not to be changed."""
    return farm_samples.write_plate(tmp_path_factory.mktemp("plate"), 24)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of a model folder with random weights and two steps."""
    return farm_samples.write_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def shot_list(tmp_path: Path, plate: str) -> Path:
    """A list of two shots of that plate."""
    return farm_samples.write_list(
        tmp_path / "shots.csv",
        [
            farm_samples.row(plate, frames="1001-1010", output="out/a.%04d.exr"),
            farm_samples.row(plate, "sh020", frames="1011-1014", output="out/b.%04d.exr"),
        ],
    )
