"""Light in eight bits, with its highlights."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from svfr_view.shaper import MAX_TOP, Shaper


@pytest.mark.parametrize(("brightest", "top"), [(0.2, 1.0), (12.0, 12.0), (500.0, MAX_TOP)])
def test_a_movie_holds_its_brightest_light_within_bounds(brightest: float, top: float) -> None:
    assert Shaper.of(brightest).top == top


@given(st.floats(0, 30, width=32))
def test_light_survives_codes(light: float) -> None:
    shaper = Shaper(32.0)
    back = shaper.decode(shaper.encode(np.full((1,), light, np.float32)))
    np.testing.assert_allclose(back, light, rtol=1e-4, atol=1e-5)


def test_what_no_code_can_say_is_clipped() -> None:
    light = np.array([-1.0, np.nan, np.inf, 99.0], np.float32)
    np.testing.assert_array_equal(Shaper(8.0).encode(light), [0, 0, 1, 1])


def test_a_code_of_a_plate_without_highlights_is_two_percent_of_grey() -> None:
    shaper = Shaper(1.0)
    code = shaper.encode(np.array([0.18], np.float32))
    step = shaper.decode(code + 1 / 255) / np.float32(0.18) - 1
    assert 0.01 < float(step[0]) < 0.025
