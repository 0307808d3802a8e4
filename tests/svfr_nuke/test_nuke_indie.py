"""Nuke Indie: scripts may touch ten nodes, and what Nuke writes has an upper size."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nuke_plates
import numpy as np
import pytest
import strict_images
import strict_roto
from strict_nuke import FakeNuke
from test_nuke_end_to_end import picture, read_node, restore

FACES = {"model": "identity", "faces": "whole frame"}


@pytest.fixture
def indie(make_nuke: Callable[..., FakeNuke], tmp_path: Path) -> FakeNuke:
    """An Indie with thirty nodes and a dozen groups of somebody's already there."""
    nuke = make_nuke(script=tmp_path / "shot.nkind", edition="indie")
    nuke.fake_graph.largest_written = None
    for _ in range(30):
        nuke.fake_node("Constant")
    for _ in range(12):
        nuke.fake_node("Group")
    return nuke


def make(nuke: FakeNuke, plate: Any, mask: Any = None) -> Any:
    """Make a node as an artist does, by the menu; return it."""
    for node in filter(None, (plate, mask)):
        node.setSelected(True)
    nuke.fake_run("import svfr_nuke.node; svfr_nuke.node.create_from_selection()")
    nuke.fake_work()
    node = nuke.fake_graph.root._members[-1]
    for name, value in FACES.items():
        node[name].setValue(value)
    return node


def test_the_limit_of_the_fake_is_one_of_a_script(indie: FakeNuke) -> None:
    indie.fake_run("for _ in range(10): nuke.nodes.Dot()")
    with pytest.raises(RuntimeError, match="touch 10 nodes"):
        indie.fake_run("for _ in range(11): nuke.nodes.Dot()")
    with pytest.raises(RuntimeError, match="touch 10 nodes"):
        indie.fake_run("nuke.root().nodes()")


def test_a_rendered_plate_with_a_rendered_mask_is_restored(
    indie: FakeNuke, tmp_path: Path, local_server: Path
) -> None:
    read = read_node(indie, nuke_plates.write_plate(tmp_path / "plates"))
    grade, roto = indie.fake_node("Grade", read), indie.fake_node("Roto", read)
    corners = [(12.0, 8.0), (40.0, 8.0), (40.0, 20.0), (12.0, 20.0)]
    points = [strict_roto.ShapeControlPoint(x, y) for x, y in corners]
    roto["curves"].rootLayer.append(strict_roto.Shape("face", points))
    node = make(indie, grade, roto)
    restore(indie, node)
    assert node["status"].value() == "Done: 3 frames"
    for name in strict_images.LAYERS["rgb"]:
        np.testing.assert_array_equal(picture(node)[name], picture(grade)[name])
    restore(indie, node)  # the inputs of the first are kept: who else needs them cannot be seen
    assert len(list((tmp_path / "svfr" / node.name() / "svfr_inputs").iterdir())) == 2


def test_a_job_of_a_saved_script_is_taken_up_by_refresh(
    indie: FakeNuke, tmp_path: Path, local_server: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    node = make(indie, read_node(indie, nuke_plates.write_plate(tmp_path / "plates")))
    restore(indie, node)
    record = json.loads(node["svfr_job"].value())
    node["svfr_job"].setValue(json.dumps({**record, "state": "running"}))
    indie.fake_run("import svfr_nuke.startup; svfr_nuke.startup.on_init()")
    indie.fake_call("load")
    assert "Press Refresh on an SVFR node" in capsys.readouterr().err
    indie.fake_press(node, "refresh")
    indie.run_until(lambda: json.loads(node["svfr_job"].value())["state"] == "done")


def test_a_picture_that_nuke_wrote_smaller_is_never_sent(
    indie: FakeNuke, tmp_path: Path, local_server: Path
) -> None:
    indie.fake_graph.largest_written = (60, 44)
    read = read_node(indie, nuke_plates.write_plate(tmp_path / "plates"))
    node = make(indie, indie.fake_node("Grade", read))
    indie.fake_press(node, "restore")
    assert "Nuke wrote 60 x 44 pixels of a picture of 64 x 48" in indie.fake_said.pop()
    assert node["svfr_job"].value() == "" and not list(tmp_path.rglob("plate.*.exr"))
    node.setInput(0, read)  # its files go as they are, whatever Nuke may write
    restore(indie, node)
    assert node["status"].value() == "Done: 3 frames"
