import numpy as np
import pytest
from quality_samples import write_clip

from svfr_client.frames import FrameRange
from svfr_lab.evaluate.clips import ClipPair, FramePair, find_clips, pair_frames
from svfr_lab.metrics.errors import ClipsDoNotMatch, FrameCountsDiffer

CLIP = np.zeros((2, 4, 4, 3), np.uint8)


def numbers(pairs):
    return [(pair.result, pair.truth) for pair in pairs]


def test_frames_of_one_number_belong_together():
    assert pair_frames([3, 4], [3, 4], None, None) == [FramePair(3, 3), FramePair(4, 4)]


def test_plates_of_one_length_but_other_numbers_are_laid_side_by_side():
    assert numbers(pair_frames([1001, 1002, 1003], [1, 2, 3], None, None)) == [
        (1001, 1),
        (1002, 2),
        (1003, 3),
    ]


def test_a_chosen_range_counts_as_the_result_counts():
    pairs = pair_frames([1001, 1002, 1003], [1, 2, 3], FrameRange.parse("1002-1003"), None)
    assert numbers(pairs) == [(1002, 2), (1003, 3)]


def test_a_chosen_range_may_be_all_that_two_plates_share():
    pairs = pair_frames(range(1001, 1051), range(1001, 1101), FrameRange.parse("1010-1030x10"), None)
    assert numbers(pairs) == [(1010, 1010), (1020, 1020), (1030, 1030)]


def test_a_protocol_may_take_only_the_first_frames():
    assert numbers(pair_frames([1, 2, 3], [1, 2, 3], None, 2)) == [(1, 1), (2, 2)]


def test_plates_of_two_lengths_are_not_guessed_at():
    with pytest.raises(FrameCountsDiffer, match="2 frames and the truth 3") as caught:
        pair_frames([1, 2], [1, 2, 3], None, None)
    assert "--frames" in caught.value.remedy


@pytest.mark.parametrize(
    ("result", "truth", "message"),
    [([1, 2], [1, 2, 3, 4], "result lacks frames 3-4"), ([1, 2, 3, 4, 5], [1, 3, 4], "truth lacks frame 2")],
)
def test_a_chosen_frame_that_one_side_lacks_is_named(result, truth, message):
    with pytest.raises(FrameCountsDiffer, match=message):
        pair_frames(result, truth, FrameRange.parse("1-4"), None)


def test_two_plates_are_one_clip():
    pair = ClipPair("truth.mp4", "a/result.%04d.exr", "b/truth.mp4")
    assert find_clips("a/result.%04d.exr", "b/truth.mp4") == [pair]


def test_folders_hold_a_clip_in_every_folder(tmp_path):
    for side, name in (("result", "x"), ("truth", "shot")):
        for clip in ("b", "a"):
            write_clip(tmp_path / side / clip, CLIP, name=name)
    pairs = find_clips(str(tmp_path / "result"), str(tmp_path / "truth"))
    assert [pair.name for pair in pairs] == ["a", "b"]
    assert pairs[0].result == str(tmp_path / "result/a/x.%04d.png")
    assert pairs[1].truth == str(tmp_path / "truth/b/shot.%04d.png")


def test_movies_are_clips_by_their_name_without_ending(tmp_path):
    for side, ending in (("result", "mov"), ("truth", "mp4")):
        (tmp_path / side).mkdir()
        (tmp_path / side / f"talk.{ending}").touch()
        (tmp_path / side / "notes.txt").touch()
    (pair,) = find_clips(str(tmp_path / "result"), str(tmp_path / "truth"))
    assert (pair.name, pair.result) == ("talk", str(tmp_path / "result/talk.mov"))


def test_clips_on_one_side_only_are_named(tmp_path):
    write_clip(tmp_path / "result/a", CLIP)
    write_clip(tmp_path / "truth/a", CLIP)
    write_clip(tmp_path / "truth/b", CLIP)
    with pytest.raises(ClipsDoNotMatch, match="1 clips are on one side only: b"):
        find_clips(str(tmp_path / "result"), str(tmp_path / "truth"))


def test_a_folder_and_a_plate_are_not_compared(tmp_path):
    with pytest.raises(ClipsDoNotMatch, match="One side is a folder"):
        find_clips(str(tmp_path), "truth.%04d.exr")


def test_a_folder_without_clips_is_refused(tmp_path):
    for side in ("result", "truth"):
        (tmp_path / side).mkdir()
    with pytest.raises(ClipsDoNotMatch, match="holds no clips"):
        find_clips(str(tmp_path / "result"), str(tmp_path / "truth"))


def test_two_sequences_in_one_folder_are_not_guessed_at(tmp_path):
    for side in ("result", "truth"):
        write_clip(tmp_path / side / "a", CLIP)
    write_clip(tmp_path / "truth/a", CLIP, name="other")
    with pytest.raises(ClipsDoNotMatch, match="2 numbered sequences"):
        find_clips(str(tmp_path / "result"), str(tmp_path / "truth"))
