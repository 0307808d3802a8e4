"""Which plate frame is shown when, in numbers; test_blender_restores asks Blender itself."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from staged_extension.errors import StripCannotBeRestored
from staged_extension.insertion import (
    MOST_TRIMMED_FRAMES,
    channel_for_result,
    layout_of,
    shows_any,
    users_of,
)
from staged_extension.sources import read_source, sequence_of, strip_problems
from staged_extension.svfr_client.errors import SvfrError


@dataclass
class Strip:
    """An image strip's numbers, as Blender computes them."""

    names: list[str] = field(default_factory=lambda: [f"a.{n}.exr" for n in range(1001, 1011)])
    frame_start: float = 101.0
    frame_offset_start: float = 0
    frame_offset_end: float = 0
    animation_offset_start: int = 0
    animation_offset_end: int = 0
    use_reverse_frames: bool = False
    name: str = "strip"
    type: str = "IMAGE"
    channel: int = 1
    directory: str = "/p"
    filepath: str = "/p/a.mov"
    strobe: float = 1.0
    use_multiview: bool = False
    retiming_keys: tuple[Any, ...] = ()
    fps: float = 24.0
    mute: bool = False
    lock: bool = False
    input_1: "Strip | None" = None

    @property
    def elements(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(filename=name) for name in self.names]

    @property
    def frame_duration(self) -> int:
        return len(self.names) - self.animation_offset_start - self.animation_offset_end

    @property
    def frame_final_start(self) -> int:
        return int(self.frame_start + self.frame_offset_start)

    @property
    def frame_final_end(self) -> int:
        return int(self.frame_start + self.frame_duration - self.frame_offset_end)


def numbers(strip: Strip, handles: int = 0) -> list[int]:
    source = read_source(strip, str, handles)
    return [source.content[index] for _, index in source.shown]


def test_every_frame_of_a_plain_strip_is_its_file() -> None:
    source = read_source(Strip(), str)
    assert source.plate == "/p/a.%04d.exr"
    assert source.timeline == dict(zip(range(1001, 1011), range(101, 111), strict=True))
    assert str(source.frames) == "1001-1010"


def test_trims_leave_out_files_and_handles_bring_them_back() -> None:
    strip = Strip(frame_offset_start=3, frame_offset_end=2)
    assert numbers(strip) == [1004, 1005, 1006, 1007, 1008]
    assert numbers(strip, handles=1) == [1003, 1004, 1005, 1006, 1007, 1008, 1009]
    assert numbers(strip, handles=9) == list(range(1001, 1011))


def test_a_reversed_strip_shows_its_files_backwards() -> None:
    assert numbers(Strip(frame_offset_start=3, use_reverse_frames=True)) == [
        1007,
        1006,
        1005,
        1004,
        1003,
        1002,
        1001,
    ]
    hard = Strip(animation_offset_start=3, frame_offset_start=4, use_reverse_frames=True)
    assert numbers(hard) == [1006, 1005, 1004]


def test_a_strip_pulled_out_beyond_its_files_holds_the_last_one() -> None:
    strip = Strip(names=["a.7.exr", "a.8.exr"], frame_offset_end=-2, frame_offset_start=-1)
    assert numbers(strip) == [7, 7, 8, 8, 8]
    assert read_source(strip, str).timeline == {7: 100, 8: 102}


def test_a_still_is_named_as_it_is() -> None:
    assert sequence_of("/p", ["still.0042.png"]) == ("/p/still.0042.png", (42,))
    assert sequence_of("/p", ["photo.jpg"] * 3) == ("/p/photo.jpg", (1, 1, 1))


def test_the_number_that_varies_is_the_frame_number() -> None:
    assert sequence_of("/p", ["s010.0009.v2.exr", "s010.0010.v2.exr"]) == ("/p/s010.%04d.v2.exr", (9, 10))
    assert sequence_of("/p", ["s998.exr", "s1000.exr"]) == ("/p/s%03d.exr", (998, 1000))


def test_percent_and_hash_that_are_no_frame_field_may_stand_in_a_name() -> None:
    assert sequence_of("/p", ["a #1.07.exr", "a #1.08.exr"]) == ("/p/a #1.%02d.exr", (7, 8))
    assert sequence_of("/p", ["a%2.1.exr", "a%2.2.exr"]) == ("/p/a%2.%01d.exr", (1, 2))


@pytest.mark.parametrize(
    "names",
    [
        ["a.1.exr", "b.2.exr"],
        ["a1.1.exr", "a2.2.exr"],
        ["a.01.exr", "a.2.exr"],
        ["a.1.exr", "plain.exr"],
        ["a%02d.1.exr", "a%02d.2.exr"],
    ],
)
def test_files_that_differ_by_more_than_one_number_are_refused(names: list[str]) -> None:
    with pytest.raises(StripCannotBeRestored, match="no numbered sequence"):
        sequence_of("/p", names)


def test_a_frame_outside_the_strip_has_no_plate_frame() -> None:
    source = read_source(Strip(), str)
    assert source.plate_frame(103) == 1003
    with pytest.raises(StripCannotBeRestored, match="Frame 99 is outside the strip"):
        source.plate_frame(99)


def test_every_problem_of_a_strip_is_told_at_once() -> None:
    strip = Strip(strobe=2.0, use_multiview=True, retiming_keys=(1,))
    assert len(strip_problems(strip, [], lambda _: 10)) == 3


