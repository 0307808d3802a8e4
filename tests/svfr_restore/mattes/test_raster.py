"""The rasteriser against closed forms: areas, edges, curves, fills, blends, feathers."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svfr_client.errors import BadMask
from svfr_client.masks import MaskLayer, MaskPoint, MaskShape, MaskSpline
from svfr_restore.errors import MaskSizeDiffers
from svfr_restore.mattes.feather import smoothstep
from svfr_restore.mattes.outline import TOLERANCE_PX, drawing_pieces, flatten
from svfr_restore.mattes.raster import MOST_PIECES, check_shape_cost, check_shape_size, rasterise
from svfr_restore.media.window import Window

WINDOW = Window(0, 0, 160, 120)


def polygon(*corners, feather=0.0, **how):
    return MaskSpline(tuple(MaskPoint(c, c, c, feather) for c in corners), **how)


def rectangle(left, top, right, bottom, **how):
    return polygon((left, top), (right, top), (right, bottom), (left, bottom), **how)


def circle(x, y, radius, feathers=(0.0,) * 4, **how):
    """Return a circle of 16 cubic arcs, whose radius is wrong by less than 1e-7 of it.

    ``feathers`` are those of its right, lowest, left and topmost point; the points between have the mean of
    their neighbours', so that it runs as it would between four points.
    """
    points = []
    handle = 4.0 / 3.0 * math.tan(math.pi / 32) * radius
    for i in range(16):
        turn = i * math.pi / 8
        cos, sin = math.cos(turn), math.sin(turn)
        centre = (x + radius * cos, y + radius * sin)
        before, after = ((centre[0] - s * handle * sin, centre[1] + s * handle * cos) for s in (-1, 1))
        part = i % 4 / 4
        feather = feathers[i // 4] * (1 - part) + feathers[(i // 4 + 1) % 4] * part
        points.append(MaskPoint(before, centre, after, feather))
    return MaskSpline(tuple(points), **how)


def circle_cover(x, y, radius):
    """Return the part of every pixel of the window inside a circle: exact down, 256 strips a pixel across."""
    strips = (np.arange(160 * 256) + 0.5) / 256 - x
    half = np.sqrt(np.maximum(radius**2 - strips**2, 0))
    rows = np.arange(120)[:, None]
    tall = np.minimum(rows + 1, y + half) - np.maximum(rows, y - half)
    return np.clip(tall, 0, None).reshape(120, 160, 256).mean(axis=2)


def shape(*splines, **layer):
    return MaskShape((MaskLayer(tuple(splines), **layer),), 160, 120)


def draw(*splines, window=WINDOW, **layer):
    return rasterise(shape(*splines, **layer), window)


def pixel_cover(low, high, first, count):
    """Return how much of each unit interval [first + i, first + i + 1) lies in [low, high]."""
    starts = first + np.arange(count)
    return np.clip(np.minimum(starts + 1, high) - np.maximum(starts, low), 0, None)


@settings(max_examples=60, deadline=None)
@given(*[st.floats(-30, 190, width=32) for _ in range(4)])
def test_a_rectangle_at_any_position_covers_each_pixel_by_its_exact_part(x0, x1, y0, y1):
    left, right, top, bottom = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
    matte = draw(rectangle(left, top, right, bottom))
    expected = np.outer(pixel_cover(top, bottom, 0, 120), pixel_cover(left, right, 0, 160))
    assert np.abs(matte - expected).max() < 1e-6


@pytest.mark.parametrize("centre", [(80.0, 60.0), (71.37, 58.81), (80.5, 60.25)])
def test_a_circle_covers_each_pixel_by_its_part_within_a_128th(centre):
    matte = draw(circle(*centre, 40.3))
    assert np.abs(matte - circle_cover(*centre, 40.3)).max() < 1 / 128
    assert matte.sum(dtype=np.float64) == pytest.approx(math.pi * 40.3**2, rel=2e-4)
    assert (matte == 1.0).sum() > 4500
    assert (matte == 0.0).sum() > 13000


def test_a_bezier_departs_from_its_formula_by_less_than_the_tolerance():
    spline = MaskSpline(
        (MaskPoint((0, 0), (10, 10), (200, -150)), MaskPoint((-90, 200), (120, 90), (0, 0))), closed=False
    )
    t = np.linspace(0, 1, 4001)[:, None]
    a, b, c, d = (np.array(p, float) for p in ((10, 10), (200, -150), (-90, 200), (120, 90)))
    curve = (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d
    points = flatten(spline).points
    start, along = points[:-1], np.diff(points, axis=0)
    away = np.full(len(curve), np.inf)
    for s, v in zip(start, along, strict=True):
        part = np.clip(((curve - s) @ v) / (v @ v), 0, 1)[:, None]
        away = np.minimum(away, np.hypot(*(curve - s - part * v).T))
    assert away.max() < TOLERANCE_PX


def test_the_area_under_a_bezier_is_its_integral():
    spline = MaskSpline(
        (MaskPoint((20, 20), (20, 20), (20, 100)), MaskPoint((140, 100), (140, 20), (140, 20)))
    )
    # A cubic over a straight base with both handles straight below its ends encloses 0.6 height x base.
    assert draw(spline).sum(dtype=np.float64) == pytest.approx(0.6 * 80 * 120, rel=1e-4)


def test_a_window_shows_its_part_of_the_shape_to_the_bit():
    star = polygon((20, 20), (140, 60), (10, 70), (130, 10), (70, 110), feather=6.0)
    whole = draw(star, circle(90, 60, 30))
    part = Window(33, 21, 60, 50)
    assert np.abs(draw(star, circle(90, 60, 30), window=part) - whole[part.slices_in(WINDOW)]).max() < 1e-6


def test_parts_left_above_and_below_the_window_fill_it_right():
    window = Window(50, 40, 20, 10)
    assert np.all(draw(circle(60, 45, 500), window=window) == 1.0)
    assert np.all(draw(rectangle(-900, -900, 55, 900), window=window)[:, :5] == 1.0)
    assert not draw(rectangle(-900, -900, 50, 900), window=window).any()
    assert not draw(rectangle(71, 0, 90, 90), window=window).any()


def test_the_direction_of_an_outline_does_not_matter():
    corners = [(20.3, 20.1), (120.7, 30.2), (90.9, 100.4)]
    assert np.array_equal(draw(polygon(*corners)), draw(polygon(*corners[::-1])))


def test_abutting_and_overlapping_splines_of_a_layer_unite_without_a_seam():
    left, right = rectangle(10.0, 10.0, 50.4, 90.0), rectangle(50.4, 10.0, 100.0, 90.0)
    assert np.all(draw(left, right)[10:90, 10:100] == 1.0)
    over = draw(rectangle(10, 10, 60, 90), rectangle(40, 10, 100, 90))
    assert np.all(over[10:90, 10:100] == 1.0)


def test_a_spline_within_another_is_cut_by_even_odd_only():
    nested = rectangle(10, 10, 90, 90), rectangle(30.25, 30, 60, 60)
    united, odd = draw(*nested), draw(*nested, fill="even_odd")
    assert np.all(united[10:90, 10:90] == 1.0)
    assert np.all(odd[30:60, 31:60] == 0.0)
    assert odd[40, 30] == pytest.approx(0.25)
    assert np.all(odd[10:30, 10:90] == 1.0)


def test_a_hole_cuts_its_layer_whichever_way_it_runs():
    for corners in ([(30, 30), (60, 30), (60, 60), (30, 60)], [(30, 60), (60, 60), (60, 30), (30, 30)]):
        matte = draw(rectangle(10, 10, 90, 90), polygon(*corners, is_hole=True))
        assert matte.sum() == 80 * 80 - 30 * 30
        assert not matte[30:60, 30:60].any()


def test_a_figure_of_eight_is_filled_in_both_loops():
    matte = draw(polygon((20, 20), (100, 100), (100, 20), (20, 100)))
    assert matte[60, 30] == matte[60, 90] == 1.0
    assert matte[30, 60] == matte[90, 60] == 0.0


def blended(blend, opacity=1.0, invert=False):
    below = MaskLayer((rectangle(10, 10, 50, 50),), opacity=0.8)
    above = MaskLayer((rectangle(30, 10, 70, 50),), blend=blend, opacity=opacity, invert=invert)
    matte = rasterise(MaskShape((below, above), 160, 120), WINDOW)
    return [round(float(matte[20, x]), 4) for x in (20, 40, 60, 90)]  # only below, both, only above, none


@pytest.mark.parametrize(
    ("how", "values"),
    [
        (("add",), [0.8, 1.0, 1.0, 0.0]),
        (("add", 0.5), [0.8, 0.9, 0.5, 0.0]),
        (("subtract",), [0.8, 0.0, 0.0, 0.0]),
        (("subtract", 0.5), [0.8, 0.4, 0.0, 0.0]),
        (("intersect",), [0.0, 0.8, 0.0, 0.0]),
        (("intersect", 0.5), [0.4, 0.8, 0.0, 0.0]),
        (("replace",), [0.0, 1.0, 1.0, 0.0]),
        (("replace", 0.5), [0.4, 0.9, 0.5, 0.0]),
        (("difference",), [0.8, 0.2, 1.0, 0.0]),
        (("subtract", 1.0, True), [0.0, 0.8, 0.0, 0.0]),
        (("add", 0.5, True), [0.9, 0.8, 0.0, 0.5]),
    ],
)
def test_layers_blend_by_their_formula(how, values):
    assert blended(*how) == pytest.approx(values, abs=1e-6)


def test_a_shape_without_layers_is_empty_and_full_when_inverted():
    assert not rasterise(MaskShape((), 160, 120), WINDOW).any()
    assert np.all(rasterise(MaskShape((), 160, 120, invert=True), WINDOW) == 1.0)


def test_inverting_a_shape_gives_the_complement():
    plain = rasterise(shape(circle(80, 60, 30)), WINDOW)
    turned = rasterise(MaskShape(shape(circle(80, 60, 30)).layers, 160, 120, True), WINDOW)
    assert np.abs(plain + turned - 1.0).max() < 1e-6


@pytest.mark.parametrize("feather", [4.0, 15.0])
def test_a_feather_falls_by_distance_outside_and_leaves_the_inside_full(feather):
    matte = draw(circle(80.2, 60.1, 30), feather_px=feather)
    x, y = np.meshgrid(np.arange(160) + 0.5 - 80.2, np.arange(120) + 0.5 - 60.1)
    outside = np.hypot(x, y) - 30.0
    expected = np.where(outside <= 0, 1.0, smoothstep(1 - outside / feather))
    away_from_edge = np.abs(outside) > 0.75
    assert np.abs(matte - expected)[away_from_edge].max() < 0.01
    assert np.all(matte[outside < -0.75] == 1.0)
    assert np.all(matte[outside > feather + 0.5] == 0.0)


def test_a_points_feather_is_wide_there_and_narrows_to_the_next_point():
    matte = draw(circle(80.0, 60.0, 30.0, feathers=(20.0, 0.0, 0.0, 0.0)))
    assert matte[60, 120] == pytest.approx(smoothstep(np.array(1 - 10.5 / 20)), abs=0.01)
    assert matte[60, 40] == 0.0
    assert matte[16, 80] == 0.0
    diagonal = [matte[60 + d, 80 + d] for d in range(22, 36)]
    assert all(a >= b for a, b in pairwise(diagonal))
    assert 0.0 < matte[60 + 24, 80 + 24] < 1.0


def test_feathers_of_point_and_layer_add():
    both = draw(circle(80, 60, 30, feathers=(5.0,) * 4), feather_px=7.0)
    assert np.abs(both - draw(circle(80, 60, 30), feather_px=12.0)).max() < 1e-6


def test_a_feather_that_shrinks_to_nothing_ends_as_the_plain_edge():
    plain = draw(circle(80.3, 60.2, 30))
    steps = [np.abs(draw(circle(80.3, 60.2, 30), feather_px=f) - plain).max() for f in (0.5, 0.1, 0.01)]
    assert steps[0] > steps[1] > steps[2]
    assert steps[2] < 0.011


def test_the_feather_of_a_hole_eats_into_the_solid():
    matte = draw(rectangle(10, 10, 110, 110), circle(60, 60, 20, feathers=(10.0,) * 4, is_hole=True))
    assert matte[60, 60] == 0.0
    assert 0.3 < matte[60, 85] < 0.7
    assert matte[60, 95] == 1.0


def test_an_open_spline_gives_nothing_but_its_feather():
    line = [(20.0, 60.0), (140.0, 60.0)]
    assert not draw(polygon(*line, closed=False)).any()
    soft = draw(polygon(*line, closed=False), feather_px=10.0)
    assert soft[60, 80] > 0.99
    assert soft[60 + 5, 80] == pytest.approx(float(smoothstep(np.array(1 - 5.5 / 10))), abs=1e-3)
    assert not soft[75:, :].any()
    assert not soft[:, :9].any()


def test_feathers_at_a_sharp_corner_are_round():
    matte = draw(polygon((40, 40), (100, 40), (100, 90), (40, 90)), feather_px=12.0)
    x, y = 100 + 6.5, 40 - 6.5
    expected = smoothstep(np.array(1 - math.hypot(6.5, 6.5) / 12))
    assert matte[int(y), int(x)] == pytest.approx(float(expected), abs=1e-3)


def test_a_long_outline_far_outside_the_window_costs_no_accuracy():
    big = rectangle(-5000, -5000, 80.5, 5000)
    matte = draw(big, feather_px=10.0)
    assert np.all(matte[:, :80] == 1.0)
    assert np.abs(matte[:, 85] - smoothstep(np.array(1 - 5.0 / 10))).max() < 1e-3


def test_a_single_point_and_a_degenerate_spline_draw_nothing():
    assert not draw(polygon((50, 50))).any()
    assert not draw(polygon((50, 50), (90, 50))).any()
    assert not draw(polygon((50, 50), (90, 50), (50, 50))).any()
    assert draw(polygon((50, 50)), feather_px=5.0)[50, 50] > 0.9


def test_a_shape_drawn_over_another_size_is_refused_with_both_sizes():
    check_shape_size(shape(), Window(5, 5, 160, 120))
    with pytest.raises(MaskSizeDiffers, match=r"160 x 120 .* 1920 x 1080") as caught:
        check_shape_size(shape(), Window(0, 0, 1920, 1080), 1007)
    assert caught.value.frame == 1007


def zigzag(count, width):
    """Return a spline that runs to and fro over the width of a picture."""
    return polygon(*((width * (i % 2), i % 100) for i in range(count)))


def test_outlines_that_are_too_long_to_draw_are_refused_with_their_frame():
    display = Window(0, 0, 1920, 1080)
    shape = MaskShape((MaskLayer((zigzag(5000, 1920),)),), 1920, 1080)
    with pytest.raises(BadMask, match=f"more than {MOST_PIECES}") as caught:
        check_shape_cost(shape, display, 7)
    assert caught.value.frame == 7 and "matte sequence" in caught.value.remedy


def test_many_points_close_by_and_a_few_far_away_are_no_long_outlines():
    display = Window(0, 0, 1920, 1080)
    near = polygon(*((9 * math.cos(i), 9 * math.sin(i)) for i in range(50_000)))
    far = zigzag(20, 1e9)
    check_shape_cost(MaskShape((MaskLayer((near, far)),), 1920, 1080), display)
    assert drawing_pieces([far], display) <= 20 * (3000 + 2000)


@given(st.lists(st.tuples(*[st.floats(-200, 300)] * 6), min_size=2, max_size=6), st.booleans())
@settings(max_examples=30, deadline=None)
def test_an_outline_is_in_no_more_pieces_than_are_reckoned(points, closed):
    spline = MaskSpline(tuple(MaskPoint(p[:2], p[2:4], p[4:]) for p in points), closed)
    outline = flatten(spline)
    within = np.clip(outline.points, (0, 0), (160, 120))
    crossed = np.abs(np.diff(within, axis=0)).sum() + len(outline.points) - 1
    assert crossed <= drawing_pieces([spline], WINDOW) + 1e-6
