"""A model's files that broke: a typed error with path and remedy, never a traceback."""

from collections.abc import Callable
from pathlib import Path

import pytest
from broken_json import check_refused

from svfr.models.folder import read_spec
from svfr.models.svd_folder import read_diffusers_config
from svfr.parity.vectors import Vectors

READERS: dict[str, Callable[[Path], object]] = {
    "model.json": lambda path: read_spec(path.parent),
    "scheduler_config.json": read_diffusers_config,
    "golden.json": lambda path: Vectors.open(path.parent),
}


@pytest.mark.parametrize("name", sorted(READERS))
def test_a_broken_file_is_refused_with_path_and_remedy(tmp_path: Path, name: str) -> None:
    check_refused(tmp_path / name, lambda: READERS[name](tmp_path / name))
