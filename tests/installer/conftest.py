"""Small wheels in place of pyzmq's, for one kind of machine."""

import zipfile
from pathlib import Path

import pytest
from wheel_names import NAMES


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """Wheels with one small module each; real ones are the same but larger."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for python, name in NAMES.items():
        with zipfile.ZipFile(folder / name, "w") as archive:
            archive.writestr("zmq/__init__.py", f"MADE_FOR = {python!r}\n")
    return folder
