"""Frame ranges: what they accept, what they refuse, how they are written back."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svfr_client.errors import BadFrameRange, EmptyFrameRange
from svfr_client.frames import MOST_CHARACTERS, MOST_FRAMES, FrameRange, frame_count


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("1001", (1001,)),
        ("1001-1004", (1001, 1002, 1003, 1004)),
        ("1001-1006x2", (1001, 1003, 1005)),
        ("1001,1005-1007", (1001, 1005, 1006, 1007)),
        ("-2-1", (-2, -1, 0, 1)),
        ("-5--3", (-5, -4, -3)),
        (" 7 - 9 , 8 ", (7, 8, 9)),
        ("5,1", (1, 5)),
    ],
)
def test_a_range_holds_the_frames_that_are_written(text, frames):
    assert FrameRange.parse(text).frames == frames
    assert tuple(FrameRange.parse(text)) == frames


@given(st.sets(st.integers(-300, 300), min_size=1, max_size=40))
def test_any_set_of_frames_survives_being_written_and_read(frames):
    written = str(FrameRange.of(frames))
    assert set(FrameRange.parse(written)) == frames
    assert str(FrameRange.parse(written)) == written


def test_equal_sets_of_frames_are_equal_and_written_alike():
    assert FrameRange.parse("1-3,5") == FrameRange.parse("5,3,2,1") == FrameRange.of([5, 1, 2, 3])
    assert str(FrameRange.parse("1001-1051x2")) == "1001-1051x2"
    assert str(FrameRange.parse("1,3")) == "1,3"


def test_first_last_length_and_membership_are_those_of_the_frames():
    frames = FrameRange.parse("1001,1005-1010")
    assert (frames.first, frames.last, len(frames)) == (1001, 1010, 7)
    assert 1006 in frames
    assert 1002 not in frames
    assert frames.runs() == ((1001, 1001), (1005, 1010))


@pytest.mark.parametrize("text", ["", "   "])
def test_blank_text_is_an_empty_range(text):
    with pytest.raises(EmptyFrameRange, match="empty"):
        FrameRange.parse(text)


@pytest.mark.parametrize("text", ["abc", "1-", "1,,2", "1-2x", "1.5", "1-2-3", "1001-1050y2", ","])
def test_text_that_is_no_range_is_refused_with_an_example(text):
    with pytest.raises(BadFrameRange, match="no frame or range") as caught:
        FrameRange.parse(text)
    assert "1001-1050" in caught.value.remedy


def test_a_range_that_runs_backwards_names_the_way_round():
    with pytest.raises(BadFrameRange, match="backwards") as caught:
        FrameRange.parse("1050-1001")
    assert "1001-1050" in caught.value.remedy


def test_a_step_of_zero_is_refused():
    with pytest.raises(BadFrameRange, match="step of 0"):
        FrameRange.parse("1-10x0")


def test_an_absurdly_long_range_is_refused_without_being_built():
    with pytest.raises(BadFrameRange, match=str(MOST_FRAMES)):
        FrameRange.parse("1-999999999")


@pytest.mark.parametrize(
    "text",
    [
        f"1-{MOST_FRAMES + 1}",
        "-999999999-999999999",
        f"1-{MOST_FRAMES},5-5",
        ",".join(map(str, range(1, 2 * MOST_FRAMES + 2, 2))),
        ",".join(f"{n}-{n + 1}x2" for n in range(MOST_FRAMES + 1)),
        "1" + "-999999999" * MOST_CHARACTERS,
        " " * (MOST_CHARACTERS + 1),
        "," * MOST_CHARACTERS,
    ],
    ids=["one too many", "two billion", "in two parts", "odd", "single frames", "long", "blank", "commas"],
)
def test_text_of_too_many_frames_is_refused_before_any_is_written_out(text):
    """What is built for it must stay below what a range of a hundredth of its frames takes."""
    tracemalloc.start()
    try:
        with pytest.raises(BadFrameRange) as caught:
            FrameRange.parse(text)
        with pytest.raises(BadFrameRange):
            frame_count(text)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
    assert len(caught.value.message) < 200


def test_the_longest_range_is_read_however_it_is_written():
    assert len(FrameRange.parse(f"1-{MOST_FRAMES}")) == MOST_FRAMES
    numbers = range(-999_999_999, -999_999_999 + 3 * MOST_FRAMES, 3)
    assert FrameRange.parse(",".join(map(str, numbers))).frames == tuple(numbers)
    assert frame_count("1-10x3,4") == 5


def test_frames_that_do_not_ascend_are_refused():
    with pytest.raises(BadFrameRange, match="ascend"):
        FrameRange((2, 1))
    with pytest.raises(EmptyFrameRange):
        FrameRange(())
