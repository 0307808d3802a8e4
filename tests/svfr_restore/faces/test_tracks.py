"""Tracks: who is who when faces move, cross, vanish, enter and leave; and choosing among them."""

import numpy as np
import pytest

from svfr_restore.errors import FaceTrackNotFound
from svfr_restore.faces.box import FaceBox
from svfr_restore.faces.choose import choose_tracks
from svfr_restore.faces.tracks import build_tracks, filled_track, unseen_ends, without_blank_ends
from svfr_restore.media.shots import Shot

SHOT = Shot(1001, 1050)


def box(x, y=300.0, size=100.0, score=1.0):
    return FaceBox(x=x - size / 2, y=y - size / 2, width=size, height=size, score=score)


def shaken(b, rng, noise):
    return FaceBox(
        x=b.x + rng.normal(0, noise),
        y=b.y + rng.normal(0, noise),
        width=b.width,
        height=b.height,
        score=b.score,
    )


def follow(*paths, shot=SHOT, noise=2.0):
    """Return detections: each path maps a frame to a box or None; the order within a frame is shuffled."""
    rng = np.random.default_rng(5)
    found = {}
    for frame in shot.frames:
        boxes = [path(frame) for path in paths]
        found[frame] = [shaken(b, rng, noise) for b in boxes if b is not None]
        rng.shuffle(found[frame])
    return found


def test_one_face_is_one_track_over_the_whole_shot():
    (track,) = build_tracks(follow(lambda f: box(500 + 3 * (f - 1001))), SHOT)
    assert (track.index, track.first_frame, track.last_frame) == (0, 1001, 1050)
    assert list(track.boxes) == list(SHOT.frames)
    assert track.detected == frozenset(SHOT.frames)


def test_two_faces_are_numbered_by_size_when_they_begin_together():
    tracks = build_tracks(follow(lambda f: box(300, size=80), lambda f: box(900, size=160)), SHOT)
    assert [track.boxes[1020].width for track in tracks] == [160, 80]
    assert [track.index for track in tracks] == [0, 1]


def test_a_face_that_enters_later_comes_later_and_starts_there():
    found = follow(lambda f: box(300, size=80), lambda f: box(900, size=160) if f >= 1040 else None)
    tracks = build_tracks(found, SHOT, gap_frames=10)
    assert [(t.boxes[1045].width, t.first_frame) for t in tracks] == [(80, 1001), (160, 1040)]


def test_a_face_first_seen_a_little_late_is_held_back_to_the_shots_start():
    (track,) = build_tracks(follow(lambda f: box(300) if f >= 1005 and f <= 1046 else None), SHOT)
    assert list(track.boxes) == list(SHOT.frames)
    assert track.boxes[1001] == track.boxes[1005]
    assert track.boxes[1050] == track.boxes[1046]
    assert 1001 not in track.detected


def test_faces_that_cross_keep_their_numbers():
    def left(f):
        return box(200 + 12 * (f - 1001), y=300)

    def right(f):  # hidden behind the other one while they overlap
        x = 800 - 12 * (f - 1001)
        return None if abs(x - (200 + 12 * (f - 1001))) < 90 else box(x, y=310)

    tracks = build_tracks(follow(left, right), SHOT)
    assert len(tracks) == 2
    starts = sorted((track.boxes[1001].centre_x, track.boxes[1050].centre_x) for track in tracks)
    assert starts[0][0] < 250 < 700 < starts[0][1]
    assert starts[1][0] > 750 > 300 > starts[1][1]


def test_faces_side_by_side_are_never_swapped():
    def sway(f):
        return 30 * np.sin(f / 4)

    tracks = build_tracks(follow(lambda f: box(400 + sway(f)), lambda f: box(520 + sway(f)), noise=6), SHOT)
    assert len(tracks) == 2
    for track in tracks:
        middle = np.array([b.centre_x - sway(f) for f, b in track.boxes.items()])
        assert np.ptp(middle) < 60


def test_a_gap_is_bridged_along_a_straight_line():
    (track,) = build_tracks(
        follow(lambda f: None if 1020 <= f < 1032 else box(300 + 4 * (f - 1001)), noise=0), SHOT
    )
    assert track.boxes[1025].centre_x == pytest.approx(300 + 4 * 24)
    assert 1025 not in track.detected


