"""What an editor does while jobs run: undo, save, reload, quit, redo, cut, cancel, work inside metas."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
from blender_host import SVFR, Blender
from plates import read_image, write_exrs

from svfr_client.client import Client
from svfr_client.errors import SvfrError

pytestmark = pytest.mark.hosts


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    return [str(file) for file in write_exrs(tmp_path / "plate", range(1001, 1013))]


def test_a_strip_inside_a_meta_gets_its_result_inside_the_meta(
    blender: Blender, tmp_path: Path, files: list[str]
) -> None:
    said = blender.run("in_meta", tmp_path, {"files": files})
    assert said["before"] == said["after"]
    assert said["parent"] == "meta"
    assert said["result"]["channel"] == said["source"]["channel"] + 1
    for key in ("start", "end", "offsets"):
        assert said["result"][key] == said["source"][key]
    for before, after in zip(said["source_files"], said["result_files"], strict=True):
        np.testing.assert_array_equal(read_image(before), read_image(after))


def test_results_are_found_again_after_undo_reload_and_restart(
    blender: Blender, tmp_path: Path, files: list[str]
) -> None:
    said = blender.run("undo_and_reload", tmp_path, {"files": files, "phase": "first"})
    both = ["plate", "plate SVFR"]
    assert said["tagged"] and not said["tagged_after_undo"]
    assert said["after_job"] == both
    assert said["after_undo"] == ["plate"]
    assert said["inserted_again"] == both
    assert said["records_of_another_file"] == 0
    assert said["records_after_reload"] == [["done", True]]
    assert said["after_reload"] == both
    later = blender.run("undo_and_reload", tmp_path, {"files": files, "phase": "second"})
    assert later["states"][0] == "done" and later["states"][1] in ("queued", "running", "done")
    assert all("_v001" in file for file in said["result_files"])
    assert all("_v002" in file for file in later["result_files"])
    assert (read_image(later["result_files"][0]) != read_image(said["result_files"][0])).any()


def test_redo_cutting_and_cancelling(blender: Blender, tmp_path: Path, files: list[str]) -> None:
    said = blender.run("redo_cut_cancel", tmp_path, {"files": files})
    assert said["animated_offset"] == 30
    assert not said["muted"]
    assert len(said["first"]) == 12 and len(said["redone"]) == 9
    for file in said["redone"]:
        before = Path(files[0]).with_name(Path(file).name)
        assert (read_image(file) != read_image(before)).any()
    assert said["kept"] == [9, "ADD", 104]
    numbers = [f"{n}.exr" for n in range(1001, 1013)]
    assert said["cut"] == [[301, 306, numbers[:5]], [406, 413, numbers[5:]]]
    assert said["cleared"] == 0
    assert said["cancelled"] == ["done", "done", "cancelled"]
    assert said["inserted"] == 2


def test_restore_starts_a_server_when_none_runs(
    lone_blender: Blender, tmp_path: Path, files: list[str]
) -> None:
    try:
        said = lone_blender.run("starts_server", tmp_path, {"files": files, "svfr": str(SVFR)})
    finally:
        with (
            contextlib.suppress(SvfrError),
            Client(folder=Path(lone_blender.environment["SVFR_HOME"])) as client,
        ):
            client.shutdown()
    assert said["alone"][0] is False
    assert "No service is running here" in said["not_allowed"]
    assert "nothing-here" in said["wrong_program"]
    assert said["states"] == ["failed", "done"]
    assert len(said["result_files"]) == 12
    assert said["up"][0] is True and "running" in said["up"][1]
    assert "elsewhere.json" in said["remote"]
    assert said["over_file"] == "done"
