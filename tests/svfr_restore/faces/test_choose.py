"""A face is chosen by its id or by a place in the picture; what is not there is told with what is."""

import pytest

from svfr_client.face_words import read_face_choice
from svfr_client.job import FacePoint
from svfr_restore.errors import FaceTrackNotFound
from svfr_restore.faces.box import FaceBox
from svfr_restore.faces.choose import tracks_at, tracks_by_id
from svfr_restore.faces.names import track_ids
from svfr_restore.faces.tracks import build_tracks, filled_track
from svfr_restore.media.shots import Shot


def track(index, x, frames=range(1001, 1011), first=1003):
    return filled_track(index, {first: FaceBox(x, 100, 50, 50), 1009: FaceBox(x + 60, 100, 50, 50)}, frames)


TWO = (track(0, 100), track(1, 400))


def test_an_id_is_letters_that_the_command_line_takes() -> None:
    ids = track_ids(TWO)
    assert len(set(ids.values())) == 2
    for name in ids.values():
        assert read_face_choice(name).ids == (name,)


def test_ids_stay_when_frames_are_added_at_the_end_and_other_faces_before() -> None:
    def found(last):
        stay = FaceBox(300, 100, 50, 50)
        late = {f: [FaceBox(600, 90, 80, 80)] if f >= 1010 else [] for f in range(1001, last + 1)}
        boxes = {f: [stay, *late[f]] for f in range(1001, last + 1)}
        tracks = build_tracks(boxes, Shot(1001, last), gap_frames=2)
        return track_ids(tracks)

    short, long = found(1008), found(1040)
    assert len(long) == 2
    assert short[0] == long[0] and long[1] != long[0]


def test_an_id_does_not_depend_on_the_number() -> None:
    assert track_ids([track(7, 100)])[7] == track_ids(TWO)[0]


def test_tracks_that_were_sighted_alike_have_ids_that_differ() -> None:
    ids = track_ids([track(0, 100), track(1, 100)])
    assert ids[0] != ids[1] and ids[1].startswith(ids[0])


def test_faces_are_chosen_by_id_in_the_order_of_their_numbers() -> None:
    ids = track_ids(TWO)
    assert tracks_by_id(TWO, (ids[1], ids[0])) == list(TWO)
    assert tracks_by_id(TWO, (ids[1],)) == [TWO[1]]


def test_an_id_that_no_face_has_is_told_with_those_there_are() -> None:
    with pytest.raises(FaceTrackNotFound, match="no face bbbb") as problem:
        tracks_by_id(TWO, ("bbbb",))
    assert all(name in problem.value.remedy for name in track_ids(TWO).values())


def test_a_place_inside_a_box_is_that_face() -> None:
    assert tracks_at(TWO, (FacePoint(120, 120, 1003),)) == [TWO[0]]
    assert tracks_at(TWO, (FacePoint(440, 149, 1003), FacePoint(101, 101, 1001))) == list(TWO)


def test_the_place_counts_in_its_own_frame() -> None:
    assert tracks_at(TWO, (FacePoint(185, 120, 1009),)) == [TWO[0]]
    with pytest.raises(FaceTrackNotFound):
        tracks_at(TWO, (FacePoint(185, 120, 1003),))


def test_where_boxes_overlap_the_nearest_middle_counts() -> None:
    near = track(1, 120)
    assert tracks_at((TWO[0], near), (FacePoint(143, 125, 1003),)) == [near]


def test_a_place_beside_a_face_names_the_nearest_and_how_far_it_is() -> None:
    with pytest.raises(FaceTrackNotFound, match="at 90,120 in frame 1003") as problem:
        tracks_at(TWO, (FacePoint(90, 120, 1003),))
    assert f"{track_ids(TWO)[0]}, is 10 px away" in problem.value.message
    assert problem.value.frame == 1003 and "125,125@1003" in problem.value.remedy


def test_a_frame_without_faces_names_the_faces_there_are() -> None:
    with pytest.raises(FaceTrackNotFound, match="nor anywhere else") as problem:
        tracks_at(TWO, (FacePoint(120, 120, 1020),))
    assert "frames 1001-1010" in problem.value.remedy
    with pytest.raises(FaceTrackNotFound, match="nor anywhere else") as problem:
        tracks_at((), (FacePoint(120, 120, 1003),))
    assert "none" in problem.value.remedy
