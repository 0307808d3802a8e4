"""The movie of a result: what it shows, what it says of itself, and what keeps it from being written."""

from collections import namedtuple
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import OpenImageIO as oiio
import pytest
from view_samples import restore

from svfr_client.errors import OutputEqualsPlate, OutputExists
from svfr_client.job import ColourClaim
from svfr_ocio.config import open_config
from svfr_ocio.domain import ModelDomain
from svfr_restore.errors import DiskSpaceIsShort, FrameIsTruncated
from svfr_restore.media.plate import open_plate
from svfr_restore.media.timecode import Timecode
from svfr_view import movie as movie_module
from svfr_view.errors import MovieFormUnknown, NothingToView
from svfr_view.movie import plan_movie, write_result_movie

LINEAR, VIDEO = "lin_rec709_scene", "g24_rec709_display"


def domain_of(space: str) -> ModelDomain:
    return ModelDomain.build(open_config(None), space)


def written(path: Path, result: str, space: str = LINEAR, **more: object) -> movie_module.ResultMovie:
    opened = open_plate(result)
    plan = plan_movie(path, opened, domain_of(space), **more)  # type: ignore[arg-type]
    write_result_movie(plan, opened, domain_of(space))
    return plan


def stream_of(path: Path) -> tuple[av.VideoStream, tuple[int, int, int, int]]:
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        code = stream.codec_context
        tags = (code.color_primaries, code.color_trc, int(code.colorspace), int(code.color_range))
        return stream, tags


@pytest.mark.parametrize(
    ("ending", "tags", "tolerance"),
    [(".mov", (1, 13, 1, 1), 0.03), (".mp4", (1, 13, 1, 1), 0.04), (".mkv", (1, 13, 0, 2), 1e-4)],
)
def test_a_linear_result_is_shown_as_srgb_and_says_so(
    ending: str, tags: tuple[int, ...], tolerance: float, tmp_path: Path
) -> None:
    _, result = restore(tmp_path)
    plan = written(tmp_path / f"m{ending}", result)
    assert stream_of(plan.path)[1] == tags
    shown = open_plate(str(plan.path))
    assert shown.frames == (1, 2, 3, 4) and shown.colour_hint == "srgb_rec709_display"
    expected = np.clip(domain_of(LINEAR).to_codes(open_plate(result).read(1003).rgb), 0, 1)
    assert abs(shown.read(3).rgb - expected).mean() < tolerance
    assert any("clipped at white" in note for note in plan.notes)


def test_sdr_video_keeps_its_code_values_and_its_name(tmp_path: Path) -> None:
    _, result = restore(tmp_path, ColourClaim(space=VIDEO))
    plan = written(tmp_path / "m.mkv", result, VIDEO)
    shown = open_plate(str(plan.path))
    assert shown.colour_hint == VIDEO and not any("clipped" in note for note in plan.notes)
    expected = np.clip(open_plate(result).read(1002).rgb, 0, 1)
    np.testing.assert_allclose(shown.read(2).rgb, expected, atol=1e-4)


@pytest.mark.parametrize("ending", [".mov", ".mp4", ".mkv"])
def test_rate_and_time_code_are_those_of_the_first_frame(ending: str, tmp_path: Path) -> None:
    spec = oiio.ImageSpec(64, 48, 3, "half")
    spec.attribute("FramesPerSecond", oiio.TypeRational, (30000, 1001))
    spec.attribute("smpte:TimeCode", oiio.TypeTimeCode, (Timecode(1, 2, 3, 4, True).bits(), 0))
    for frame in (1001, 1002):
        output = oiio.ImageOutput.create(str(tmp_path / f"r.{frame}.exr"))
        assert output.open(str(tmp_path / f"r.{frame}.exr"), spec)
        output.write_image(np.full((48, 64, 3), 0.2, np.float32))
        output.close()
    plan = written(tmp_path / f"m{ending}", str(tmp_path / "r.%04d.exr"))
    back = open_plate(str(plan.path))
    assert back.fps == Fraction(30000, 1001)
    assert str(back.read(1).tags.timecode) == "01:02:03;04"
    assert not any("rate" in note for note in plan.notes)