def test_a_long_absence_begins_a_new_track():
    tracks = build_tracks(follow(lambda f: None if 1015 <= f < 1040 else box(300)), SHOT, gap_frames=10)
    assert [(t.first_frame, t.last_frame) for t in tracks] == [(1001, 1014), (1040, 1050)]


def test_a_face_elsewhere_is_another_face():
    tracks = build_tracks(follow(lambda f: box(300 if f < 1025 else 900)), SHOT)
    assert len(tracks) == 2


def test_a_head_size_jump_is_another_face():
    tracks = build_tracks(follow(lambda f: box(300, size=60 if f < 1025 else 200)), SHOT)
    assert len(tracks) == 2


def test_a_short_false_detection_is_dropped():
    found = follow(lambda f: box(300))
    found[1010] = [*found[1010], box(900, score=3.0)]
    found[1011] = [*found[1011], box(905, score=3.0)]
    (track,) = build_tracks(found, SHOT)
    assert track.boxes[1030].centre_x < 400


def test_a_short_detection_stays_when_it_is_all_there_is():
    found = {f: [] for f in SHOT.frames} | {1010: [box(300)], 1020: [box(900, score=0.2)]}
    (track,) = build_tracks(found, SHOT)
    assert track.detected == {1010}


def test_a_pattern_that_is_doubtful_in_every_frame_is_dropped_beside_a_face():
    (track,) = build_tracks(follow(lambda f: box(300), lambda f: box(900, score=0.12)), SHOT)
    assert track.boxes[1030].centre_x < 400


def test_a_doubtful_face_stays_when_it_is_all_there_is_but_a_doubtful_flicker_does_not():
    (track,) = build_tracks(follow(lambda f: box(300, score=0.12)), SHOT)
    assert track.detected == frozenset(SHOT.frames)
    assert build_tracks({f: [box(300, score=0.12)] if f == 1020 else [] for f in SHOT.frames}, SHOT) == []


def test_a_single_frame_keeps_all_its_faces():
    tracks = build_tracks({1010: [box(300), box(900, size=150)]}, Shot(1010, 1010))
    assert [round(t.boxes[1010].centre_x) for t in tracks] == [900, 300]


def test_frames_that_were_not_looked_at_are_interpolated():
    found = {f: b for f, b in follow(lambda f: box(300 + 5 * (f - 1001)), noise=0).items() if f % 5 == 1}
    (track,) = build_tracks(found, SHOT)
    assert list(track.boxes) == list(SHOT.frames)
    assert track.boxes[1024].centre_x == pytest.approx(300 + 5 * 23)


def test_detections_of_other_shots_do_not_count():
    found = follow(lambda f: box(300)) | {900: [box(300)], 1051: [box(300)]}
    (track,) = build_tracks(found, SHOT)
    assert (track.first_frame, track.last_frame) == (1001, 1050)


def test_a_shot_without_detections_has_no_tracks():
    assert build_tracks({}, SHOT) == []
    assert build_tracks({f: [] for f in SHOT.frames}, SHOT) == []


def test_the_same_detections_give_the_same_tracks_in_any_order():
    found = follow(lambda f: box(300), lambda f: box(450, size=90), lambda f: box(800, size=70))
    turned = {f: boxes[::-1] for f, boxes in reversed(found.items())}
    assert build_tracks(found, SHOT) == build_tracks(turned, SHOT)


def test_boxes_seen_outside_the_frames_asked_for_still_steer_the_way():
    track = filled_track(0, {1: box(100), 11: box(200)}, range(5, 8))
    assert list(track.boxes) == [5, 6, 7]
    assert track.boxes[6].centre_x == pytest.approx(150)


def three():
    """Return the tracks of a small face, of a large one that soon leaves, and of a middling one."""
    shown = follow(
        lambda f: box(200, size=60),
        lambda f: box(500, size=120) if f < 1011 else None,
        lambda f: box(900, size=110),
    )
    return build_tracks(shown, SHOT, gap_frames=5)


