"""Pictures, windows, projects and paths as no host should give them: the source or words, never a crash."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ofx_build import Built
from ofx_host import FAILED, FLOAT, OK, Clip, Host, Node, noise

from svfr_client.connection import CONNECTION_FILE, make_private_folder

WAIT = {"whenNotReady": 1}
HALF = "OfxBitDepthHalf"


@pytest.mark.parametrize(
    ("depth", "more"),
    [(FLOAT, {}), (FLOAT, {"premultiplication": "OfxImageAlphaPremultiplied"}), (HALF, {})],
)
def test_pixels_that_are_no_numbers_come_back_bit_by_bit(
    built: Built, home: Path, tmp_path: Path, depth: str, more: dict[str, Any]
) -> None:
    picture = noise(5, 33, 47)
    picture[3, 4], picture[5, 6, 0], picture[7, 7, 1], picture[2, 2, 3] = np.nan, np.inf, -np.inf, np.nan
    picture[8, 8], picture[9, 9] = -0.0, 1e-45
    own = picture if depth == FLOAT else picture.astype("<f2")
    if depth == HALF:  # those that no conversion makes
        own.view("<u2")[3, 5], own.view("<u2")[3, 6] = 0x7E01, 0xFDFF
    clip = Clip(tmp_path, [own], 1, depth=depth, more=more)
    with Host(built, "resolve-like", home) as host:
        node = Node(host, clip, params=WAIT)
        node.restore()
        answer, restored = node.render(1)
        assert answer["status"] == OK and restored.tobytes() == own.tobytes()
        host.statistics()


def test_a_picture_of_one_pixel_is_restored_and_one_of_none_refused(
    built: Built, home: Path, tmp_path: Path
) -> None:
    with Host(built, "nuke-like", home) as host:
        node = Node(host, Clip(tmp_path / "one", [noise(1, 1, 1)], 1), params=WAIT)
        node.restore()
        assert node.render(1)[1].tobytes() == node.clip.pixels[0].tobytes()
        for index, size in enumerate(({"width": 0}, {"height": 0}, {"width": 0, "height": 0})):
            empty = Node(host, Clip(tmp_path / str(index), [noise(1, 8, 8)], 1, more=size), f"n{index}")
            answer = empty.press("restoreRange")["params"]
            assert answer["job"] == "" and "no image" in answer["status"]
            assert host.ask("render", id=empty.id, time=1, out=str(tmp_path / "none"))["status"] == FAILED
        host.statistics()


def test_windows_and_times_outside_of_everything_are_clipped(
    built: Built, home: Path, tmp_path: Path
) -> None:
    far, most = 2**30, 2**31 - 1
    windows = [
        [0, 0, 0, 0],
        [3, 3, 3, 3],
        [5, 5, 2, 2],
        [-far, -far, far, far],
        [-most, 0, most, 9],
        [2, 3, 6, 5],
    ]
    with Host(built, "nuke-like", home) as host:
        node = Node(host, Clip(tmp_path, [noise(2, 8, 8)], 1), params=WAIT)
        node.restore()
        for window in windows:
            assert node.render(1, window=window)[0]["status"] == OK
        for time in (1.4, -5, 1e300, -1e300):
            assert host.ask("render", id="a", time=time, out=str(tmp_path / "out"))["status"] == OK
        host.statistics()


RECORDS = [
    "x",
    "{}",
    "[" * 4000,
    json.dumps({"id": "0" * 32, "first": 5, "last": -3}),
    json.dumps({"id": "0" * 32, "first": -99999999999, "last": 1}),
    json.dumps({"id": "0" * 32, "last": 1}),
    json.dumps({"id": "g" * 32, "first": 1, "last": 1}),
    json.dumps({"id": "0" * 32, "first": 1, "last": 99999999999}),
]


def test_a_project_with_a_damaged_job_is_the_source_and_can_be_restored(
    built: Built, home: Path, tmp_path: Path
) -> None:
    clip = Clip(tmp_path, [noise(3, 8, 8)], 1)
    with Host(built, "nuke-like", home) as host:
        for index, record in enumerate(RECORDS):
            node = Node(host, clip, f"n{index}", params={**WAIT, "job": record})
            answer, picture = node.render(1)
            assert (answer["status"], picture.tobytes()) == (OK, clip.pixels[0].tobytes())
            assert "Nothing restored" in node.press("cancel")["params"]["status"]
        node.restore()
        assert node.render(1)[0]["persistent"] == ""


def test_what_is_no_file_is_refused_and_never_waited_for(built: Built, home: Path, tmp_path: Path) -> None:
    clip = Clip(tmp_path / "clip", [noise(4, 8, 8)], 1)
    (tmp_path / "empty.png").touch()
    os.mkfifo(tmp_path / "pipe.png")
    pipes = make_private_folder(tmp_path / "server") / CONNECTION_FILE
    os.mkfifo(pipes, 0o600)
    folder = tmp_path / "folder.png"
    folder.mkdir()
    (tmp_path / "device.png").symlink_to("/dev/zero")
    photos = {folder: "is a folder", tmp_path / "none.png": "does not exist"}
    photos |= {tmp_path / "no" / "a.png": "does not exist", tmp_path / "empty.png": "is empty"}
    photos |= {tmp_path / "device.png": "is no regular file", tmp_path / "pipe.png": "is no regular file"}
    with Host(built, "nuke-like", home) as host:
        for index, (photo, why) in enumerate(photos.items()):
            node = Node(host, clip, f"n{index}", params={"reference": 2, "referencePhoto": str(photo)})
            answer = node.press("restoreRange", timeout_s=20)["params"]
            assert answer["job"] == "" and f"The Reference photo {photo} {why}. Choose" in answer["status"]
        node = Node(host, clip, "pipes", params={"server": str(pipes)})
        assert "is no file" in node.press("restoreRange", timeout_s=20)["params"]["status"]
        host.statistics()