def test_a_rate_can_be_given_where_the_frames_state_none(tmp_path: Path) -> None:
    _, result = restore(tmp_path)
    plan = written(tmp_path / "m.mov", result, rate=Fraction(25))
    assert stream_of(plan.path)[0].average_rate == 25
    assert any("24 a second" in note for note in written(tmp_path / "n.mov", result).notes)


def test_a_hole_holds_the_frame_before_so_that_later_ones_stay_in_time(tmp_path: Path) -> None:
    _, result = restore(tmp_path)
    Path(result % 1002).unlink()
    plan = written(tmp_path / "m.mkv", result)
    shown = open_plate(str(plan.path))
    assert plan.count == 4 and any("Frames 1002 are not there" in note for note in plan.notes)
    np.testing.assert_array_equal(shown.read(2).rgb, shown.read(1).rgb)
    assert not np.array_equal(shown.read(3).rgb, shown.read(1).rgb)


def test_a_movie_that_fails_leaves_nothing_and_the_one_before_as_it_was(tmp_path: Path) -> None:
    _, result = restore(tmp_path)
    path = tmp_path / "m.mov"
    written(path, result)
    before, names = path.read_bytes(), sorted(tmp_path.iterdir())
    frame = Path(result % 1003)
    frame.write_bytes(frame.read_bytes()[:1000])
    with pytest.raises(FrameIsTruncated):
        written(path, result, overwrites=True)
    assert path.read_bytes() == before and sorted(tmp_path.iterdir()) == names


def test_a_movie_or_a_frame_of_that_name_is_not_replaced(tmp_path: Path) -> None:
    _, result = restore(tmp_path)
    path = tmp_path / "m.mov"
    written(path, result)
    with pytest.raises(OutputExists):
        written(path, result)
    written(path, result, overwrites=True)
    (tmp_path / "link.mov").hardlink_to(result % 1002)
    with pytest.raises(OutputEqualsPlate):
        written(tmp_path / "link.mov", result, overwrites=True)


@pytest.mark.parametrize("ending", [".mov", ".mp4", ".mkv"])
def test_a_movie_that_the_result_is_made_of_or_of_another_program_is_never_replaced(
    ending: str, tmp_path: Path
) -> None:
    _, result = restore(tmp_path)
    own, link, other = (tmp_path / f"{name}{ending}" for name in ("own", "link", "other"))
    written(own, result)
    link.symlink_to(own)
    for path, inputs in ((own, [link]), (link, [own])):
        with pytest.raises(OutputEqualsPlate):
            written(path, result, overwrites=True, inputs=inputs)
    with av.open(str(own)) as source, av.open(str(other), "w") as copy:
        stream = copy.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)
    before = other.read_bytes()
    for overwrites in (False, True):
        with pytest.raises(OutputExists, match="no movie that SVFR Studio wrote") as raised:
            written(other, result, overwrites=overwrites)
        assert "overwrite" not in str(raised.value.remedy) and other.read_bytes() == before


def test_what_cannot_be_written_is_told_before_a_frame_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, result = restore(tmp_path)
    with pytest.raises(MovieFormUnknown, match="avi"):
        written(tmp_path / "m.avi", result)
    with pytest.raises(NothingToView):
        written(tmp_path / "m.mov", result, frames=[7])
    Path(result % 1004).rename(result % 99_999_999)
    with pytest.raises(NothingToView, match="not there"):
        written(tmp_path / "m.mov", result)
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(movie_module.shutil, "disk_usage", lambda _: usage(10))
    with pytest.raises(DiskSpaceIsShort):
        written(tmp_path / "m.mov", result, frames=[1001])
