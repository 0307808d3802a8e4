"""What an editor does while jobs run: undo, save, reload, quit, redo, cut, cancel, work inside metas."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
from blender_host import SVFR, Blender, in_every_version
from plates import attribute, read_image, write_exrs, write_movie

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


@in_every_version
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
    assert later["folder"].startswith("//plate")  # as its source's, so that the project can be moved
    assert all("_v001" in file for file in said["result_files"])
    assert all("_v002" in file for file in later["result_files"])
    assert (read_image(later["result_files"][0]) != read_image(said["result_files"][0])).any()


def test_a_project_that_was_moved_finds_its_results_plate_and_mask_again(
    blender: Blender, tmp_path: Path
) -> None:
    before, after = tmp_path / "show", tmp_path / "moved" / "sh010"
    files = [str(file) for file in write_exrs(before / "plate", range(1001, 1004))]
    movie = str(write_movie(before / "plate" / "film.mov", 3))
    project = Path("edit", "shot.blend")  # its plates lie beside its folder: "//../plate"
    (before / "edit").mkdir()
    case = {"files": files, "movie": movie, "blend": str(before / project), "phase": "first"}
    named = blender.run("moved_project", tmp_path, case)
    assert named[0].startswith("//results") and named[1].startswith(str(tmp_path / "elsewhere"))
    after.parent.mkdir()
    before.rename(after)
    said = blender.run("moved_project", tmp_path, {**case, "blend": str(after / project), "phase": "second"})
    for key in ("plate", "shown", "redone", "again", "film", "film_again"):
        assert len(said[key]) == 3
        for file in said[key]:
            assert Path(file).is_file() and Path(file).resolve().is_relative_to(after), (key, file)
    assert all(Path(file).is_file() for file in said["elsewhere"])
    assert all("_v001" in file for file in said["shown"]) and all("_v002" in file for file in said["redone"])
    assert "was restored before it was moved" in said["some_frames"]
    assert said["mask"] == "roto"
    assert Path(said["page"]).resolve() == after / "plate" / "plate.%04d.exr"
    page = said["film_page"]
    assert Path(page["plate"]).resolve() == after / "plate" / "film.mov"
    assert "layers" in page["result"] and Path(page["result"]).resolve().is_relative_to(after)


def test_some_frames_are_redone_with_another_seed_and_the_others_stay(
    blender: Blender, tmp_path: Path
) -> None:
    files = [str(file) for file in write_exrs(tmp_path / "plate", range(1001, 1005))]
    said = blender.run("redo_frames", tmp_path, {"files": files})
    first, frame, span = said["first"], said["frame"], said["range"]
    assert [old == new for old, new in zip(first, frame, strict=True)] == [True, True, False, True]
    assert [old == new for old, new in zip(frame, span, strict=True)] == [False, False, True, True]
    for old, new in zip(first[:3], span[:3], strict=True):
        assert Path(old).name == Path(new).name and "_redo_" in new
        assert [attribute(file, "svfr/seed") for file in (old, new)] == ["77", "5"]
    assert said["titles"] == ["plate 101-104", "plate, frames 1003", "plate, frames 1001-1002"]
    assert said["bases"] == ["", said["bases"][3], said["bases"][3], said["bases"][3]]
    assert said["muted"]
    for words, text in zip(
        ("no preview range", "none of the frames 500 to 510", "other files than those"),
        said["refused"],
        strict=True,
    ):
        assert words in text
    assert said["sent"] == 3


@in_every_version
def test_redo_cutting_and_cancelling(blender: Blender, tmp_path: Path, files: list[str]) -> None:
    said = blender.run("redo_cut_cancel", tmp_path, {"files": files})
    assert said["animated_offset"] == 30
    assert not said["muted"]
    assert said["compared"] == [[False, True], [True, False], [False, True]]
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
    # the panel greys out what the server says that the model cannot do, so it is not asked for either
    assert said["detail"] == ["done", ""]


def test_every_part_of_a_source_keeps_its_own_frames(
    blender: Blender, tmp_path: Path, files: list[str]
) -> None:
    said = blender.run("parts_of_a_source", tmp_path, {"files": files})
    numbers = [str(number) for number in range(1001, 1013)]
    assert said["cut"] == said["cut_again"] == [[1, 7, numbers[:6]], [7, 13, numbers[6:]]]
    assert said["sources"] == 2
    assert said["all"] == ["FINISHED"]
    assert (said["not_stacked"], said["inserted_again"]) == (2, 2)
    assert said["trimmed"] == [[5, 10, numbers[4:9]]]
    assert said["spanning"] == [[1, 13, numbers]]
    assert len({Path(file).resolve().parent for file in said["spanning_files"]}) == 2
    assert said["copied"] == [[1, 13, numbers], [101, 113, numbers]]
    assert said["copied_from"] == 2


@pytest.mark.parametrize(
    ("above", "channels"),
    [
        ("adjustment", [4, 2]),
        ("blur", [4, 2]),
        ("multicam", [3, 2]),
        ("picture in picture", [4, 2]),
        ("muted channel", [2, 4]),
    ],
)
def test_a_result_takes_its_sources_place_in_the_stack(
    blender: Blender, tmp_path: Path, files: list[str], above: str, channels: list[int]
) -> None:
    said = blender.run("stack", tmp_path, {"files": files, "above": above})
    assert said["channels"] == channels
    assert said["muted"] == [True, False]
    assert said["driven"]
    assert said["sizes"] == [[160, 120]]  # one that is not set may hide the result under any picture
    before, after = map(read_image, said["renders"])
    assert before.std() > 0.05
    np.testing.assert_array_equal(before, after)


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
    assert "go online" in said["offline"]
    assert "elsewhere.json" in said["remote"]
    assert said["over_file"] == "done"
