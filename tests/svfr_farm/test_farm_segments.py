"""Every frame belongs to one segment, and what surrounds it keeps the phase of the whole track."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svfr_farm.segments import Segment, SegmentRules, pieces_of, split

RULES = SegmentRules()


def test_a_shot_of_300_frames_is_one_segment_and_one_more_frame_makes_two() -> None:
    assert split([range(1001, 1301)], RULES, may_cut=True) == (Segment(1001, 1300),)
    assert split([range(1001, 1302)], RULES, may_cut=True) == (Segment(1001, 1150), Segment(1151, 1301))


def test_a_sampler_whose_windows_run_round_the_shot_is_never_cut() -> None:
    assert len(split([range(1, 2001)], SegmentRules(segments=4), may_cut=False)) == 1


def test_more_segments_than_frames_are_as_many_as_frames() -> None:
    assert len(split([range(1, 4)], SegmentRules(segments=9), may_cut=True)) == 3


def test_a_track_that_one_task_can_hold_is_not_cut_where_segments_meet() -> None:
    segments = split([range(1, 1001)], RULES, may_cut=True)
    (piece,) = pieces_of(0, range(150, 300), segments, RULES, 8)
    assert (piece.core, piece.seen, piece.segment) == ((150, 299), (150, 299), 1)


def test_a_sliver_joins_its_neighbour() -> None:
    segments = (Segment(1, 500), Segment(501, 1000))
    (piece,) = pieces_of(0, range(100, 505), segments, RULES, 8)
    assert (piece.segment, piece.core) == (0, (100, 504))


def test_gaps_between_runs_belong_to_the_segment_before() -> None:
    segments = split([range(1, 401), range(450, 700)], RULES, may_cut=True)
    pieces = pieces_of(0, range(1, 700), segments, RULES, 8)
    assert [p.core[0] for p in pieces[1:]] == [p.core[1] + 1 for p in pieces[:-1]]


@given(
    first=st.integers(-50, 2000),
    length=st.integers(1, 900),
    count=st.integers(1, 9),
    halo=st.integers(8, 40),
    chunk=st.sampled_from([1, 4, 8, 16]),
)
def test_cores_tile_the_track_and_what_is_seen_keeps_its_phase(
    first: int, length: int, count: int, halo: int, chunk: int
) -> None:
    rules = SegmentRules(segments=count, halo_frames=halo)
    frames = range(first, first + length)
    pieces = pieces_of(3, frames, split([frames], rules, may_cut=True), rules, chunk)
    assert [f for p in pieces for f in range(p.core[0], p.core[1] + 1)] == list(frames)
    for piece in pieces:
        assert (piece.seen[0] - first) % chunk == 0
        assert piece.core[0] - piece.seen[0] >= min(halo, piece.core[0] - first)
        assert piece.seen[1] == min(frames[-1], piece.core[1] + halo)
        assert len(pieces) == 1 or piece.core[1] - piece.core[0] >= 2 * rules.fade_frames


@pytest.mark.parametrize(
    ("field", "value", "name"),
    [
        ("core_frames", 40, "--core-frames"),
        ("halo_frames", 7, "--halo"),
        ("fade_frames", 0, "fade_frames"),
        ("segments", 0, "--segments"),
    ],
)
def test_rules_that_make_seams_are_refused(field: str, value: int, name: str) -> None:
    assert name in SegmentRules(**{field: value}).problems()[0].message