def test_a_movie_with_another_length_on_the_timeline_is_stretched() -> None:
    movie = Strip(type="MOVIE", frame_offset_start=2, animation_offset_start=1)
    assert strip_problems(movie, [], lambda _: 10) == []
    assert "plays a 24 fps movie" in str(strip_problems(movie, [], lambda _: 8)[0])


def paths(*frames: int) -> dict[int, str]:
    return {frame: f"/out/v001/a.{frame}.exr" for frame in frames}


def test_a_result_has_an_element_for_each_of_its_source() -> None:
    strip = Strip(frame_offset_start=3, frame_offset_end=2)
    layout = layout_of(read_source(strip, str), strip, paths(*range(1004, 1009)), "/out/v001")
    held = [1004, 1004, 1004, 1004, 1005, 1006, 1007, 1008, 1008, 1008]
    assert layout.names == tuple(f"a.{frame}.exr" for frame in held)
    assert layout.start == 101 and not layout.is_held


def test_a_frame_that_was_not_restored_shows_its_neighbour_and_says_so() -> None:
    strip = Strip()
    layout = layout_of(read_source(strip, str), strip, paths(1002, 1010), "/out/v001")
    assert layout.is_held
    assert layout.names[0] == "a.1002.exr" and layout.names[8] == "a.1010.exr"


def test_a_strip_slipped_away_from_its_restored_frames_gets_no_result() -> None:
    source = read_source(Strip(animation_offset_start=5), str)
    assert not shows_any(source, paths(1001, 1002))
    assert shows_any(source, paths(1001, 1006))


def test_frames_of_an_earlier_job_are_named_from_the_newest_folder() -> None:
    strip = Strip()
    both = {**paths(*range(1001, 1011)), 1003: "/out/v002/a.1003.exr"}
    layout = layout_of(read_source(strip, str), strip, both, "/out/v002")
    assert layout.names[2] == "a.1003.exr"
    assert layout.names[3] == "../v001/a.1004.exr" and not layout.is_held


def test_a_path_relative_to_a_file_that_is_not_saved_asks_for_saving() -> None:
    with pytest.raises(StripCannotBeRestored, match="Save the file first"):
        read_source(Strip(directory="//plates"), lambda path: path.removeprefix("//"))


@pytest.mark.parametrize("reverse", [False, True])
def test_long_trims_are_cut_and_the_result_still_lies_in_place(reverse: bool) -> None:
    names = [f"a.{n:05d}.exr" for n in range(5000)]
    strip = Strip(names=names, frame_offset_start=2000, frame_offset_end=2990, use_reverse_frames=reverse)
    source = read_source(strip, str)
    wanted = [source.content[index] for _, index in source.shown]
    layout = layout_of(source, strip, paths(*wanted), "/out/v001")
    assert len(layout.names) == 10 + 2 * MOST_TRIMMED_FRAMES
    first = strip.frame_final_start - layout.start
    shown = layout.names[::-1] if reverse else layout.names
    assert list(shown[first : first + 10]) == [f"a.{frame}.exr" for frame in wanted]


def editor_with(*strips: Strip, locked: tuple[int, ...] = (), muted: tuple[int, ...] = ()) -> SimpleNamespace:
    channels = [SimpleNamespace(lock=number in locked, mute=number in muted) for number in range(129)]
    return SimpleNamespace(strips=list(strips), channels=channels)


def test_the_result_goes_right_above_its_source_while_nothing_lies_between() -> None:
    source = Strip()
    beside = Strip(channel=2, frame_start=111.0)
    above = Strip(channel=3, frame_start=105.0)
    editor = editor_with(source, beside, above)
    assert channel_for_result(editor, editor, source, may_move=True) == (2, True)
    editor = editor_with(source, locked=(2,), muted=(3,))
    assert channel_for_result(editor, editor, source, may_move=True) == (4, True)
    assert source.channel == 1


def test_the_source_makes_room_where_something_lies_right_above_it() -> None:
    source, title = Strip(), Strip(channel=2, frame_start=105.0)
    editor = editor_with(source, title)
    assert channel_for_result(editor, editor, source, may_move=True) == (1, True)
    assert source.channel == 3


@pytest.mark.parametrize("kept", [{"may_move": False}, {"locked": (1,)}, {"lock": True}])
def test_a_source_that_must_stay_is_told_to_be_covered(kept: dict[str, Any]) -> None:
    source, title = Strip(lock=kept.get("lock", False)), Strip(channel=2)
    editor = editor_with(source, title, locked=kept.get("locked", ()))
    assert channel_for_result(editor, editor, source, kept.get("may_move", True)) == (3, False)
    assert source.channel == 1


def test_muted_strips_and_sound_are_not_covered() -> None:
    source = Strip()
    editor = editor_with(source, Strip(channel=2, mute=True), Strip(channel=3, type="SOUND"))
    assert channel_for_result(editor, editor, source, may_move=True) == (4, True)


def test_an_effect_on_the_source_gives_its_place_to_the_result() -> None:
    source = Strip()
    glow = Strip(channel=2, type="GLOW", input_1=source)
    editor = editor_with(source, glow)
    assert channel_for_result(editor, editor, source, may_move=True) == (1, True)
    assert users_of(editor, source) == [(glow, "input_1")]


def test_a_full_timeline_has_no_place_for_a_result() -> None:
    editor = editor_with(*(Strip(channel=number) for number in range(1, 129)))
    with pytest.raises(SvfrError, match="no free channel"):
        channel_for_result(editor, editor, editor.strips[0], may_move=True)
