"""The target of every task set: whose luma, whose chroma."""

import numpy as np
import pytest

from svfr.errors import UnknownTask
from svfr_client.vocabulary import TASKS
from svfr_ocio.errors import ModelReturnedNonFinite, NotAnRgbImage
from svfr_restore.paste.target import target

LUMA = np.array([0.299, 0.587, 0.114])


def random_codes(seed=0, size=64):
    rng = np.random.default_rng(seed)
    return rng.random((size, size, 3), dtype=np.float32), rng.random((size, size, 3), dtype=np.float32)


def sorted_names(tasks):
    """A set's own text has no fixed order, and parallel test processes must agree on names."""
    return "+".join(sorted(tasks)) or "none"


@pytest.mark.parametrize(
    "tasks", [{"bfr"}, {"bfr", "colorize"}, {"bfr", "inpaint"}, {*TASKS}], ids=sorted_names
)
def test_with_bfr_everything_is_the_models(tasks):
    c, m = random_codes()
    hole = np.zeros(c.shape[:2], bool)
    assert np.array_equal(target(c, m, frozenset(tasks), hole), m)


def test_colorize_keeps_the_plates_luma_and_takes_the_models_chroma():
    c, m = random_codes()
    t = target(c, m, {"colorize"})
    assert np.abs((t - c) @ LUMA).max() < 1e-6
    shifted = m + ((c - m) @ LUMA)[..., None]
    fits = np.all((shifted > 0.0) & (shifted < 1.0), axis=2)
    assert fits.mean() > 0.3
    assert np.abs(t - shifted)[fits].max() < 1e-6


def test_colorize_stays_in_range_and_keeps_hue_where_luma_and_chroma_do_not_fit():
    c = np.full((1, 1, 3), 0.97, np.float32)
    m = np.array([[[0.9, 0.1, 0.1]]], np.float32)
    t = target(c, m, {"colorize"})[0, 0]
    assert t.min() >= 0.0 and t.max() <= 1.0
    assert t @ LUMA == pytest.approx(0.97, abs=1e-6)
    assert t[0] > t[1] == pytest.approx(t[2], abs=1e-6)


def test_inpaint_alone_is_the_plate_outside_the_hole_and_the_model_inside():
    c, m = random_codes()
    hole = np.zeros(c.shape[:2], bool)
    hole[10:20, 30:50] = True
    t = target(c, m, {"inpaint"}, hole)
    assert np.array_equal(t[hole], m[hole])
    assert np.array_equal(t[~hole], c[~hole])


def test_colorize_with_inpaint_colours_the_outside_and_replaces_the_inside():
    c, m = random_codes()
    hole = np.zeros(c.shape[:2], bool)
    hole[10:20, 30:50] = True
    t = target(c, m, {"colorize", "inpaint"}, hole)
    assert np.array_equal(t[hole], m[hole])
    assert np.array_equal(t[~hole], target(c, m, {"colorize"})[~hole])


def test_model_output_beyond_0_to_1_is_clipped():
    c, m = random_codes()
    assert np.array_equal(target(c, m * 3 - 1, {"bfr"}), np.clip(m * 3 - 1, 0, 1))


@pytest.mark.parametrize("tasks", [set(), {"deblur"}, {"bfr", "colourise"}], ids=sorted_names)
def test_an_empty_or_unknown_task_set_is_refused(tasks):
    c, m = random_codes()
    with pytest.raises(UnknownTask, match="bfr, colorize, inpaint"):
        target(c, m, tasks)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_model_that_returns_nan_or_infinity_is_refused(bad):
    c, m = random_codes()
    m[3, 3, 1] = bad
    with pytest.raises(ModelReturnedNonFinite):
        target(c, m, {"bfr"})


def test_shapes_and_types_that_do_not_fit_are_refused():
    c, m = random_codes()
    with pytest.raises(NotAnRgbImage):
        target(c, m[:10], {"bfr"})
    with pytest.raises(NotAnRgbImage):
        target(c, m.astype(np.float64), {"bfr"})
    with pytest.raises(NotAnRgbImage):
        target(c, m, {"inpaint"}, np.zeros((3, 3), bool))
