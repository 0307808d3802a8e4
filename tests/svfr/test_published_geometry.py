import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from svfr import published_geometry
from svfr.published_geometry import PixelBox

POINTS = published_geometry.FACE_TEMPLATE_256.astype(np.float64)
SIZES = st.floats(20.0, 300.0)


@given(st.floats(0, 900), st.floats(0, 600), SIZES, SIZES)
def test_a_crop_box_is_a_square_inside_the_picture(x: float, y: float, width: float, height: float) -> None:
    box = published_geometry.official_crop_box((x, y, x + width, y + height), 1280, 960)
    assert 0 <= box.left < box.right <= 1280
    assert 0 <= box.top < box.bottom <= 960
    assert abs((box.right - box.left) - (box.bottom - box.top)) <= 1


def test_a_crop_box_is_centred_on_the_faces_where_there_is_room() -> None:
    assert published_geometry.official_crop_box((400, 300, 500, 450), 1280, 960) == PixelBox(
        360, 285, 540, 465
    )


def test_a_crop_box_at_an_edge_stays_as_near_to_the_faces_as_fits() -> None:
    # the grown box is cut at the top; the centre of the faces lies too high for the square
    assert published_geometry.official_crop_box((400, 0, 500, 400), 1280, 960) == PixelBox(360, 110, 540, 290)
    assert published_geometry.official_crop_box((400, 0, 500, 100), 1280, 960) == PixelBox(380, 0, 520, 140)


def test_the_union_holds_every_box() -> None:
    assert published_geometry.union_box([(3, 4, 8, 9), (1, 5, 7, 12)]) == (1, 4, 8, 12)


def test_a_union_of_no_boxes_is_refused() -> None:
    with pytest.raises(ValueError, match="unpack"):
        published_geometry.union_box([])


@given(st.floats(-3, 3), st.floats(0.2, 4), st.floats(-100, 100), st.floats(-100, 100))
def test_a_similarity_is_found_again_from_its_points(angle: float, scale: float, x: float, y: float) -> None:
    a, b = scale * np.cos(angle), scale * np.sin(angle)
    wanted = np.array([[a, b, x], [-b, a, y]])
    found = published_geometry.similarity(POINTS, POINTS @ wanted[:, :2].T + wanted[:, 2])
    np.testing.assert_allclose(found, wanted, atol=1e-8)


def picture(height: int = 60, width: int = 80) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_crop_of_its_own_size_is_an_exact_copy() -> None:
    crop = published_geometry.prepare_crop(picture(), PixelBox(10, 5, 42, 37), 32, grey=False, mask=None)
    assert np.array_equal(crop, picture()[5:37, 10:42])


def test_only_full_white_in_the_mask_is_hole() -> None:
    mask = np.zeros((32, 32), dtype=np.uint8)
    mask[4:8], mask[8:12] = 255, 254
    plain = published_geometry.prepare_crop(picture(), PixelBox(0, 0, 32, 32), 32, grey=True, mask=None)
    holed = published_geometry.prepare_crop(picture(), PixelBox(0, 0, 32, 32), 32, grey=True, mask=mask)
    assert (holed[4:8] == 255).all()
    assert np.array_equal(np.delete(holed, range(4, 8), 0), np.delete(plain, range(4, 8), 0))


def test_grey_is_the_luma_in_all_channels_and_keeps_white() -> None:
    white = np.full((8, 8, 3), 255, dtype=np.uint8)
    assert (
        published_geometry.prepare_crop(white, PixelBox(0, 0, 8, 8), 8, grey=True, mask=None) == 255
    ).all()
    red = np.zeros((8, 8, 3), dtype=np.uint8)
    red[..., 0] = 255
    assert (published_geometry.prepare_crop(red, PixelBox(0, 0, 8, 8), 8, grey=True, mask=None) == 76).all()


def test_network_input_runs_from_minus_one_to_one() -> None:
    codes = np.array([[[0, 255, 51]]], dtype=np.uint8)
    assert published_geometry.network_input(codes).flatten().tolist() == pytest.approx([-1.0, 1.0, -0.6])


def extent(face: torch.Tensor) -> list[int]:
    """Height and width of what is bright."""
    places = (face[0, 0] > 0).nonzero()
    return (places.max(0).values - places.min(0).values).tolist()


def test_the_corrected_face_crop_sees_the_face_and_the_official_one_its_corner() -> None:
    marked = np.zeros((512, 512, 3), dtype=np.uint8)
    for x, y in (published_geometry.FACE_TEMPLATE_256 * 2).astype(int):
        marked[y - 8 : y + 8, x - 8 : x + 8] = 255
    crop = published_geometry.network_input(marked)
    corrected = published_geometry.id_face(crop, published_geometry.FACE_TEMPLATE_256 * 2, "corrected")
    official = published_geometry.id_face(crop, published_geometry.FACE_TEMPLATE_256 * 2, "official")
    assert corrected.shape == official.shape == (1, 3, 112, 112)
    # all five marks, from eye to mouth, against the left eye alone at twice the size
    assert min(extent(corrected)) > 35
    assert max(extent(official)) < 12


def test_a_face_is_aligned_wherever_it_lies() -> None:
    crop = torch.rand((3, 256, 256), generator=torch.Generator().manual_seed(1)) * 2 - 1
    smooth = torch.nn.functional.avg_pool2d(crop[None], 15, 1, 7)[0]
    shifted = torch.roll(smooth, (9, -6), (1, 2))
    here = published_geometry.id_face(smooth, POINTS, "corrected")
    there = published_geometry.id_face(shifted, POINTS + np.array([-6, 9]), "corrected")
    inner = (..., slice(16, 96), slice(16, 96))
    torch.testing.assert_close(here[inner], there[inner], atol=0.03, rtol=0)
