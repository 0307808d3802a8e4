"""What every test stands on: no face models but those that it asks for."""

import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from host_setup import one_at_a_time
from platformdirs import user_cache_path

from svfr_restore.faces import model_files
from svfr_restore.process_environment import repeatable_environment

os.environ |= (
    repeatable_environment()
)  # as every command and worker has it: they are compared with this process
INSTALL_SECONDS = 300
TESTS = Path(__file__).parent
LONG_FILES_FIRST = (
    *("svfr_lab", "benchmarks", "svfr_farm", "svfr_server", "e2e", "ofx_bridge", "svfr_blender"),
    *("svfr_nuke", "svfr_view", "svfr_cli", "svfr", "svfr_restore"),
)
"""Folders in the order of their longest file: what begins last ends soon, so that no process works alone."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        places = (n for n, name in enumerate(LONG_FILES_FIRST) if TESTS / name in item.path.parents)
        return next(places, len(LONG_FILES_FIRST))

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """Let no later search for garbage go through all that was imported so far."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def no_face_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let nobody's own face models decide a result, in this process and in those that it starts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(model_files.FOLDER_VARIABLE, str(tmp_path_factory.getbasetemp() / "no-face-models"))
        yield


@pytest.fixture(scope="session")
def face_models_folder() -> Path:
    """Return a folder with MediaPipe's files; ``svfr install faces`` fetches them on first use (4 MB)."""
    folder = user_cache_path("svfr") / "face-models"
    with one_at_a_time("face-models"):
        if not all((folder / name).is_file() for name in model_files.SHA256):
            command = [sys.executable, "-m", "svfr_cli.main", "install", "faces"]
            environment = dict(os.environ, **{model_files.FOLDER_VARIABLE: str(folder)})
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=INSTALL_SECONDS
            )
            assert done.returncode == 0, f"svfr install faces failed:\n{done.stdout}\n{done.stderr}"
    return folder


@pytest.fixture
def face_models(face_models_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work with MediaPipe's face finders, as after ``svfr install faces``."""
    monkeypatch.setenv(model_files.FOLDER_VARIABLE, str(face_models_folder))
    return face_models_folder
