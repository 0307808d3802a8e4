"""Five points come from the mesh where it is installed and sees a face, else from the packaged net."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from svfr_restore.faces.face_mesh import _around, five_of
from svfr_restore.faces.landmarks import FivePointFinder
from svfr_restore.faces.model_files import FOLDER_VARIABLE
from svfr_restore.faces.points import FacePointFinder

# The product's crop of the portrait: 1.8 times the face.
CROP = np.ascontiguousarray(data.astronaut()[48:206, 144:302])
# By eye: eyes, nose tip, mouth corners in pixels of the crop.
POINTS = np.array([[59.3, 53.0], [103.0, 55.0], [79.5, 80.5], [61.5, 92.5], [99.5, 93.5]])

needs_file = pytest.mark.usefixtures("face_models")


def turned(degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the crop turned about its middle, and where its points are then."""
    side = CROP.shape[0]
    matrix = cv2.getRotationMatrix2D((side / 2 - 0.5, side / 2 - 0.5), degrees, 1.0)
    picture = cv2.warpAffine(CROP, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
    return picture, (POINTS - 0.5) @ matrix[:, :2].T + matrix[:, 2] + 0.5


def error(found: np.ndarray, exact: np.ndarray) -> float:
    return float(np.linalg.norm(found - exact, axis=1).mean() / np.linalg.norm(exact[1] - exact[0]))


def test_without_the_mesh_the_points_are_those_of_the_packaged_net(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    larger = cv2.resize(data.astronaut()[20:236, 114:330], (256, 256))
    ours, packaged = FacePointFinder().five_points(larger), FivePointFinder().five_points(larger)
    assert packaged is not None and ours is not None
    np.testing.assert_array_equal(ours, packaged)


def test_the_next_look_is_level_and_around_the_points() -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform(-1, 1, (468, 2)) * [20.0, 30.0]
    left, right = np.array([-10.0, -10.0]), np.array([10.0, 5.0])
    for lids, eye in (
        ((33, 133, 160, 159, 158, 144, 145, 153), left),
        ((362, 263, 385, 386, 387, 373, 374, 380), right),
    ):
        points[list(lids)] = eye
    square = _around(points)
    seen = (points - square[:, 2]) @ np.linalg.inv(square[:, :2]).T
    eyes = five_of(seen)[:2]
    assert eyes[0, 1] == pytest.approx(eyes[1, 1]) and eyes[0, 0] < eyes[1, 0]
    assert seen.min() > 20 and seen.max() < 172


@needs_file
@pytest.mark.parametrize("degrees", [0.0, 30.0, -30.0])
def test_the_points_of_a_tilted_face_are_where_they_are(degrees: float) -> None:
    picture, exact = turned(degrees)
    found = FacePointFinder().five_points(picture)
    assert found is not None
    assert error(found, exact) < 0.12


@needs_file
def test_a_picture_without_a_face_has_no_points() -> None:
    assert FacePointFinder().five_points(np.full((128, 128, 3), 90, np.uint8)) is None
