"""The face chip, and the weights that are refused. The weights themselves are the user's."""

from pathlib import Path

import numpy as np
import pytest

from svfr.errors import ModelFileMissing
from svfr_lab.metrics.dlib_identity import FACE_PX, DlibFaces, chip
from svfr_lab.metrics.errors import WeightsOfAnotherNetwork

# Where dlib's mean face has the eyes, nose tip and mouth corners in its chip of 150 px with a quarter around.
MEAN_FACE_PX = np.array([[47.55, 46.60], [100.48, 46.60], [74.01, 76.56], [50.41, 103.02], [97.61, 103.02]])


def dots(points: np.ndarray, side: int) -> np.ndarray:
    """A grey picture with a bright spot of 3 px at each point."""
    picture = np.full((side, side, 3), 0.2, np.float32)
    for x, y in points:
        picture[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2] = 1.0
    return picture


def brightest_near(picture: np.ndarray, point: np.ndarray) -> np.ndarray:
    """The centre of mass of what is bright within 12 px of a point."""
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]] + 0.5
    weight = np.where(np.hypot(columns - point[0], rows - point[1]) < 12, picture[..., 0] - 51.0, 0.0)
    weight = weight.clip(0)
    return np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()


@pytest.mark.parametrize(("degrees", "scale"), [(0.0, 1.0), (0.0, 2.0), (25.0, 1.4)])
def test_a_face_comes_to_lie_on_the_mean_face(degrees: float, scale: float) -> None:
    turn = np.deg2rad(degrees)
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = (MEAN_FACE_PX - 75.0) @ matrix.T + 200.0
    face = chip(dots(points, 400), points)
    assert face.shape == (FACE_PX, FACE_PX, 3) and face.dtype == np.uint8
    for mean in MEAN_FACE_PX:
        np.testing.assert_allclose(brightest_near(face, mean), mean, atol=1.0)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ModelFileMissing, match=r"dlib") as caught:
        DlibFaces(Path("/nowhere/dlib.dat"))
    assert "dlib_face_recognition_resnet_model_v1.dat" in caught.value.remedy


def test_another_file_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.dat"
    other.write_bytes(b"this is no network" * 100)
    with pytest.raises(WeightsOfAnotherNetwork, match="dlib"):
        DlibFaces(other)
