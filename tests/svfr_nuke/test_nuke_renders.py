"""A render of a script whose job is not done waits, goes on as it is, or stops; with a window and without."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nuke_plates
import numpy as np
import pytest
from strict_nuke import FakeNuke, ProgressTask
from test_nuke_end_to_end import read_node, restore, svfr_node


@pytest.fixture(autouse=True)
def no_task_is_cancelled() -> Iterator[None]:
    yield
    ProgressTask._cancels_after = None
    ProgressTask._said.clear()


@pytest.fixture(params=[True, False], ids=["window", "terminal"])
def nuke(request: pytest.FixtureRequest, make_nuke: Callable[..., FakeNuke], tmp_path: Path) -> FakeNuke:
    nuke = make_nuke(script=tmp_path / "shot.nk", gui=request.param)
    import svfr_nuke.startup

    svfr_nuke.startup.on_init()
    return nuke


@pytest.fixture
def node(nuke: FakeNuke, tmp_path: Path, local_server: Path) -> Any:
    """A node whose script was saved while its job ran; it is done by now, but this Nuke has not heard."""
    node = svfr_node(read_node(nuke, nuke_plates.write_plate(tmp_path / "plates")), model="probe")
    if nuke.GUI:
        restore(nuke, node)
    else:
        import svfr_nuke.buttons

        svfr_nuke.buttons.restore(node)
    record = json.loads(node["svfr_job"].value())
    node["svfr_job"].setValue(json.dumps({**record, "state": "running"}))
    node["has_result"].setValue(False)
    return node


def render(nuke: FakeNuke, source: Any, tmp_path: Path) -> np.ndarray[Any, Any]:
    """Render one frame with a Write of the artist's; return its red."""
    write = nuke.fake_node("Write", source, file=(tmp_path / "out.%04d.exr").as_posix(), file_type="exr")
    write["raw"].setValue(True)
    nuke.execute(write, 1002, 1002, 1)
    return nuke_plates.rgb_of(tmp_path / "out.1002.exr")[..., 0]


def plate_red(tmp_path: Path) -> np.ndarray[Any, Any]:
    return nuke_plates.rgb_of(tmp_path / "plates" / "shot.1002.exr")[..., 0]


def test_a_render_waits_for_the_result(nuke: FakeNuke, node: Any, tmp_path: Path) -> None:
    dot = nuke.fake_node("Dot", nuke.fake_node("Grade", node))
    dot.input(0)["white"].setValue(1.0)
    red = render(nuke, dot, tmp_path)
    assert np.abs(red - plate_red(tmp_path)).max() > 0.1
    assert node["has_result"].value() is True and json.loads(node["svfr_job"].value())["state"] == "done"


def test_a_render_goes_on_as_it_is_where_the_artist_says_so(
    nuke: FakeNuke, node: Any, tmp_path: Path
) -> None:
    node["not_ready"].setValue("render as it is")
    assert np.abs(render(nuke, node, tmp_path) - plate_red(tmp_path)).max() < 1e-3


def test_a_render_stops_where_the_artist_says_so(nuke: FakeNuke, node: Any, tmp_path: Path) -> None:
    node["not_ready"].setValue("stop")
    with pytest.raises(RuntimeError, match="The job of SVFR1 is not done"):
        render(nuke, node, tmp_path)


def test_a_render_of_something_else_waits_for_nothing(nuke: FakeNuke, node: Any, tmp_path: Path) -> None:
    node["not_ready"].setValue("stop")
    render(nuke, nuke.fake_node("Grade", node.input(0)), tmp_path)


def test_a_node_inside_a_group_is_found(nuke: FakeNuke, node: Any, tmp_path: Path) -> None:
    group = nuke.fake_node("Group").begin()
    inner = svfr_node(None, svfr_job=node["svfr_job"].value(), not_ready="stop")
    nuke.fake_node("Output", inner)
    group.end()
    with pytest.raises(RuntimeError, match=r"The job of Group1\.SVFR1 is not done"):
        render(nuke, group, tmp_path)


def test_a_render_where_the_server_is_not_stops_with_words(
    nuke: FakeNuke, node: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SVFR_HOME", str(tmp_path / "nobody"))
    with pytest.raises(RuntimeError, match="SVFR1 has no result: No service is running"):
        render(nuke, node, tmp_path)
    assert json.loads(node["svfr_job"].value())["state"] == "running"  # it may be done for the next one


def test_waiting_can_be_cancelled_in_a_window(
    make_nuke: Callable[..., FakeNuke], tmp_path: Path, local_server: Path
) -> None:
    nuke = make_nuke(script=tmp_path / "shot.nk")
    import svfr_nuke.startup

    svfr_nuke.startup.on_init()
    node = svfr_node(read_node(nuke, nuke_plates.write_plate(tmp_path / "plates")), model="mini")
    nuke.fake_press(node, "restore")
    ProgressTask._cancels_after = 0
    with pytest.raises(RuntimeError, match="The render no longer waits for SVFR1"):
        render(nuke, node, tmp_path)
    nuke.fake_press(node, "cancel")
    nuke.run_until(lambda: json.loads(node["svfr_job"].value())["state"] != "running")
    assert ProgressTask._said
