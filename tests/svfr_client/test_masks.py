"""Mask shapes: their JSON form, what holds between keys, and what is refused."""

import json
import pickle

import pytest

from svfr_client.errors import BadMask
from svfr_client.frames import MOST_FRAMES
from svfr_client.masks import (
    MOST_LAYERS,
    MOST_POINTS,
    MOST_SPLINES,
    MaskLayer,
    MaskPoint,
    MaskShape,
    MaskSpline,
    SplineMask,
    refuse_long_mask,
)


def point(x, y, feather=0.0):
    return MaskPoint((x - 1.5, y), (x, y), (x + 1.5, y), feather)


def shape(x=10.0, **layer):
    spline = MaskSpline((point(x, 5.0), point(x + 9, 5.0, 2.25), point(x, 30.0)))
    hole = MaskSpline((point(x, 7.0), point(x + 2, 7.0), point(x, 9.0)), is_hole=True)
    return MaskShape((MaskLayer((spline, hole), **layer), MaskLayer((), "replace")), 1920, 1080, True)


def plain(mask):
    return json.loads(json.dumps(mask.to_json()))


def test_a_mask_survives_its_json_form():
    mask = SplineMask(
        {1001: shape(blend="subtract", opacity=0.25, invert=True, feather_px=3.5), 1010: shape(0.1)}
    )
    assert SplineMask.from_json(plain(mask)) == mask


def test_shapes_that_repeat_the_one_before_are_left_out_and_still_hold():
    mask = SplineMask({f: shape(0.0 if f < 5 else 50.0) for f in range(1, 9)})
    body = plain(mask)
    assert [row["frame"] for row in body["frames"]] == [1, 5]
    again = SplineMask.from_json(body)
    assert all(again.at(f) == mask.at(f) for f in range(1, 9))


def test_a_shape_holds_until_the_next_key_and_the_first_also_before_it():
    mask = SplineMask({20: shape(2.0), 10: shape(1.0)})
    assert mask.at(1) == mask.at(10) == mask.at(19) == shape(1.0)
    assert mask.at(20) == mask.at(999) == shape(2.0)


def test_points_may_leave_their_feather_out():
    body = plain(SplineMask({1: shape()}))
    points = body["frames"][0]["layers"][0]["splines"][0]["points"]
    points[0] = points[0][:6]
    assert SplineMask.from_json(body) == SplineMask({1: shape()})


def test_a_mask_is_a_value():
    assert hash(SplineMask({1: shape()})) == hash(SplineMask({1: shape()}))
    assert pickle.loads(pickle.dumps(SplineMask({1: shape()}))) == SplineMask({1: shape()})
    with pytest.raises(TypeError):
        SplineMask({1: shape()}).frames[2] = shape()


def broken(path, value):
    """Return the JSON of a mask in which ``path`` holds ``value``, or is gone when that is Ellipsis."""
    body = plain(SplineMask({1001: shape()}))
    at = body
    for key in path[:-1]:
        at = at[key]
    if value is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return body


LAYER = ("frames", 0, "layers", 0)
SPLINE = (*LAYER, "splines", 0)


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (("frames", 0, "width"), ..., r"frames\[0\] lacks the key width"),
        (("frames", 0, "frame"), ..., r"frames\[0\] lacks the key frame"),
        (("frames", 0, "hight"), 3, r"frames\[0\] has the unknown key hight"),
        ((*LAYER, "splines"), ..., r"frames\[0\]\.layers\[0\] lacks the key splines"),
        ((*LAYER, "blend"), "screen", r"layers\[0\].*screen"),
        ((*LAYER, "fill"), "winding", r"layers\[0\].*winding"),
        ((*LAYER, "opacity"), 1.5, r"layers\[0\].*1\.5"),
        ((*LAYER, "feather_px"), -1, r"layers\[0\].*-1"),
        ((*LAYER, "invert"), "no", r"layers\[0\]\.invert"),
        ((*SPLINE, "points"), [], r"splines\[0\].*no point"),
        ((*SPLINE, "points"), 7, r"splines\[0\]\.points is no list"),
        ((*SPLINE, "points", 2), [1, 2], r"points\[2\] has 2 numbers"),
        ((*SPLINE, "points", 1, 3), "x", r"points\[1\] holds 'x'"),
        ((*SPLINE, "points", 1, 3), float("nan"), r"points\[1\].*not a number"),
        ((*SPLINE, "cyclic"), True, r"unknown key cyclic"),
        (("frames", 0, "width"), 0, r"0 x 1080"),
        (("frames", 0, "width"), 19.5, r"frames\[0\]\.width"),
        (("format",), 2, "format 2"),
        (("space",), "normalised", "normalised"),
        (("space",), ..., "lacks the key space"),
        (("frames",), [], "no shape"),
        (("frames",), {}, "no list"),
    ],
)
def test_a_bad_field_is_named_with_its_place(path, value, named):
    with pytest.raises(BadMask, match=named) as caught:
        SplineMask.from_json(broken(path, value))
    assert caught.value.remedy


