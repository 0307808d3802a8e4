"""BlazeFace's tiles cover the picture, its boxes are HOG's, and it finds what HOG does not."""

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import data

from svfr_restore.faces.blaze_face import CLOSE_TILE_PX, TILE_PX, BlazeFace, _cut, _Square, _squares
from svfr_restore.faces.box import FaceBox
from svfr_restore.faces.detector import FaceDetector, united
from svfr_restore.faces.hog import HogDetector
from svfr_restore.faces.model_files import DETECTOR

PORTRAIT = data.astronaut()
FACE = np.array([222.0, 125.0])


@given(st.integers(1, 2000), st.integers(1, 2000), st.sampled_from([TILE_PX, CLOSE_TILE_PX]))
def test_tiles_cover_every_pixel(width: int, height: int, tile_px: int) -> None:
    squares = list(_squares((width, height), tile_px, whole=False))
    for length, of in ((width, lambda s: (s.left, s.side)), (height, lambda s: (s.top, s.side))):
        ends = sorted({of(square) for square in squares})
        assert ends[0][0] <= 0
        assert all(there[0] <= here[0] + here[1] for here, there in pairwise(ends))
        assert ends[-1][0] + ends[-1][1] >= length


def test_neighbouring_tiles_share_a_quarter() -> None:
    lefts = sorted({square.left for square in _squares((1920, 400), TILE_PX, whole=False)})
    assert max(np.diff(lefts)) <= 0.75 * TILE_PX + 1


def test_a_square_beyond_the_picture_is_black_there() -> None:
    picture = np.full((10, 20, 3), 7, np.uint8)
    cut = _cut(picture, _Square(-5, -5, 20))
    assert cut.shape == (20, 20, 3)
    assert (cut[5:15, 5:] == 7).all() and cut[:5].max() == cut[15:].max() == cut[:, :5].max() == 0


def test_a_face_that_both_find_has_the_first_box_and_the_higher_score() -> None:
    first, second = (
        FaceBox(x=10, y=10, width=40, height=40, score=0.1),
        FaceBox(x=14, y=8, width=44, height=44, score=0.6),
    )
    (one,) = united([first], [second])
    assert (one.x, one.width, one.score) == (10, 40, 0.6)


def test_faces_that_only_one_finds_are_kept_best_first() -> None:
    first, second = (
        FaceBox(x=10, y=10, width=40, height=40, score=0.1),
        FaceBox(x=100, y=8, width=44, height=44, score=0.6),
    )
    assert united([first], [second]) == [second, first]
    assert united([], []) == []


def test_a_small_box_inside_a_large_one_is_the_same_face_and_a_neighbour_is_not() -> None:
    large = FaceBox(0, 0, 100, 100)
    assert large.is_same_face(FaceBox(30, 30, 40, 40))
    assert not large.is_same_face(FaceBox(80, 0, 100, 100))
    assert not large.is_same_face(FaceBox(200, 0, 100, 100))


needs_file = pytest.mark.usefixtures("face_models")


@pytest.fixture
def blaze(face_models: Path) -> BlazeFace:
    return BlazeFace(face_models / DETECTOR)


def test_its_box_is_where_hog_would_draw_it(blaze: BlazeFace) -> None:
    (hogs,) = HogDetector().detect(PORTRAIT)
    (ours,) = blaze.find(PORTRAIT, 1.0)
    assert hogs.overlap(ours) > 0.7


@needs_file
def test_a_face_on_its_side_is_found(blaze: BlazeFace) -> None:
    turned = cv2.warpAffine(PORTRAIT, cv2.getRotationMatrix2D((222, 125), 40, 1.0), (512, 512))
    (face,) = FaceDetector().detect(turned)
    assert np.abs(np.array([face.centre_x, face.centre_y]) - FACE).max() < 20


@needs_file
def test_a_small_face_in_a_large_plate_is_found_where_it_is() -> None:
    plate = np.full((1080, 1920, 3), 90, np.uint8)
    plate[300:500, 1000:1200] = cv2.resize(PORTRAIT, (200, 200), interpolation=cv2.INTER_AREA)
    (face,) = FaceDetector().detect(plate)
    assert np.abs([face.centre_x - 1000, face.centre_y - 300] - FACE * 200 / 512).max() < 8


@needs_file
def test_a_grey_picture_shows_no_face() -> None:
    assert FaceDetector().detect(np.full((540, 960, 3), 90, np.uint8)) == []
