import numpy as np
import PyOpenColorIO as Ocio
import pytest

from svfr_ocio.errors import NotAnRgbImage
from svfr_ocio.processors import LosslessProcessor


@pytest.fixture(scope="module")
def to_rec709(studio) -> LosslessProcessor:
    return LosslessProcessor(studio.ocio.getProcessor("ACEScg", "Linear Rec.709 (sRGB)"), "a conversion")


def test_the_image_is_converted_into_a_new_array(to_rec709):
    image = np.random.default_rng(0).random((7, 5, 3), dtype=np.float32)
    before = image.copy()
    converted = to_rec709.convert(image)
    assert np.array_equal(image, before)
    assert np.allclose(converted, image @ to_rec709.matrix.T, atol=1e-6)


def test_an_empty_image_is_no_error(to_rec709):
    assert to_rec709.convert(np.zeros((0, 5, 3), np.float32)).shape == (0, 5, 3)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 4), (48,), (4, 4, 1), (2, 4, 4, 3)])
def test_another_shape_is_refused(to_rec709, shape):
    with pytest.raises(NotAnRgbImage, match="a conversion must have the shape"):
        to_rec709.convert(np.zeros(shape, np.float32))


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.uint8, np.int32])
def test_another_type_is_refused(to_rec709, dtype):
    with pytest.raises(NotAnRgbImage, match="must be float32"):
        to_rec709.convert(np.zeros((4, 4, 3), dtype))


def test_something_that_is_no_array_is_refused(to_rec709):
    with pytest.raises(NotAnRgbImage, match="list"):
        to_rec709.convert([[[0.0, 0.0, 0.0]]])


@pytest.mark.parametrize("view", [np.s_[:, ::2], np.s_[::2, 1:], np.s_[:, :, ::-1]])
def test_a_view_that_is_not_contiguous_is_refused(to_rec709, view):
    with pytest.raises(NotAnRgbImage, match="not contiguous"):
        to_rec709.convert(np.zeros((8, 8, 3), np.float32)[view])


def test_a_fortran_ordered_image_is_refused(to_rec709):
    with pytest.raises(NotAnRgbImage, match="not contiguous"):
        to_rec709.convert(np.asfortranarray(np.zeros((8, 8, 3), np.float32)))


def test_only_a_pure_matrix_has_a_matrix(studio):
    log = LosslessProcessor(studio.ocio.getProcessor("ACEScct", "ACEScg"), "log")
    nothing = LosslessProcessor(studio.ocio.getProcessor("ACEScg", "ACEScg"), "nothing")
    offset = Ocio.MatrixTransform([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1], [0.1, 0, 0, 0])
    shifted = LosslessProcessor(studio.ocio.getProcessor(offset), "offset")
    assert log.matrix is None and shifted.matrix is None
    assert np.array_equal(nothing.matrix, np.eye(3))