def test_missing_and_unknown_keys_are_named_together():
    body = broken((*SPLINE, "points"), ...)
    body["frames"][0]["layers"][0]["splines"][0]["pts"] = []
    with pytest.raises(BadMask, match="lacks the key points and has the unknown key pts"):
        SplineMask.from_json(body)


def test_a_mask_of_more_frames_than_any_job_is_refused_before_a_shape_is_read():
    body = {"format": 1, "space": "exr_px", "frames": [None] * (MOST_FRAMES + 1)}
    with pytest.raises(BadMask, match="more than 100000") as caught:
        SplineMask.from_json(body)
    assert caught.value.remedy


POINT = [1.0] * 6


@pytest.mark.parametrize(
    ("layers", "what"),
    [
        ([{"splines": [{"points": [POINT] * (MOST_POINTS + 1)}]}], "100001 points"),
        ([{"splines": [{"points": [POINT] * MOST_POINTS}]}, {"splines": [{"points": [POINT]}]}], "points"),
        ([{"splines": [None] * (MOST_SPLINES + 1)}], "10001 splines"),
        ([None] * (MOST_LAYERS + 1), "10001 layers"),
    ],
    ids=["one spline", "two layers", "splines", "layers"],
)
def test_a_shape_of_more_than_a_hand_draws_is_refused_before_a_point_is_read(layers, what):
    """What is wrong with the first of its parts would be said first if any had been read."""
    row = {"frame": 3, "width": 0, "height": 0, "layers": layers}
    with pytest.raises(BadMask, match=rf"frames\[0\] has .*{what.split()[-1]}, more than") as caught:
        SplineMask.from_json({"format": 1, "space": "exr_px", "frames": [row]})
    assert what in caught.value.message and "matte sequence" in caught.value.remedy


def test_a_host_cannot_build_a_shape_that_would_be_refused():
    spline = MaskSpline((point(0, 0),) * (MOST_POINTS // 2 + 1))
    MaskShape((MaskLayer((spline,)),), 64, 64)
    with pytest.raises(BadMask, match="100002 points"):
        MaskShape((MaskLayer((spline,)), MaskLayer((spline,))), 64, 64)


def test_the_bytes_of_a_mask_are_counted_before_they_are_parsed():
    points = b"[" + b"[0]," * MOST_POINTS + b"[0]]"
    spline = b'{"points":' + points + b"}"
    row = b'{"frame":1,"layers":[{"splines":[' + spline + b"]}]}"
    with pytest.raises(BadMask, match="100001 points"):
        refuse_long_mask(b'{"frames":[' + row + b"]}")
    with pytest.raises(BadMask, match="100001 frames"):
        refuse_long_mask(b'{"frames":[' + b'{"frame":1},' * (MOST_FRAMES + 1) + b"null]}")


def test_no_mask_that_may_be_sent_is_refused_for_its_bytes():
    whole = MaskShape((MaskLayer((MaskSpline((point(0, 0),) * MOST_POINTS),)), MaskLayer(())), 64, 64)
    refuse_long_mask(json.dumps(SplineMask({1: whole, 2: shape()}).to_json()).encode())
    refuse_long_mask(json.dumps(SplineMask({1: whole}).to_json()).encode())


def test_a_frame_that_comes_twice_is_named():
    body = broken(("format",), 1)
    body["frames"] *= 2
    with pytest.raises(BadMask, match="frame 1001 twice") as caught:
        SplineMask.from_json(body)
    assert caught.value.frame == 1001


@pytest.mark.parametrize("body", [None, [], "mask", 3])
def test_what_is_no_object_is_refused(body):
    with pytest.raises(BadMask, match="no JSON object"):
        SplineMask.from_json(body)
