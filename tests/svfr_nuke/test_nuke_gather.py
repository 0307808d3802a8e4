"""What a node becomes: paths or renders, frames, colours, faces, masks; and every refusal in words."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nuke_plates
import pytest
from strict_nuke import CancelledError, FakeNuke
from test_nuke_end_to_end import read_node, svfr_node, use_ocio

from svfr_client.errors import SeveralProblems, SvfrError
from svfr_client.frames import FrameRange
from svfr_client.job import FaceChoice, FacePoint

JOB = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def plate(nuke: FakeNuke, tmp_path: Path) -> Any:
    return read_node(nuke, nuke_plates.write_plate(tmp_path / "plates"))


def gathered(node: Any) -> Any:
    from svfr_nuke.gather import gather

    return gather(node, JOB)


def test_settings_reach_the_job(nuke: FakeNuke, plate: Any, tmp_path: Path) -> None:
    node = svfr_node(
        plate, faces="box", preset="draft", seed=5, range="custom", frames="1001,1003", colorize=True
    )
    node["face_box"].setValue((10, 8, 30, 28))
    node["existing"].setValue("overwrite")
    node["layers"].setValue("matte st")
    node["output"].setValue((tmp_path / "out").as_posix() + "/a.####.exr")
    spec = gathered(node).spec
    assert (spec.tasks, spec.preset, spec.seed) == (("bfr", "colorize"), "draft", 5)
    assert (spec.frames, spec.existing, spec.layers) == ("1001,1003", "overwrite", ("matte", "st"))
    assert spec.spread_seeds is None  # what says nothing is refused
    node["layers"].setValue("spread, invention")
    node["spread_seeds"].setValue(6)
    assert (gathered(node).spec.layers, gathered(node).spec.spread_seeds) == (("spread", "invention"), 6)
    assert spec.output.endswith("/out/a.####.exr")
    box = spec.faces.boxes[0]
    assert (box.x, box.y, box.width, box.height) == (10, nuke_plates.HEIGHT - 28, 20, 20)


def test_detail_is_sent_only_when_the_artist_sets_it(nuke: FakeNuke, plate: Any) -> None:
    node = svfr_node(plate, texture=0.3)
    assert "detail" not in gathered(node).spec.to_json()
    node["texture_auto"].setValue(False)
    assert gathered(node).spec.detail == 0.3
    node["texture"].setValue(1.5)  # the field beside the slider takes any number
    with pytest.raises(SvfrError, match="detail is 1"):
        gathered(node)


def test_a_node_of_an_earlier_version_gets_the_knobs_it_lacks(nuke: FakeNuke, plate: Any) -> None:
    node = svfr_node(plate, seed=5)
    for name in ("texture_auto", "texture", "ocio_context"):
        del node._knobs[name]
    spec = gathered(node).spec
    assert (spec.seed, spec.detail) == (5, None)
    assert {"texture_auto", "texture", "ocio_context"} <= set(node.knobs())


@pytest.mark.parametrize(
    ("words", "mode"), [("largest", "largest"), ("all", "all"), ("whole frame", "frame")]
)
def test_the_words_for_faces_have_a_mode(nuke: FakeNuke, plate: Any, words: str, mode: str) -> None:
    assert gathered(svfr_node(plate, faces=words)).spec.faces.mode == mode


def test_track_numbers_are_read(nuke: FakeNuke, plate: Any) -> None:
    node = svfr_node(plate, faces="track numbers", face_tracks="0, 2")
    assert gathered(node).spec.faces.indices == (0, 2)


def test_ids_of_faces_are_read(nuke: FakeNuke, plate: Any) -> None:
    node = svfr_node(plate, faces="track numbers", face_tracks="kfmd, wqtn")
    assert gathered(node).spec.faces == FaceChoice(mode="id", ids=("kfmd", "wqtn"))


def test_a_point_that_is_dragged_onto_a_face_chooses_it_in_the_frame_it_was_put(
    nuke: FakeNuke, plate: Any
) -> None:
    import svfr_nuke.startup

    svfr_nuke.startup.on_init()
    node = svfr_node(plate, faces="point")
    nuke.frame(1002)
    node["face_point"].setValue((20, 30))
    nuke.frame(1003)
    nuke.root()["proxy"].setValue(True)  # knobs hold full pixels, whatever is looked at
    point = FacePoint(20, nuke_plates.HEIGHT - 30, 1002)
    assert gathered(node).spec.faces == FaceChoice(mode="point", points=(point,))


def test_a_reference_is_a_frame_or_a_photo(nuke: FakeNuke, plate: Any) -> None:
    node = svfr_node(plate, reference="plate frame", reference_frame=1002)
    assert gathered(node).spec.references[0].frame == 1002
    node["reference"].setValue("photo")
    node["reference_photo"].setValue("/photos/her.png")
    assert gathered(node).spec.references[0].photo == "/photos/her.png"


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"faces": "box"}, "face box is empty"),
        ({"faces": "track numbers", "face_tracks": "zero"}, "no face track numbers"),
        ({"faces": "mask"}, "chosen by mask, but the job has none"),
        ({"inpaint": True}, "inpaint needs a mask"),
        ({"bfr": False}, "has no task"),
        ({"reference": "photo"}, "No reference photo"),
        ({"range": "custom", "frames": "1050-1001"}, "runs backwards"),
        ({"output": "renders/a.%04d.exr"}, "no whole path"),
        ({"view": "left"}, 'no view "left"'),
        ({"layers": "matte, shadow"}, "layers cannot be 'shadow'"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_a_bad_setting_is_refused_in_words(
    nuke: FakeNuke, plate: Any, knobs: dict[str, Any], words: str
) -> None:
    with pytest.raises(SvfrError, match=words):
        gathered(svfr_node(plate, **knobs))


def test_every_problem_is_told_at_once(nuke: FakeNuke, plate: Any) -> None:
    node = svfr_node(plate, faces="box", inpaint=True, reference="photo", view="left")
    with pytest.raises(SeveralProblems) as caught:
        gathered(node)
    assert len(caught.value.problems) == 4


def test_a_node_without_a_plate_says_so(nuke: FakeNuke) -> None:
    with pytest.raises(SvfrError, match="Nothing is connected"):
        gathered(svfr_node(None))


def test_an_error_is_shown_in_the_node_and_in_a_dialogue(nuke: FakeNuke) -> None:
    node = svfr_node(None)
    nuke.fake_press(node, "restore")
    assert nuke.fake_said == ["Nothing is connected to the plate input. Connect the plate."]
    assert node["status"].value() == nuke.fake_said[0]


@pytest.mark.parametrize(
    ("knobs", "bare"),
    [
        ({}, True),
        ({"frame_mode": "start at", "frame": "1001"}, True),
        ({"frame_mode": "offset", "frame": "0"}, True),
        ({"frame_mode": "start at", "frame": "1"}, False),
        ({"frame_mode": "expression", "frame": "frame*2"}, False),
        ({"disable": True}, False),
    ],
)
def test_only_a_read_whose_frames_are_its_files_is_sent_by_path(
    nuke: FakeNuke, plate: Any, knobs: dict[str, Any], bare: bool
) -> None:
    for name, value in knobs.items():
        plate[name].setValue(value)
    job = gathered(svfr_node(nuke.fake_node("Dot", plate)))
    assert (job.spec.plate == plate["file"].value()) is bare
    assert len(job.renders) == (0 if bare else 1)


def test_frames_outside_the_read_are_rendered(nuke: FakeNuke, plate: Any) -> None:
    job = gathered(svfr_node(plate, range="custom", frames="1000-1002"))
    assert job.renders[0].frames.first == 1000


def test_backslashes_of_windows_become_slashes(nuke: FakeNuke, plate: Any) -> None:
    plate["file"].setValue("P:\\shots\\a.%04d.exr")
    spec = gathered(svfr_node(plate)).spec
    assert (spec.plate, spec.output) == ("P:/shots/a.%04d.exr", "P:/shots/a_svfr/a.%04d.exr")


def test_a_relative_read_lies_in_the_project_folder(nuke: FakeNuke, plate: Any) -> None:
    plate["file"].setValue("plates/a.%04d.exr")
    node = svfr_node(plate)
    with pytest.raises(SvfrError, match="relative path"):
        gathered(node)
    nuke.root()["project_directory"].setValue("/job/sh010")
    assert gathered(node).spec.plate == "/job/sh010/plates/a.%04d.exr"


def test_proxy_mode_sends_the_full_frames(nuke: FakeNuke, plate: Any) -> None:
    from svfr_nuke.upstream import find_source

    file = plate["file"].value()
    plate["proxy"].setValue(file.replace("shot", "shot_half"))
    nuke.root()["proxy"].setValue(True)
    assert find_source(plate, FrameRange.of([1001]), "main").path == file
    plate["file"].setValue("[getenv SHOT]/shot.%04d.exr")
    with pytest.raises(SvfrError, match="Proxy mode is on"):
        find_source(plate, FrameRange.of([1001]), "main")


def test_a_script_with_several_views_must_say_which(nuke: FakeNuke, plate: Any) -> None:
    nuke.fake_graph.views = ["left", "right"]
    plate["file"].setValue("/job/%V/a_%v.%04d.exr")
    node = svfr_node(plate)
    with pytest.raises(SvfrError, match="several views"):
        gathered(node)
    node["view"].setValue("right")
    assert gathered(node).spec.plate == "/job/right/a_r.%04d.exr"


def test_a_stereo_file_is_taken_apart_by_nuke(nuke: FakeNuke, plate: Any) -> None:
    nuke.fake_graph.views = ["left", "right"]
    job = gathered(svfr_node(plate, view="left"))
    assert job.renders[0].view == "left"


def test_an_unsaved_script_with_a_graded_plate_needs_an_output(
    make_nuke: Callable[..., FakeNuke], tmp_path: Path
) -> None:
    unsaved = make_nuke()
    read = read_node(unsaved, nuke_plates.write_plate(tmp_path))
    with pytest.raises(SvfrError, match="no place for the result"):
        gathered(svfr_node(unsaved.fake_node("Grade", read)))


def test_proxy_mode_is_refused_before_anything_is_rendered(nuke: FakeNuke, plate: Any) -> None:
    nuke.root()["proxy"].setValue(True)
    node = svfr_node(nuke.fake_node("Grade", plate))
    nuke.fake_press(node, "restore")
    assert "Proxy mode is on" in nuke.fake_said[0]


@pytest.mark.parametrize("kind", [RuntimeError, CancelledError])
def test_a_cancelled_render_sends_nothing_and_leaves_no_node(
    nuke: FakeNuke, plate: Any, kind: type[Exception]
) -> None:
    nuke.fake_graph.cancel_at, nuke.fake_graph.cancel_with = 1002, kind("Cancelled")
    node = svfr_node(nuke.fake_node("Grade", plate))
    nuke.fake_press(node, "restore")
    assert nuke.fake_said == ["The rendering of the inputs was cancelled."]
    assert [member.Class() for member in nuke.root().nodes()] == ["Read", "Grade", "Group"]
    assert node["svfr_job"].value() == ""


def test_a_mask_channel_that_is_not_there_is_named(nuke: FakeNuke, plate: Any) -> None:
    node = svfr_node(plate, nuke.fake_node("Roto", plate), mask_channel="mask.a")
    nuke.fake_press(node, "restore")
    assert 'no channel "mask.a"' in nuke.fake_said[0] and "rgba.alpha" in nuke.fake_said[0]


def test_a_second_job_of_a_node_waits_for_the_first(
    nuke: FakeNuke, plate: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import svfr_nuke.session

    monkeypatch.setattr(svfr_nuke.session.Session, "start", lambda self: None)
    node = svfr_node(plate)
    nuke.fake_press(node, "restore")
    nuke.fake_press(node, "restore")
    assert nuke.fake_said == ["A job of this node is running. Wait for it, or press Cancel."]


def test_redo_without_a_job_says_so(nuke: FakeNuke, plate: Any) -> None:
    node = svfr_node(plate)
    nuke.fake_press(node, "redo")
    assert nuke.fake_said == ["This node has sent no job yet. Press Restore."]
    node["svfr_job"].setValue(json.dumps({"job": "of another version"}))
    nuke.fake_press(node, "redo")
    assert len(nuke.fake_said) == 2


def test_the_colour_is_shown_when_an_input_changes(nuke: FakeNuke, plate: Any, tmp_path: Path) -> None:
    import svfr_nuke.startup

    config = use_ocio(nuke, tmp_path)
    svfr_nuke.startup.on_init()
    node = svfr_node(plate)
    plate["file"].setValue(plate["file"].value())
    nuke.fake_call("knob", node, _Knob("inputChange"))
    assert node["colour_found"].value() == f"ACES2065-1 in {config} (from Read1)"
    node["colour_space"].setValue("lin_ap1_scene")
    nuke.fake_call("knob", node, _Knob("colour_space"))
    assert node["colour_found"].value() == f"lin_ap1_scene in {config} (from the node)"
    plain = nuke.fake_node("Group")
    nuke.fake_call("knob", plain, _Knob("inputChange"))  # somebody else's group is left alone


class _Knob:
    def __init__(self, name: str) -> None:
        self._name = name

    def name(self) -> str:
        return self._name
