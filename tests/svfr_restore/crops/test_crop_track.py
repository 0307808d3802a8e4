"""Crop tracks: what is smoothed, what is held, what leaves the plate, and the JSON an artist may edit."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svfr_restore.crops.crop_file import read_tracks, tracks_from_json, tracks_to_json, write_tracks
from svfr_restore.crops.crop_track import CropTrack, track_of_box, track_of_frame
from svfr_restore.crops.smoothing import EXPAND, smooth_track
from svfr_restore.errors import BoxIsEmpty, CropTrackFileIsBad, CropTrackHasNoFrame
from svfr_restore.faces.box import FaceBox
from svfr_restore.faces.tracks import filled_track
from svfr_restore.media.window import Window

HD = Window(0, 0, 1920, 1080)


def is_static(track):
    return not any(np.ptp(series) for series in (track.centre_x, track.centre_y, track.side_px))


def boxes(centres_x, centres_y, sizes, first=1001):
    rows = zip(*np.broadcast_arrays(centres_x, centres_y, sizes), strict=True)
    made = {first + i: FaceBox(x - s / 2, y - s / 2, s, s) for i, (x, y, s) in enumerate(rows)}
    return SimpleNamespace(index=3, boxes=made)


def jitter(values):
    return float(np.abs(np.diff(values, 2)).mean())


def test_a_still_face_gets_one_square_of_1_8_times_its_size():
    noise = np.random.default_rng(0).normal(0, 1.0, 60)
    track = smooth_track(boxes(900 + noise, 500 - noise, 200.0), HD, 1.0)
    assert is_static(track)
    assert track.frames == range(1001, 1061)
    assert track.index == 3
    assert 200 * (1 + 2 * EXPAND) <= track.side_px[0] < 200 * 1.8 + 6


def test_a_face_that_moves_little_stays_static_and_keeps_its_margin():
    sway = 20 * np.sin(np.arange(60) / 5)
    track = smooth_track(boxes(900 + sway, 500.0, 200.0), HD, 1.0)
    assert is_static(track)
    right = track.centre_x[0] + track.side_px[0] / 2
    assert right >= 900 + 20 + 100 + 0.4 * 200 - 3


def test_a_face_that_moves_gets_a_crop_that_follows_without_jitter():
    rng = np.random.default_rng(1)
    path = 600 + 60 * np.sin(np.arange(120) / 12) + 3.0 * np.arange(120)
    noisy = boxes(
        path + rng.normal(0, 4, 120), 500 + rng.normal(0, 4, 120), 200 * np.exp(rng.normal(0, 0.03, 120))
    )
    track = smooth_track(noisy, HD, 1.0)
    assert not is_static(track)
    assert np.abs(track.centre_x - path).max() < 12
    assert jitter(track.centre_x) < 0.4
    assert jitter(track.side_px) < 0.4
    assert np.all(track.centre_x - track.side_px / 2 < path - 100 - 40)
    assert np.all(track.centre_x + track.side_px / 2 > path + 100 + 40)


def test_one_wild_box_does_not_move_the_crop():
    path = 400 + 3.0 * np.arange(60)
    clean = boxes(path, 500.0, 200.0)
    wild = boxes(path, 500.0, 200.0)
    wild.boxes[1030] = FaceBox(0.0, 0.0, 500.0, 500.0)
    for name in ("centre_x", "centre_y", "side_px"):
        off = getattr(smooth_track(wild, HD, 1.0), name) - getattr(smooth_track(clean, HD, 1.0), name)
        assert np.abs(off).max() < 5  # of 360; the wild box is 1000 px away


def test_steady_motion_is_followed_to_the_very_ends():
    path = 400 + 8.0 * np.arange(60)
    track = smooth_track(boxes(path, 500.0, 200.0), HD, 1.0)
    assert np.abs(track.centre_x - path).max() < 1e-6


def test_the_crop_is_pushed_inside_the_plate():
    track = smooth_track(boxes(np.full(9, 110.0), 110.0, 200.0), HD, 1.0)
    assert track.centre_x[0] - track.side_px[0] / 2 == pytest.approx(0)
    assert track.centre_y[0] - track.side_px[0] / 2 == pytest.approx(0)


def test_the_crop_overhangs_the_edge_only_as_far_as_the_face():
    track = smooth_track(boxes(np.full(9, 70.0), 500.0, 200.0), HD, 1.0)
    assert track.centre_x[0] - track.side_px[0] / 2 == pytest.approx(-30)


def test_the_crop_of_a_close_up_is_no_higher_than_the_plate():
    track = smooth_track(boxes(np.full(9, 900.0), 560.0, 900.0), HD, 1.0)
    assert (track.side_px[0], track.centre_y[0]) == (1080, 540)


def test_a_crop_is_square_on_screen_when_pixels_are_wide():
    face = FaceBox(400.0, 300.0, 100.0, 200.0)  # 200 x 200 on screen
    track = smooth_track(
        SimpleNamespace(index=0, boxes=dict.fromkeys(range(1, 10), face)), Window(0, 0, 960, 1080), 2.0
    )
    assert track.side_px[0] == pytest.approx(360)
    transform = track.transform(1, 96, 2.0)
    assert transform.scale_x * 96 == pytest.approx(180)
    assert transform.scale_y * 96 == pytest.approx(360)
    assert (transform.left, transform.top) == pytest.approx((450 - 90, 400 - 180))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6])
def test_short_tracks_are_smoothed_too(count):
    track = smooth_track(boxes(500 + 90.0 * np.arange(count), 500.0, 200.0), HD, 1.0)
    assert len(track.frames) == count
    assert np.isfinite(track.centre_x).all()


def test_a_box_is_the_crop_whatever_the_range():
    short = track_of_box(0, range(1010, 1011), x=100, y=200, width=96, height=96, pixel_aspect=1.0)
    long = track_of_box(0, range(1001, 1051), x=100, y=200, width=96, height=96, pixel_aspect=1.0)
    assert short.transform(1010, 96, 1.0) == long.transform(1010, 96, 1.0)
    assert long.transform(1010, 96, 1.0).is_copy
    assert long.transform(1010, 96, 1.0).window(96) == Window(100, 200, 96, 96)


def test_an_oblong_box_gets_the_square_around_it():
    track = track_of_box(0, range(1, 3), x=100, y=200, width=50, height=80, pixel_aspect=2.0)
    # 100 x 80 on screen
    assert track.side_px[0] == 100
    assert track.transform(1, 100, 2.0).window(100) == Window(100, 190, 50, 100)


@pytest.mark.parametrize(
    "box", [(0, 0, 0, 10), (0, 0, 10, -1), (float("nan"), 0, 10, 10), (0, float("inf"), 9, 9)]
)
def test_a_box_without_area_is_refused(box):
    x, y, width, height = box
    with pytest.raises(BoxIsEmpty, match="no area"):
        track_of_box(0, range(1, 2), x=x, y=y, width=width, height=height, pixel_aspect=1.0)


@pytest.mark.parametrize("display", [Window(0, 0, 96, 96), Window(-7, 3, 96, 51), Window(0, 0, 33, 96)])
def test_a_whole_frame_of_the_crops_size_is_copied(display):
    track = track_of_frame(0, range(1, 4), display, 1.0)
    transform = track.transform(2, 96, 1.0)
    assert transform.is_copy
    assert transform.window(96).contains(display)


@settings(max_examples=50)
@given(st.integers(1, 5000), st.integers(1, 5000), st.sampled_from([0.5, 1.0, 1.5, 2.0]))
def test_a_whole_frame_is_inside_its_crop(width, height, aspect):
    display = Window(11, -5, width, height)
    transform = track_of_frame(0, range(1, 2), display, aspect).transform(1, 96, aspect)
    assert transform.window(96).contains(display)


def test_a_roto_is_followed_and_its_empty_frames_are_bridged():
    bounds = {f: FaceBox(100.0 + 10 * f, 300.0, 100.0, 120.0) for f in range(1, 41)}
    seen = {f: box for f, box in bounds.items() if f not in (1, 2, 17, 18, 40)}
    track = smooth_track(filled_track(2, seen, range(1, 41)), HD, 1.0)
    assert track.frames == range(1, 41)
    assert not is_static(track)
    assert np.abs(track.centre_x - [bounds[f].centre_x for f in range(1, 41)])[10:-10].max() < 1


def test_a_frame_outside_the_track_is_named():
    with pytest.raises(CropTrackHasNoFrame, match="frames 5 to 6") as caught:
        track_of_box(0, range(5, 7), x=0, y=0, width=9, height=9, pixel_aspect=1.0).transform(7, 96, 1.0)
    assert caught.value.frame == 7


def test_clipping_keeps_the_squares_of_the_frames_that_stay():
    track = CropTrack(
        index=1, first_frame=10, centre_x=np.arange(5.0), centre_y=np.arange(5.0), side_px=np.arange(5.0) + 50
    )
    part = track.clip(12, 99)
    assert part is not None
    assert part.frames == range(12, 15)
    assert part.transform(13, 96, 1.0) == track.transform(13, 96, 1.0)
    assert track.clip(15, 20) is None


def test_tracks_survive_their_file_with_every_bit(tmp_path):
    rng = np.random.default_rng(2)
    tracks = [CropTrack(i, 1001 + i, *rng.uniform(1, 999, (3, 7))) for i in range(3)]
    write_tracks(tmp_path / "crops.json", tracks)
    again = read_tracks(tmp_path / "crops.json")
    assert again == tracks
    assert all(a.side_px.tobytes() == b.side_px.tobytes() for a, b in zip(again, tracks, strict=True))
    assert [p.name for p in tmp_path.iterdir()] == ["crops.json"]


def test_a_series_may_be_a_single_number():
    body = {"index": 0, "first_frame": 9, "centre_x": [1.0, 2.0, 3.0], "centre_y": 5, "side_px": 96}
    track = CropTrack.from_json(body)
    assert list(track.centre_y) == [5.0, 5.0, 5.0]
    assert track.frames == range(9, 12)


def good():
    return {
        "index": 0,
        "first_frame": 1,
        "centre_x": [1.0, 2.0],
        "centre_y": [1.0, 2.0],
        "side_px": [9.0, 9.0],
    }


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"side_px": [9.0, 0.5]}, "side_px holds a side below 1 pixel"),
        ({"side_px": [9.0]}, "lengths differ: centre_x has 2, centre_y has 2, side_px has 1"),
        ({"centre_x": [1.0, float("nan")]}, "centre_x holds a value that is not finite"),
        ({"centre_x": ["a", 1.0]}, "centre_x is no list of numbers"),
        ({"centre_x": []}, "centre_x is empty"),
        ({"first_frame": 1.5}, "first_frame is no whole number"),
        ({"index": True}, "index is no whole number"),
        ({"rotation": 3}, "rotation is not known"),
    ],
)
def test_a_bad_field_of_a_track_is_named(change, named):
    with pytest.raises(CropTrackFileIsBad, match=named):
        tracks_from_json({"format": 1, "tracks": [good(), good() | {"index": 1} | change]})


def test_all_bad_fields_are_named_together_with_their_track():
    body = good() | {"first_frame": "x", "scale": 1}
    del body["side_px"]
    with pytest.raises(CropTrackFileIsBad) as caught:
        tracks_from_json({"format": 1, "tracks": [body]})
    for part in ("tracks[0]", "side_px is missing", "scale is not known", "first_frame is no whole number"):
        assert part in caught.value.message


@pytest.mark.parametrize(
    "body", [None, [], {"format": 1}, {"format": 2, "tracks": [good()]}, {"format": 1, "tracks": []}]
)
def test_a_file_of_another_form_is_refused(body):
    with pytest.raises(CropTrackFileIsBad):
        tracks_from_json(body)


def test_two_tracks_of_one_face_on_one_frame_are_refused():
    later = good() | {"first_frame": 2}
    with pytest.raises(CropTrackFileIsBad, match="index 0 cover frame 2"):
        tracks_from_json({"format": 1, "tracks": [good(), later]})
    assert len(tracks_from_json({"format": 1, "tracks": [good(), good() | {"first_frame": 3}]})) == 2


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(CropTrackFileIsBad, match=r"none\.json"):
        read_tracks(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(CropTrackFileIsBad, match=r"bad\.json"):
        read_tracks(tmp_path / "bad.json")
    (tmp_path / "field.json").write_text(json.dumps({"format": 1, "tracks": [good() | {"side_px": 0}]}))
    with pytest.raises(CropTrackFileIsBad, match=r"side_px.*field\.json"):
        read_tracks(tmp_path / "field.json")


def test_the_file_is_plain_json():
    assert json.loads(json.dumps(tracks_to_json([CropTrack.from_json(good())])))["tracks"][0] == good()


def test_a_tracks_series_cannot_be_changed_in_place():
    track = CropTrack.from_json(good())
    with pytest.raises(ValueError, match="read-only"):
        track.centre_x[0] = 5.0


def test_a_raised_crop_shows_more_above_the_face_of_a_still_and_of_a_growing_one() -> None:
    for size in (np.full(41, 200.0), np.linspace(100.0, 300.0, 41)):
        faces = boxes(np.full(41, 900.0), 500.0, size)
        plain, raised = (smooth_track(faces, HD, 1.0, upward=upward) for upward in (0.0, 0.1))
        assert np.allclose(raised.centre_x, plain.centre_x)
        assert np.allclose(raised.side_px, plain.side_px)
        assert np.allclose(plain.centre_y - raised.centre_y, 0.1 * size, rtol=0.05)


def test_a_raised_crop_stays_inside_the_plate() -> None:
    track = smooth_track(boxes(np.full(9, 900.0), 190.0, 200.0), HD, 1.0, upward=0.1)
    assert (track.centre_y - track.side_px / 2).min() == HD.y
