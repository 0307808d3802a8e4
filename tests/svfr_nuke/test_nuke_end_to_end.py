"""From a node to the pixels it shows, through the real server process with the model `identity`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nuke_plates
import numpy as np
import PyOpenColorIO as Ocio
import pytest
import strict_images
import strict_roto
from nuke_plates import FRAMES, attribute
from strict_nuke import FakeNuke
from strict_objects import UndoState

STUDIO = "ocio://studio-config-v2.1.0_aces-v1.3_ocio-v2.3"


def read_node(nuke: FakeNuke, pattern: str) -> Any:
    read = nuke.fake_node("Read", file=pattern)
    for name, value in (("first", 1001), ("last", 1003), ("origfirst", 1001), ("origlast", 1003)):
        read[name].setValue(value)
    return read


def svfr_node(plate: Any, mask: Any = None, **knobs: Any) -> Any:
    import svfr_nuke.node

    node = svfr_nuke.node.create(plate, mask)
    for name, value in {"model": "identity", "faces": "whole frame", **knobs}.items():
        node[name].setValue(value)
    return node


def use_ocio(nuke: FakeNuke, folder: Path) -> str:
    """Make the project OCIO-managed by a config on disk, as a studio has it."""
    config = Ocio.Config.CreateFromFile(STUDIO)
    path = folder / "config.ocio"
    path.write_text(config.serialize())
    root, graph = nuke.root(), nuke.fake_graph
    root["colorManagement"].setValue("OCIO")
    root["OCIO_config"].setValue("custom")
    root["customOCIOConfigPath"].setValue(path.as_posix())
    root["workingSpaceLUT"].setValue("ACEScg")
    graph.spaces = ["ACES/ACEScg", "ACES/ACES2065-1", "Utility/Linear Rec.709 (sRGB)"]
    graph.working_space, graph.config_path, graph.default_space = "ACEScg", str(path), "ACES/ACES2065-1"
    return path.as_posix()


def restore(nuke: FakeNuke, node: Any, button: str = "restore") -> None:
    """Press the button and let Nuke run until the job has ended."""
    nuke.fake_press(node, button)
    assert not nuke.fake_said, nuke.fake_said
    nuke.run_until(lambda: json.loads(node["svfr_job"].value())["state"] != "running")


def picture(node: Any, frame: int = 1002) -> strict_images.Planes:
    return strict_images.render(node, frame, "main")


@pytest.fixture
def node(nuke: FakeNuke, tmp_path: Path, local_server: Path) -> Any:
    """A node on a plate of three frames, beside a running server."""
    return svfr_node(read_node(nuke, nuke_plates.write_plate(tmp_path / "plates")))


def test_a_bare_read_is_sent_by_path_and_comes_back_bit_by_bit(
    nuke: FakeNuke, tmp_path: Path, local_server: Path
) -> None:
    plate = nuke_plates.write_plate(tmp_path / "plates")
    node = svfr_node(read_node(nuke, plate))
    restore(nuke, node)
    assert node["status"].value() == "Done: 3 frames"
    read = node.node("Result")
    assert read["file"].value() == (tmp_path / "plates/shot_svfr/shot.%04d.exr").as_posix()
    assert (read["first"].value(), read["last"].value(), read["origfirst"].value()) == (1001, 1003, 1001)
    assert (read["colorspace"].value(), read["raw"].value()) == ("linear", False)
    for frame in nuke_plates.FRAMES:
        assert nuke_plates.same_bits(plate % frame, read["file"].value() % frame)
    assert nuke.__dict__["_world"]._executed == []


def test_the_node_shows_the_result_with_its_layers_in_the_plates_colours(
    nuke: FakeNuke, tmp_path: Path, local_server: Path
) -> None:
    use_ocio(nuke, tmp_path)
    plate = read_node(nuke, nuke_plates.write_plate(tmp_path / "plates"))
    assert plate["colorspace"].value() == "default (ACES/ACES2065-1)"
    node = svfr_node(plate)
    before = picture(node)
    restore(nuke, node)
    assert node["colour_found"].value().startswith("ACES2065-1 in ")
    assert node.node("Result")["colorspace"].value() == "ACES/ACES2065-1"
    after = picture(node)
    for name in strict_images.LAYERS["rgb"]:
        np.testing.assert_array_equal(after[name], before[name])
    assert {"svfr.delta.R", "svfr.matte.A", "diffuse.R"} <= set(after)
    assert set(after) - set(before) == {name for name in after if name.startswith("svfr.")}


def test_a_graded_plate_is_rendered_raw_with_the_frame_numbers_it_has(
    nuke: FakeNuke, tmp_path: Path, local_server: Path
) -> None:
    use_ocio(nuke, tmp_path)
    read = read_node(nuke, nuke_plates.write_plate(tmp_path / "plates"))
    grade = nuke.fake_node("Grade", read)
    grade["white"].setValue(1.5)
    node = svfr_node(nuke.fake_node("Dot", grade), channels="rgb")
    graded = picture(grade)
    restore(nuke, node)
    job = json.loads(node["svfr_job"].value())
    request = json.loads(Path(job["request"]).read_text())
    assert request["colour"]["space"] == "ACEScg" and request["frames"] == "1001-1003"
    assert request["plate"].startswith((tmp_path / "svfr" / "SVFR1" / "svfr_inputs").as_posix())
    assert node.node("Result")["colorspace"].value() == "ACES/ACEScg"
    after = picture(node)
    for index, name in enumerate(strict_images.LAYERS["rgb"]):
        np.testing.assert_array_equal(after[name], graded[name])
        np.testing.assert_array_equal(nuke_plates.rgb_of(request["plate"] % 1002)[..., index], graded[name])
    assert [member.Class() for member in nuke.root().nodes()] == ["Read", "Grade", "Dot", "Group"]


def test_mix_and_detail_bring_the_plate_back(nuke: FakeNuke, tmp_path: Path, local_server: Path) -> None:
    plate = read_node(nuke, nuke_plates.write_plate(tmp_path / "plates"))
    node = svfr_node(plate, model="probe")
    untouched = picture(plate)
    restore(nuke, node)
    painted = picture(node)
    assert np.abs(painted["rgba.red"] - untouched["rgba.red"]).max() > 0.1
    node["mix"].setValue(0.0)
    np.testing.assert_allclose(picture(node)["rgba.red"], untouched["rgba.red"], atol=1e-6)
    node["mix"].setValue(0.5)
    half = (painted["rgba.red"] + untouched["rgba.red"]) / 2
    np.testing.assert_allclose(picture(node)["rgba.red"], half, atol=1e-5)
    node["mix"].setValue(1.0)
    node["detail"].setValue(1.0)
    node["detail_size"].setValue(1000.0)  # everything is detail, but for one constant
    assert np.ptp(picture(node)["rgba.red"] - untouched["rgba.red"]) < 0.05
    outside = painted["rgba.red"] == untouched["rgba.red"]
    node["detail_size"].setValue(2.0)
    assert outside.any()


@pytest.mark.parametrize("transport", ["rendered", "splines"])
def test_a_roto_reaches_the_server_where_nuke_draws_it(
    nuke: FakeNuke, tmp_path: Path, local_server: Path, transport: str
) -> None:
    plate = read_node(nuke, nuke_plates.write_plate(tmp_path / "plates"))
    roto = nuke.fake_node("Roto", plate)
    corners = [(12.0, 8.0), (40.0, 8.0), (40.0, 20.0), (12.0, 20.0)]
    points = [strict_roto.ShapeControlPoint(x, y) for x, y in corners]
    roto["curves"].rootLayer.append(strict_roto.Shape("face", points))
    node = svfr_node(plate, roto, model="probe", mask_from=transport)
    drawn = picture(roto)["rgba.alpha"]
    restore(nuke, node)
    matte = picture(node)["svfr.matte.A"]
    assert drawn[HEIGHT_MIDDLE, 30] == 1.0 and drawn[10, 30] == 0.0  # y counts from below in Nuke
    np.testing.assert_allclose(matte * (drawn == 0), 0.0, atol=1e-3)
    changed = picture(node)["rgba.red"] != picture(plate)["rgba.red"]
    assert changed.any() and not changed[drawn == 0].any()


HEIGHT_MIDDLE = nuke_plates.HEIGHT - 14


def test_a_failed_job_says_why_and_the_plate_stays(
    nuke: FakeNuke, tmp_path: Path, local_server: Path
) -> None:
    plate = nuke_plates.write_plate(tmp_path / "plates")
    Path(plate % 1002).unlink()
    node = svfr_node(read_node(nuke, plate))
    restore(nuke, node)
    assert "1002" in node["status"].value() and "missing" in node["status"].value()
    assert node["has_result"].value() is False
    assert json.loads(node["svfr_job"].value())["state"] == "failed"


def test_a_model_without_detail_says_so_in_the_node(nuke: FakeNuke, node: Any) -> None:
    node["texture_auto"].setValue(False)
    restore(nuke, node)
    status = node["status"].value()
    assert "The model identity adds no detail" in status and "Leave detail out" in status
    node["texture_auto"].setValue(True)
    restore(nuke, node)
    assert node["status"].value() == "Done: 3 frames"


def test_redo_sends_the_same_job_again_as_a_new_version(nuke: FakeNuke, node: Any) -> None:
    restore(nuke, node)
    first = json.loads(node["svfr_job"].value())
    node["seed"].setValue(5)  # Redo is the job as it was sent
    restore(nuke, node, "redo")
    second = json.loads(node["svfr_job"].value())
    assert first["job"] != second["job"] and first["request"] == second["request"]
    assert node.node("Result")["file"].value().endswith("shot_svfr/shot_v002.%04d.exr")
    assert (node["version"].values(), node["version"].value()) == (["plate", "v001", "v002"], "v002")


def test_some_frames_are_redone_over_the_former_ones_with_another_seed(nuke: FakeNuke, node: Any) -> None:
    for name, value in (("model", "mini"), ("preset", "draft")):
        node[name].setValue(value)
    nuke.fake_press(node, "redo_frame")
    assert "shows no result" in nuke.fake_said.pop()
    restore(nuke, node)
    first = json.loads(node["svfr_job"].value())
    pattern = node.node("Result")["file"].value()
    node["seed"].setValue(5)
    node["redo_range"].setValue("1002-1004")
    nuke.fake_press(node, "redo_frames")
    assert "has frames 1001-1003" in nuke.fake_said.pop()
    nuke.frame(1002)
    restore(nuke, node, "redo_frame")
    node["redo_range"].setValue("1003")
    restore(nuke, node, "redo_frames")  # of the first job again, though another came between
    assert node["status"].value().startswith("Done: 1 frames")
    last = json.loads(node["svfr_job"].value())
    assert last["part_of"] == first["job"] != last["job"]
    made = "mini, draft, seed 77; 1002 with seed 5; 1003 with seed 5"
    assert (node["version"].value(), node["version_made"].value()) == ("v001", made)
    read = node.node("Result")
    assert (read["file"].value(), read["first"].value(), read["last"].value()) == (pattern, 1001, 1003)
    assert [attribute(pattern % frame, "svfr/seed") for frame in FRAMES] == ["77", "5", "5"]
    assert [node.node("Shown")["which"]._evaluate(frame) for frame in (1000, 1001, 1003)] == [0.0, 1.0, 1.0]


def test_what_the_plugin_says_by_itself_is_no_step_to_undo(nuke: FakeNuke, node: Any) -> None:
    UndoState.steps.clear()
    nuke.fake_press(node, "refresh")
    restore(nuke, node)
    nuke.fake_press(node, "test_connection")
    nuke.run_until(lambda: node["server_state"].value() not in ("", "Asking"))
    assert "has_result" in UndoState.steps  # the result is one, made by nuke.Undo's begin and end
    assert not {"status", "svfr_job", "colour_found", "server_state"} & set(UndoState.steps)


def test_every_selected_node_is_restored(nuke: FakeNuke, tmp_path: Path, node: Any) -> None:
    import svfr_nuke.buttons

    svfr_nuke.buttons.restore_selected()
    assert nuke.fake_said.pop().startswith("No SVFR node is selected")
    lonely, other = svfr_node(None), svfr_node(node.input(0), output=f"{tmp_path.as_posix()}/b/b.%04d.exr")
    for one in (node, lonely, other, node.input(0)):
        one.setSelected(True)
    svfr_nuke.buttons.restore_selected()
    assert [text.split(".")[0] for text in nuke.fake_said] == ["Nothing is connected to the plate input"]
    for one in (node, other):
        nuke.run_until(lambda one=one: json.loads(one["svfr_job"].value())["state"] == "done")


def test_cancel_ends_the_job(nuke: FakeNuke, node: Any) -> None:
    nuke.fake_press(node, "restore")
    nuke.fake_press(node, "cancel")
    nuke.run_until(lambda: json.loads(node["svfr_job"].value())["state"] != "running")
    assert json.loads(node["svfr_job"].value())["state"] in ("cancelled", "done")  # it may have been quicker
    nuke.fake_press(node, "cancel")
    assert nuke.fake_said == ["No job of this node is running."]


def test_a_job_of_a_saved_script_is_taken_up_after_a_restart(nuke: FakeNuke, node: Any) -> None:
    import svfr_nuke.session
    import svfr_nuke.startup

    restore(nuke, node)
    record = json.loads(node["svfr_job"].value())
    node["svfr_job"].setValue(json.dumps({**record, "state": "running"}))  # saved before it was done
    node["has_result"].setValue(False)
    assert svfr_nuke.session.session_of(node) is None
    svfr_nuke.startup.on_init()
    nuke.fake_call("load")
    nuke.run_until(lambda: bool(node["has_result"].value()))
    nuke.run_until(lambda: json.loads(node["svfr_job"].value())["state"] == "done")


def test_a_job_that_cannot_be_asked_for_is_asked_for_again_at_the_next_load(
    nuke: FakeNuke, tmp_path: Path, node: Any, local_server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import svfr_nuke.session

    restore(nuke, node)
    record = json.loads(node["svfr_job"].value())
    node["svfr_job"].setValue(json.dumps({**record, "state": "running"}))
    monkeypatch.setenv("SVFR_HOME", str(tmp_path / "nobody"))
    session = svfr_nuke.session.reattach(node)
    nuke.run_until(lambda: session.error is not None)
    assert "No service is running" in node["status"].value()
    assert json.loads(node["svfr_job"].value())["state"] == "running"
    monkeypatch.setenv("SVFR_HOME", str(local_server))
    svfr_nuke.session.reattach(node)
    nuke.run_until(lambda: json.loads(node["svfr_job"].value())["state"] == "done")


def test_a_project_whose_working_space_is_a_role_shows_its_result(
    nuke: FakeNuke, tmp_path: Path, local_server: Path
) -> None:
    use_ocio(nuke, tmp_path)
    nuke.fake_graph.roles = {"scene_linear": "ACES/ACEScg", "data": "Utility/Raw"}
    nuke.root()["workingSpaceLUT"].setValue("scene_linear")
    grade = nuke.fake_node("Grade", read_node(nuke, nuke_plates.write_plate(tmp_path / "plates")))
    node = svfr_node(grade)
    restore(nuke, node)
    assert node["status"].value() == "Done: 3 frames"
    assert node.node("Result")["colorspace"].value() == "scene_linear"
    for channel in ("rgba.red", "rgba.blue"):
        np.testing.assert_array_equal(picture(node)[channel], picture(grade)[channel])


def test_frames_that_were_not_restored_show_the_plate(
    nuke: FakeNuke, tmp_path: Path, local_server: Path
) -> None:
    plate = read_node(nuke, nuke_plates.write_plate(tmp_path / "plates"))
    node = svfr_node(plate, model="probe", range="custom", frames="1001-1003x2")
    restore(nuke, node)
    reds = {frame: (picture(node, frame)["rgba.red"], picture(plate, frame)["rgba.red"]) for frame in FRAMES}
    assert [bool((shown != before).any()) for shown, before in reds.values()] == [True, False, True]


def test_a_pasted_node_leaves_the_inputs_of_its_original(
    nuke: FakeNuke, tmp_path: Path, local_server: Path
) -> None:
    grade = nuke.fake_node("Grade", read_node(nuke, nuke_plates.write_plate(tmp_path / "plates")))
    node = svfr_node(grade)
    restore(nuke, node)
    pasted = nuke.fake_paste(node)
    restore(nuke, pasted)
    request = Path(json.loads(node["svfr_job"].value())["request"])
    assert request.is_file() and len(list(request.parent.glob("plate.*.exr"))) == 3
    restore(nuke, node, "redo")
    assert node["status"].value() == "Done: 3 frames"


def test_inputs_of_the_job_before_the_last_are_removed(
    nuke: FakeNuke, tmp_path: Path, local_server: Path
) -> None:
    grade = nuke.fake_node("Grade", read_node(nuke, nuke_plates.write_plate(tmp_path / "plates")))
    node = svfr_node(grade)
    inputs = tmp_path / "svfr" / "SVFR1" / "svfr_inputs"
    for _ in range(2):
        restore(nuke, node)
        (folder,) = inputs.iterdir()
        assert len(list(folder.glob("plate.*.exr"))) == 3
    restore(nuke, node, "redo")
    assert node["status"].value() == "Done: 3 frames"
    assert len(list((tmp_path / "svfr" / "SVFR1").glob("SVFR1*.exr"))) == 9


def test_a_node_inside_a_group_renders_there(nuke: FakeNuke, tmp_path: Path, local_server: Path) -> None:
    group = nuke.fake_node("Group").begin()
    grade = nuke.fake_node("Grade", read_node(nuke, nuke_plates.write_plate(tmp_path / "plates")))
    node = svfr_node(grade)
    group.end()
    assert node.fullName() == "Group1.SVFR1"
    restore(nuke, node)
    assert node["status"].value() == "Done: 3 frames"
    assert [member.Class() for member in group.nodes()] == ["Read", "Grade", "Group"]


def test_a_node_deleted_while_its_job_runs_harms_nothing(nuke: FakeNuke, node: Any) -> None:
    import svfr_nuke.session

    nuke.fake_press(node, "restore")
    session = svfr_nuke.session.session_of(node)
    nuke.delete(node)
    nuke.run_until(lambda: session.record.state == "done")


def test_a_terminal_waits_for_the_result_and_raises_errors(
    make_nuke: Callable[..., FakeNuke],
    tmp_path: Path,
    local_server: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal = make_nuke(gui=False, major=14, script=tmp_path / "a.nk")
    import svfr_nuke.buttons
    from svfr_client.errors import SvfrError

    plate = nuke_plates.write_plate(tmp_path / "plates")
    node = svfr_node(read_node(terminal, plate))
    svfr_nuke.buttons.restore(node)
    assert node["has_result"].value() is True
    assert "[svfr] Done: 3 frames" in capsys.readouterr().out
    Path(plate % 1001).unlink()
    with pytest.raises(SvfrError, match="1001"):
        svfr_nuke.buttons.restore(node)


def test_the_server_is_asked_who_it_is(nuke: FakeNuke, node: Any) -> None:
    nuke.fake_press(node, "test_connection")
    nuke.run_until(lambda: node["server_state"].value() not in ("", "Asking"))
    assert node["server_state"].value().startswith("Connected (this machine)")


def test_a_server_that_is_not_there_is_started_by_its_own_program(
    nuke: FakeNuke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    from svfr_client.client import Client

    monkeypatch.setenv("SVFR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SVFR_SERVER", str(Path(sys.executable).with_name("svfr")))
    monkeypatch.setenv("PYTHONHOME", "/nukes/own")  # would break another Python if it were passed on
    node = svfr_node(read_node(nuke, nuke_plates.write_plate(tmp_path / "plates")))
    nuke.fake_press(node, "start_server")
    nuke.run_until(lambda: node["server_state"].value() not in ("", "Starting"))
    assert node["server_state"].value().startswith("Connected"), node["server_state"].value()
    with Client(folder=tmp_path / "home") as client:
        client.shutdown()
