import numpy as np
import pytest

from svfr_ocio.domain import ModelDomain
from svfr_ocio.errors import NothingToMeter
from svfr_ocio.exposure import auto_exposure, face_median


@pytest.mark.parametrize("stops", [-3.0, -1.0, 0.0, 2.5])
def test_a_face_of_any_exposure_is_brought_to_one_fifth(studio, stops):
    plate = np.full((32, 32, 3), 0.2 * 2.0**-stops, np.float32)
    plate[:8] = 30.0
    matte = np.zeros((32, 32), np.float32)
    matte[8:] = 1.0
    median = face_median(ModelDomain.build(studio, "ACEScg").to_linear_luminance(plate), matte)
    assert auto_exposure([median]) == pytest.approx(stops, abs=1e-4)


def test_the_shots_exposure_is_the_median_of_its_frames():
    assert auto_exposure([0.2, 0.1, 50.0]) == pytest.approx(0.0)


def test_the_exposure_is_held_to_five_stops_either_way():
    assert auto_exposure([1e-6]) == 5.0
    assert auto_exposure([1e6]) == -5.0
    assert auto_exposure([0.0]) == auto_exposure([-0.1]) == 5.0


def test_the_soft_edge_of_a_matte_does_not_count():
    luminance = np.array([[0.1, 5.0]], np.float32)
    assert face_median(luminance, np.array([[1.0, 0.4]], np.float32)) == pytest.approx(0.1)


def test_a_frame_without_a_face_has_no_median():
    assert face_median(np.ones((4, 4), np.float32), np.zeros((4, 4), np.float32)) is None


def test_a_shot_without_a_face_cannot_be_metered():
    with pytest.raises(NothingToMeter, match="exposure in stops"):
        auto_exposure([])
