import dataclasses

import numpy as np
import pytest

from svfr_lab.degradation.holes import STILL, HoleRanges, Holes, Motion, Occluder, hole_masks
from svfr_lab.degradation.registry import FILM, RICH
from svfr_lab.degradation.shapes import ShapeKind, draw_shape
from svfr_lab.errors import ArgumentOutOfRange

MOVING = Motion(
    drift=(0.02, -0.01),
    sway=(0.1, 0.05),
    sway_period_frames=12.0,
    sway_phase=(0.1, 0.6),
    spin_deg=4.0,
    pulse=0.2,
)


def occluder(kind=ShapeKind.POLYGON, **changes):
    return dataclasses.replace(
        Occluder(kind=kind, shape_seed=5, radius=0.25, centre=(0.5, 0.5), angle_deg=10.0, motion=STILL),
        **changes,
    )


@pytest.mark.parametrize("kind", list(ShapeKind))
def test_forms_stay_inside_the_circle_and_come_from_their_seed(kind):
    middle = np.hypot(*(np.mgrid[0:96, 0:96] - 47.5))
    forms = [draw_shape(kind, seed, 96) for seed in range(40)]
    for form in forms:
        assert form.shape == (96, 96) and set(np.unique(form)) <= {0, 255}
        assert 0.005 < (form > 0).mean() < 0.8
        assert middle[form > 0].max() < 50
    assert np.array_equal(forms[3], draw_shape(kind, 3, 96))
    assert len({form.tobytes() for form in forms}) > 20


@pytest.mark.parametrize("kind", list(ShapeKind))
@pytest.mark.parametrize("side_px", [16, 17, 300])
def test_forms_of_any_size_are_never_empty(kind, side_px):
    assert all(draw_shape(kind, seed, side_px).any() for seed in range(20))


def test_a_still_form_is_the_same_in_all_frames_and_lies_where_it_should():
    masks = hole_masks(Holes((occluder(ShapeKind.BOX, centre=(0.25, 0.75), angle_deg=0.0),), 0.5), 3, 80, 120)
    assert masks.shape == (3, 80, 120) and masks.dtype == np.bool_
    assert np.array_equal(masks[0], masks[2])
    rows, columns = np.nonzero(masks[0])
    assert abs(rows.mean() + 0.5 - 60) < 1 and abs(columns.mean() + 0.5 - 30) < 1
    assert np.hypot(np.ptp(rows), np.ptp(columns)) == pytest.approx(2 * 0.25 * 80, abs=3)


def test_a_moving_form_moves_smoothly_and_every_frame_stands_for_itself():
    holes = Holes((occluder(motion=MOVING),), 0.5)
    masks = hole_masks(holes, 20, 96, 96)
    centres = np.array([np.argwhere(mask).mean(axis=0) for mask in masks])
    steps = np.linalg.norm(np.diff(centres, axis=0), axis=1)
    assert 0.5 < steps.mean() < 8 and steps.max() < 14
    assert len({mask.tobytes() for mask in masks}) > 16
    assert np.array_equal(hole_masks(holes, 8, 96, 96), masks[:8])


def test_turning_and_pulsing_change_the_form_in_place():
    turning = dataclasses.replace(STILL, sway_period_frames=12.0, spin_deg=9.0, pulse=0.4)
    masks = hole_masks(Holes((occluder(ShapeKind.BOX, motion=turning),), 0.9), 12, 96, 96)
    areas = masks.mean(axis=(1, 2))
    assert areas.max() / areas.min() > 3
    centres = np.array([np.argwhere(mask).mean(axis=0) for mask in masks])
    assert np.ptp(centres, axis=0).max() < 1


@pytest.mark.parametrize("max_share", [0.05, 0.4])
def test_no_frame_loses_more_than_it_may(max_share):
    large = tuple(occluder(kind, radius=0.9, motion=MOVING) for kind in ShapeKind)
    share = hole_masks(Holes(large, max_share), 6, 64, 48).mean(axis=(1, 2))
    assert 0 < share.max() <= max_share


def test_a_form_that_is_elsewhere_or_too_thin_leaves_a_spot_in_the_middle_frame():
    for lost in (occluder(radius=0.02, centre=(1.1, 1.1)), occluder(ShapeKind.STROKE, radius=0.001)):
        masks = hole_masks(Holes((lost,), 0.4), 5, 96, 96)
        assert masks[2].any() and masks.sum() <= 20
    assert hole_masks(Holes((), 0.4), 1, 1, 1).all()


@pytest.mark.parametrize("recipe", [FILM, RICH])
@pytest.mark.parametrize("size", [(96, 96), (37, 53)])
def test_drawn_holes_hide_something_and_never_everything(recipe, size):
    rng = np.random.default_rng(2)
    for _ in range(40):
        masks = hole_masks(recipe.holes.draw(rng), 4, *size)
        assert masks.any()
        assert masks.mean(axis=(1, 2)).max() <= recipe.holes.max_share


def test_all_kinds_are_drawn_still_and_moving():
    rng = np.random.default_rng(1)
    drawn = [one for _ in range(200) for one in RICH.holes.draw(rng).occluders]
    assert {(one.kind, one.motion == STILL) for one in drawn} == {
        (kind, still) for kind in ShapeKind for still in (True, False)
    }
    assert 0.5 < np.mean([one.motion != STILL for one in drawn]) < 0.7


def test_a_recipe_without_motion_draws_still_holes_only():
    ranges = HoleRanges(((ShapeKind.TEXT, 1.0, (0.3, 0.6)),), moving_share=0.0)
    rng = np.random.default_rng(1)
    assert all(one.motion == STILL for _ in range(20) for one in ranges.draw(rng).occluders)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: occluder(radius=0.0), "radius"),
        (lambda: occluder(radius=float("nan")), "radius"),
        (lambda: occluder(shape_seed=-1), "shape_seed"),
        (lambda: Holes((), 1.0), "max_share"),
        (lambda: dataclasses.replace(MOVING, sway_period_frames=0.0), "sway_period_frames"),
        (lambda: dataclasses.replace(MOVING, pulse=1.0), "pulse"),
    ],
)
def test_impossible_holes_are_refused_by_name(make, name):
    with pytest.raises(ArgumentOutOfRange, match=name):
        make()
