"""Points that follow tracking markers, as numbers and without Blender; Blender's own drawing is the oracle in
``test_blender_masks.py``."""

import ctypes
from types import SimpleNamespace
from typing import Any

import pytest
from staged_extension.errors import MaskCannotBeSent
from staged_extension.mask_snapshot import MaskSnapshot
from staged_extension.mask_tracking import MaskTracking, _MaskParent
from staged_extension.projective import Projective, between_quads
from test_blender_shapes import mask

SQUARE = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]
LEANING = [(0.1, 0.2), (0.9, 0.1), (0.7, 0.8), (0.2, 0.9)]


def test_four_corners_go_to_four_others_and_back() -> None:
    there = between_quads(LEANING, SQUARE)
    for before, after in zip(LEANING, SQUARE, strict=True):
        assert there(*before) == pytest.approx(after)
        assert there.inverse()(*after) == pytest.approx(before)
    assert there.after(there.inverse())(0.3, 0.4) == pytest.approx((0.3, 0.4))


def test_corners_on_one_line_move_nothing() -> None:
    line = [(0.0, 0.0), (0.5, 0.0), (1.0, 0.0), (0.2, 0.0)]
    assert between_quads(SQUARE, line)(0.3, 0.4) == pytest.approx((0.3, 0.4))


def test_a_scale_leaves_its_centre_where_it_is() -> None:
    scaled = Projective.scale(0.5, 2.0, about=(0.5, 0.5))
    assert scaled(0.5, 0.5) == (0.5, 0.5) and scaled(1.0, 1.0) == (0.75, 1.5)


def following(record: _MaskParent) -> Any:
    """A mask whose first point follows a track as a record says that lies in memory."""
    clip = SimpleNamespace(name="plate", library=None, as_pointer=lambda: 4096)
    made = mask({})
    for spline in made.layers[0].splines:
        for place, point in enumerate(spline.points):
            point.handle_left_type = point.handle_right_type = "FREE"
            point.parent = SimpleNamespace(
                id=None if place else clip,
                type="POINT_TRACK",
                parent="Camera",
                sub_parent="nose",
                as_pointer=lambda: ctypes.addressof(record),
            )
    return made


def test_what_a_point_follows_is_read_where_blender_keeps_it() -> None:
    record = _MaskParent(0, 0, 4096, b"Camera", b"nose", (0.25, 0.5))
    assert MaskTracking(following(record)).moves_anything


@pytest.mark.parametrize(
    "record",
    [
        _MaskParent(0, 0, 8192, b"Camera", b"nose"),
        _MaskParent(0, 0, 4096, b"Camera", b"chin"),
        _MaskParent(0, 0, 4096, b"", b"nose"),
    ],
    ids=["another_clip", "another_track", "another_object"],
)
def test_a_blender_that_keeps_it_elsewhere_is_not_guessed_from(record: _MaskParent) -> None:
    with pytest.raises(MaskCannotBeSent, match="keeps such parents in another way"):
        MaskTracking(following(record))


def test_a_mask_that_changes_and_a_clip_that_goes_while_it_is_read_are_told() -> None:
    tracking = MaskTracking(following(_MaskParent(0, 0, 4096, b"Camera", b"nose", (0.25, 0.5))))
    with pytest.raises(MaskCannotBeSent, match="changed"):
        tracking.moved(MaskSnapshot(()), lambda names: None, 1)
