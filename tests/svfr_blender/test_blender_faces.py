"""Faces in the preview: where a click falls on the plate, where boxes lie, what is picked."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from blender_host import SVFR, Blender
from e2e_plates import write_sequence
from plates import write_exrs
from staged_extension.face_boxes import FacesOfStrip, PreviewPlace, lines, outline, place_text
from staged_extension.svfr_client.hosting.faces import FoundFace, Square

PLATE, FRAME = (160, 120), (320, 240)


def strip(**more: Any) -> Any:
    plain = {"scale_x": 1.0, "scale_y": 1.0, "offset_x": 0.0, "offset_y": 0.0, "rotation": 0.0}
    flips = {name: more.pop(name, False) for name in ("use_flip_x", "use_flip_y")}
    return SimpleNamespace(
        name="s", transform=SimpleNamespace(**{**plain, **more}, origin=(0.5, 0.5)), **flips
    )


def test_the_middle_of_the_preview_is_the_middle_of_the_plate_and_up_becomes_down() -> None:
    place = PreviewPlace(strip(), PLATE, FRAME)
    assert place.to_plate(0, 0) == pytest.approx((80, 60))
    assert place.to_plate(80, 60) == pytest.approx((160, 0))
    moved = PreviewPlace(strip(offset_x=10, scale_x=2.0, scale_y=2.0), PLATE, FRAME)
    assert moved.to_plate(10, 0) == pytest.approx((80, 60))
    assert moved.to_plate(30, -20) == pytest.approx((90, 70))
    assert PreviewPlace(strip(), PLATE, FRAME, 2.0).to_plate(20, 0) == pytest.approx((90, 60))


@pytest.mark.parametrize(
    "placed",
    [
        strip(),
        strip(offset_x=31, offset_y=-7, scale_x=1.6, scale_y=0.7, rotation=0.4, use_flip_x=True),
        strip(scale_x=-1.0, rotation=-2.0, use_flip_y=True),
    ],
)
def test_what_is_drawn_over_a_place_is_what_a_click_there_picks(placed: Any) -> None:
    place = PreviewPlace(placed, PLATE, FRAME, 1.5)
    for x, y in ((0, 0), (160, 120), (12.5, 99)):
        assert place.to_plate(*place.to_preview(x, y)) == pytest.approx((x, y))


def test_a_faces_box_is_its_crop_in_the_frame_that_shows() -> None:
    face = FoundFace("kfmd", "80,60@1001", {1001: Square(80, 60, 40)})
    place = PreviewPlace(strip(), PLATE, FRAME)
    corners = outline(face, 1001, place)
    assert corners == [pytest.approx(corner) for corner in ((-20, 20), (20, 20), (20, -20), (-20, -20))]
    assert len(lines(corners)) == 8 and lines(corners)[-1] == corners[0]
    assert outline(face, 1002, place) == [] and lines([]) == []
    assert place_text(79.6, 60.2, -3) == "80,60@-3"


def test_the_plate_frame_under_the_playhead_follows_trims_and_direction() -> None:
    known = FacesOfStrip((), tuple(range(1001, 1013)))
    shown = SimpleNamespace(
        frame_start=101.0, frame_duration=12, animation_offset_start=0, use_reverse_frames=False
    )
    assert known.plate_frame(shown, 104) == 1004
    shown.use_reverse_frames = True
    assert known.plate_frame(shown, 104) == 1009
    shown.use_reverse_frames, shown.animation_offset_start, shown.frame_duration = False, 30, 60
    assert known.plate_frame(shown, 104) is None  # the strip got other files since


@pytest.mark.hosts
def test_faces_are_picked_by_a_click_and_chosen_by_name(lone_blender: Blender, tmp_path: Path) -> None:
    files = [str(file) for file in write_exrs(tmp_path / "plate", range(1001, 1013))]
    said = lone_blender.run("picks_faces", tmp_path, {"files": files})
    assert "No face is picked" in said["none"]
    assert said["picked"] == {"mode": "point", "points": [{"x": 90.0, "y": 50.0, "frame": 1003}]}
    assert [(p["x"], p["frame"]) for p in said["two"]["points"]] == [(90.0, 1003), (30.0, 1005)]
    assert "outside the active strip's picture" in said["outside"]
    assert "not under the playhead" in said["elsewhere"]
    assert said["by_id"] == {"mode": "id", "ids": ["kfmd"]}
    assert said["both_ids"]["ids"] == ["kfmd", "wqtn"] and said["one_less"]["ids"] == ["wqtn"]
    assert [len(corners) for corners, _ in said["boxes"]] == [4, 4]
    assert [colour == said["boxes"][1][1] for _, colour in said["boxes"]] == [False, True]
    assert {"Pick Face", "Find Faces", "kfmd  frames 1001 to 1012"} <= set(said["panel"])
    assert "is not there" in said["no_program"]


@pytest.mark.hosts
def test_the_face_of_a_strip_is_found_and_restored_by_its_id(blender: Blender, tmp_path: Path) -> None:
    pattern = write_sequence(tmp_path / "plate", count=3)
    files = [str(file) for file in sorted(Path(pattern).parent.glob("*.exr"))]
    said = blender.run("finds_faces", tmp_path, {"files": files, "svfr": str(SVFR)})
    assert said["text"] == ""
    [(face, frames)] = said["found"]
    assert len(frames) == 3 and said["picked"] == face
    assert 60 < said["side"] < 400
    assert len(said["records"][0]["paths"]) == 3