def test_the_largest_is_the_face_that_is_large_for_long():
    (track,) = choose_tracks(three(), "largest")
    assert track.boxes[1030].width == 110


def test_all_faces_and_given_numbers_come_in_order():
    tracks = three()
    assert choose_tracks(tracks, "all") == tracks
    assert choose_tracks(tracks, "index", (2, 0, 2)) == [tracks[0], tracks[2]]
    assert choose_tracks([], "largest") == []
    assert choose_tracks([], "all") == []


def test_a_number_that_is_not_there_names_those_that_are():
    with pytest.raises(FaceTrackNotFound, match="no face 5, 7") as caught:
        choose_tracks(three(), "index", (1, 5, 7))
    assert "0, 1, 2" in caught.value.remedy


@pytest.mark.parametrize(("mode", "indices"), [("index", ()), ("biggest", ())])
def test_a_choice_that_says_nothing_is_refused(mode, indices):
    with pytest.raises(FaceTrackNotFound):
        choose_tracks(three(), mode, indices)


def test_what_may_be_a_face_carries_a_track_on() -> None:
    def blurred(f):
        return box(500 + 30 * (f - 1001), score=-0.1 if 1004 <= f < 1046 else 1.0)

    (track,) = build_tracks(follow(blurred), SHOT)
    assert len(track.detected) == 50
    assert track.boxes[1025].centre_x == pytest.approx(500 + 30 * 24, abs=10)


def test_what_may_be_a_face_begins_no_track_and_makes_none_longer_than_its_finds() -> None:
    assert build_tracks(follow(lambda f: box(500, score=-0.1)), SHOT) == []
    once = build_tracks(
        follow(lambda f: box(500, score=0.2 if f == 1005 else -0.1), lambda f: box(900, score=2.0)), SHOT
    )
    assert [track.boxes[1020].centre_x > 800 for track in once] == [True]


def test_a_find_goes_before_what_may_be_a_face() -> None:
    def doubtful(f):
        return box(500, score=-0.05)

    def found(f):
        return box(510, score=0.5)

    (track,) = build_tracks(follow(doubtful, found, noise=0.0), SHOT)
    assert {b.centre_x for b in track.boxes.values()} == {510.0}


def test_a_face_that_stops_while_it_is_hidden_stays_one_track() -> None:
    def stops(f):
        return None if 1010 <= f < 1022 else box(300 + 12 * (min(f, 1012) - 1001))

    (track,) = build_tracks(follow(stops), SHOT)
    assert list(track.boxes) == list(SHOT.frames)


def test_frames_with_nothing_at_a_tracks_unseen_ends_are_no_part_of_it() -> None:
    blank = {1001, 1002, 1030, 1048, 1049, 1050}
    path = {f: box(500) for f in range(1004, 1047) if f not in range(1025, 1035)}
    (track,) = build_tracks(follow(path.get), SHOT)
    assert (track.first_frame, track.last_frame) == (1001, 1050)
    shown = without_blank_ends(track, lambda frame, b: frame in blank and b == track.boxes[frame])
    assert list(shown.boxes) == list(range(1003, 1048))  # what lies between two sightings stays
    assert shown.detected == track.detected


def test_a_seen_face_stays_however_even_its_box() -> None:
    (track,) = build_tracks(follow(lambda f: box(500)), SHOT)
    assert without_blank_ends(track, lambda frame, b: True).boxes == track.boxes


def test_unseen_ends_are_frames_looked_at_before_the_first_sighting_and_after_the_last() -> None:
    path = {f: box(500) for f in range(1006, 1042) if f not in range(1020, 1030)}
    found = follow(path.get)
    (track,) = build_tracks(found, SHOT)
    assert unseen_ends(track, found) == [range(1001, 1006), range(1042, 1051)]
    seldom = {frame: found[frame] for frame in found if frame % 5 == 1}  # 1001, 1006, ... 1046
    (track,) = build_tracks(seldom, SHOT)
    assert unseen_ends(track, seldom) == [range(1001, 1002), range(1046, 1047)]
    assert unseen_ends(track, [frame for frame in seldom if 1006 <= frame <= 1041]) == []
