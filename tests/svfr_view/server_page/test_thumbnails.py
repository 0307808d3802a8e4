"""Pictures of the frames that a job has written."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from view_samples import pictures, restore

from svfr_client.frames import FrameRange
from svfr_ocio.view import open_view
from svfr_view.pictures import config_in, provenance
from svfr_view.server_page.thumbnails import EDGE_PX, Thumbnails, newest_frame, picture_of

FRAMES = FrameRange.parse("1001-1004")


@pytest.fixture
def result(tmp_path: Path) -> str:
    return restore(tmp_path)[1]


def touched(result: str, frame: int, at: float) -> None:
    os.utime(result % frame, (at, at))


def test_the_newest_frame_is_the_one_written_last_since_the_job_began(result: str) -> None:
    for frame, at in ((1001, 500.0), (1002, 900.0), (1003, 700.0), (1004, 100.0)):
        touched(result, frame, at)
    assert newest_frame(result, FRAMES, 0.0) == 1002
    assert newest_frame(result, FRAMES, 901.0) is None
    assert newest_frame(result, FrameRange.parse("7-9"), 0.0) is None


def test_a_picture_is_small_and_shown_as_a_monitor_shows_it(result: str) -> None:
    from svfr_ocio.config import open_config

    path = Path(result % 1001)
    shown = cv2.imdecode(np.frombuffer(picture_of(path), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert shown.shape == (56, 72, 3) and max(shown.shape) <= EDGE_PX
    sides = pictures(None, result)
    view = open_view(open_config(config_in(provenance(path))), sides.domain)
    expected = 255 * view.show(sides.read(1001).after)
    assert np.abs(shown.astype(np.float32) - expected).mean() < 6.0  # a JPEG


def test_a_job_has_the_picture_of_its_newest_frame_until_it_is_forgotten(result: str) -> None:
    for frame in FRAMES.frames:
        touched(result, frame, float(frame))
    made = Thumbnails()
    made.refresh("a", result, FRAMES, 0.0)
    first = made.of("a")
    assert first is not None and first.frame == 1004 and first.jpeg[:2] == b"\xff\xd8"
    touched(result, 1002, 5000.0)
    made.refresh("a", result, FRAMES, 0.0)  # too soon for another look
    assert made.of("a") is first
    made.forget_others({"b"})
    assert made.of("a") is None


def test_a_job_that_must_not_overwrite_is_shown_by_the_version_that_it_writes(result: str) -> None:
    written = Path(result % 1001).replace(str(Path(result).parent / "out_v002.1002.exr"))
    for path in Path(result).parent.iterdir():  # what lay there before the job
        os.utime(path, (200, 200) if path == written else (100, 100))
    made = Thumbnails()
    made.refresh("a", result, FRAMES, 150.0)
    found = made.of("a")
    assert found is not None and found.frame == 1002


def test_a_file_that_is_half_written_gives_no_picture_and_no_error(result: str) -> None:
    whole = Path(result % 1004).read_bytes()
    for frame in FRAMES.frames:
        Path(result % frame).write_bytes(whole[: len(whole) // 3])
    made = Thumbnails()
    made.refresh("a", result, FRAMES, 0.0)
    assert made.of("a") is None
