"""The detector on a real face: NASA's portrait of Eileen Collins, public domain, in scikit-image's wheel."""

import cv2
import numpy as np
import pytest
from skimage import data

from svfr_restore.errors import PictureArrayDoesNotFit
from svfr_restore.faces.detector import FaceDetector, detection_stride

PORTRAIT = data.astronaut()
# Where her face is in the 512 px portrait, by eye: brows to chin, cheek to cheek.
FACE = np.array([222.0, 125.0])
FACE_PX = 88.0


@pytest.fixture(scope="module")
def detector():
    return FaceDetector()


def centre(box):
    return np.array([box.centre_x, box.centre_y])


def test_a_frontal_face_is_found_where_it_is(detector):
    (face,) = detector.detect(PORTRAIT)
    assert np.abs(centre(face) - FACE).max() < 12
    assert 70 < face.width < 120
    assert face.score > 0.5


def test_every_detector_of_a_process_finds_the_same_whatever_another_is_at(detector):
    other = FaceDetector()
    other.detect(PORTRAIT[::-1])
    assert other.detect(PORTRAIT) == detector.detect(PORTRAIT)


@pytest.mark.parametrize("size", [256, 300, 400])
def test_a_small_picture_is_enlarged_before(detector, size):
    small = cv2.resize(PORTRAIT, (size, size), interpolation=cv2.INTER_AREA)
    face = detector.detect(small)[0]
    assert np.abs(centre(face) * 512 / size - FACE).max() < 15


def test_a_small_face_in_a_large_picture_is_looked_for_more_closely(detector):
    plate = np.full((1080, 1920, 3), 90, np.uint8)
    plate[300:560, 1000:1260] = cv2.resize(PORTRAIT, (260, 260), interpolation=cv2.INTER_AREA)
    (face,) = detector.detect(plate)
    assert np.abs(centre(face) - ([1000, 300] + FACE * 260 / 512)).max() < 10


def test_boxes_are_in_plate_pixels_of_the_data_window(detector):
    (face,) = detector.detect(PORTRAIT)
    (moved,) = detector.detect(PORTRAIT, origin_x=-20.0, origin_y=37.0)
    assert np.array_equal(centre(moved) - centre(face), [-20.0, 37.0])


def test_a_squeezed_plate_is_looked_at_as_it_appears_on_screen(detector):
    squeezed = cv2.resize(PORTRAIT, (256, 512), interpolation=cv2.INTER_AREA)
    (face,) = detector.detect(squeezed, pixel_aspect=2.0)
    assert np.abs(centre(face) * [2, 1] - FACE).max() < 12
    assert face.height == pytest.approx(2 * face.width, rel=0.05)
    stretched = cv2.resize(PORTRAIT, (1024, 512))
    (face,) = detector.detect(stretched, pixel_aspect=0.5)
    assert np.abs(centre(face) * [0.5, 1] - FACE).max() < 12


def test_two_faces_come_best_first(detector):
    dim = (PORTRAIT[40:240, 120:320] * 0.5 + 60).astype(np.uint8)
    plate = np.full((400, 700, 3), 120, np.uint8)
    plate[100:300, 50:250] = dim
    plate[100:300, 400:600] = PORTRAIT[40:240, 120:320]
    faces = detector.detect(plate)
    assert len(faces) == 2
    assert faces[0].score >= faces[1].score
    assert sorted(round(face.centre_x / 350) for face in faces) == [0, 1]


def test_pictures_without_a_face_give_none(detector):
    noise = np.random.default_rng(0).integers(0, 255, (200, 300, 3), dtype=np.uint8)
    for picture in (noise, np.zeros((120, 160, 3), np.uint8), PORTRAIT[:1, :1]):
        assert detector.detect(picture) == []


@pytest.mark.parametrize(
    "picture",
    [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3), np.float32), np.zeros((0, 9, 3), np.uint8)],
)
def test_what_is_no_picture_of_codes_is_refused(detector, picture):
    with pytest.raises(PictureArrayDoesNotFit, match="shape"):
        detector.detect(picture)


def test_every_frame_is_looked_at_until_that_gets_long():
    assert [detection_stride(n) for n in (0, 1, 48, 49, 96, 100, 192, 193, 9999)] == [
        1,
        1,
        1,
        2,
        2,
        3,
        4,
        5,
        5,
    ]
