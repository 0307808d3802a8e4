"""Every result of a node stays a version: chosen by a menu or a script, also after a reload."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import nuke_plates
import numpy as np
import pytest
from nuke_plates import FRAMES, attribute
from strict_nuke import FakeNuke
from strict_objects import UndoState
from test_nuke_end_to_end import picture, read_node, restore, svfr_node


@pytest.fixture
def node(nuke: FakeNuke, tmp_path: Path, local_server: Path) -> Any:
    """A node with two results, of a model that paints and of one that does not, in a Nuke that listens."""
    import svfr_nuke.startup

    svfr_nuke.startup.on_init()
    node = svfr_node(read_node(nuke, nuke_plates.write_plate(tmp_path / "plates")), model="probe")
    restore(nuke, node)
    node["model"].setValue("identity")
    restore(nuke, node)
    return node


def is_painted(node: Any) -> bool:
    return bool(np.abs(picture(node)["rgba.red"] - picture(node.input(0))["rgba.red"]).max() > 0.1)


def test_the_menu_chooses_which_result_is_shown(nuke: FakeNuke, node: Any) -> None:
    assert node["version"].values() == ["plate", "v001", "v002"] and not is_painted(node)
    assert node["version_made"].value() == "identity, standard, seed 77"
    node["version"].setValue("v001")
    assert is_painted(node) and node["version_made"].value() == "probe, standard, seed 77"
    assert node.node("Result")["file"].value().endswith("shot_svfr/shot.%04d.exr")
    node["version"].setValue("plate")
    assert node["has_result"].value() is False and not is_painted(node)
    node["version"].setValue("v001")
    assert is_painted(node) and not nuke.fake_said


def test_frames_are_redone_of_the_version_that_is_shown(nuke: FakeNuke, node: Any) -> None:
    for knob, value in (("model", "mini"), ("preset", "draft")):
        node[knob].setValue(value)
    restore(nuke, node)
    node["model"].setValue("identity")
    restore(nuke, node)
    node["version"].setValue("v003")
    node["seed"].setValue(5)
    nuke.frame(1002)
    restore(nuke, node, "redo_frame")
    assert node["status"].value().startswith("Done: 1 frames")
    assert node["version"].value() == "v003"
    pattern = node.node("Result")["file"].value()
    assert [attribute(pattern % frame, "svfr/seed") for frame in FRAMES] == ["77", "5", "77"]


def test_a_result_that_replaces_another_is_the_same_version(nuke: FakeNuke, node: Any) -> None:
    node["version"].setValue("v001")
    for knob, value in (("existing", "overwrite"), ("seed", 5)):
        node[knob].setValue(value)
    restore(nuke, node)
    assert node["version"].values() == ["plate", "v001", "v002"]
    assert (node["version"].value(), node["version_made"].value()) == ("v001", "identity, standard, seed 5")


def test_results_in_two_folders_have_two_names(nuke: FakeNuke, node: Any, tmp_path: Path) -> None:
    node["output"].setValue((tmp_path / "elsewhere" / "shot.%04d.exr").as_posix())
    restore(nuke, node)
    assert node["version"].values() == ["plate", "v001", "v002", "v001 (2)"]
    assert node["version"].value() == "v001 (2)"


def test_a_version_whose_frames_are_gone_is_not_shown(nuke: FakeNuke, node: Any) -> None:
    import svfr_nuke.versions

    first = svfr_nuke.versions.all_of(node)[0]
    Path(first.pattern % 1001).unlink()
    node["version"].setValue("v001")
    assert "The frames of v001 are not there any more" in nuke.fake_said.pop()
    assert node["version"].value() == "v002" and node.node("Result")["file"].value() != first.pattern


def test_a_script_chooses_by_name(nuke: FakeNuke, node: Any) -> None:
    import svfr_nuke.buttons

    svfr_nuke.buttons.show_version(node, "v001")
    assert node["version"].value() == "v001" and is_painted(node)
    svfr_nuke.buttons.show_version(node, "v009")
    assert "has no version v009" in nuke.fake_said.pop() and is_painted(node)


def test_the_page_of_the_shown_version_opens_in_the_browser(
    nuke: FakeNuke, node: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, asked = tmp_path / "bin" / "xdg-open", tmp_path / "asked"
    browser.parent.mkdir()
    browser.write_text(f'#!/bin/sh\nprintf %s "$1${{PYTHONHOME-}}" > {asked}\n')
    browser.chmod(0o755)
    monkeypatch.setenv("PATH", f"{browser.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONHOME", "/nukes/own")
    monkeypatch.setenv("SVFR_SERVER", str(Path(sys.executable).with_name("svfr")))
    node["version"].setValue("v001")
    nuke.fake_press(node, "open_page")
    nuke.run_until(lambda: node["status"].value() != "Making the page")
    page = tmp_path / "plates" / "shot_svfr" / "shot.html"
    assert node["status"].value() == f"Page: {page}" and page.is_file()
    nuke.run_until(asked.is_file)
    assert asked.read_text().endswith("shot.html")
    node["version"].setValue("plate")
    nuke.fake_press(node, "open_page")
    assert nuke.fake_said == ["This node shows no result. Press Restore, or choose a version."]


def test_a_menu_that_nuke_did_not_save_is_filled_when_the_script_is_loaded(nuke: FakeNuke, node: Any) -> None:
    node["version"].setValue("v001")
    object.__setattr__(node["version"], "_values", ["plate"])
    object.__setattr__(node["version"], "_value", "plate")
    nuke.fake_call("load")
    assert node["version"].values() == ["plate", "v001", "v002"] and node["version"].value() == "v001"


def test_the_list_is_no_step_to_undo_and_choosing_is_one(nuke: FakeNuke, node: Any) -> None:
    UndoState.steps.clear()
    restore(nuke, node)
    assert "svfr_versions" not in UndoState.steps and json.loads(node["svfr_versions"].value())[2]["name"]
