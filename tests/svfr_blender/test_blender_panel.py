"""What the extension says: the panel's drawing, and refusals in words."""

from pathlib import Path

import numpy as np
import pytest
from blender_host import SVFR, Blender, in_every_version
from plates import picture, read_image, write_exrs, write_image, write_movie

pytestmark = pytest.mark.hosts

REFUSALS = {
    "colour strip": "is a color strip",
    "strobed": "is strobed",
    "multi-view": "is multi-view",
    "data": "marked as Non-Color",
    "speed effect": "has a speed effect",
    "deinterlaced": "is deinterlaced",
    "lost movie": "cannot be opened",
    "no sequence": "are no numbered sequence",
    "no task": "The job has no task",
    "inpaint without mask": "inpaint needs a mask",
    "no mask chosen": "No mask is chosen",
    "empty mask": "has no closed outline",
    "no such mask strip": 'no mask strip "nowhere"',
    "no mask modifier": "No modifier of the strip",
    "reference outside": "Frame 999 is outside the strip (1 to 12)",
    "no photo": "No reference photo is chosen",
    "face numbers": '"one" is no list of face numbers',
    "context": "Write them like SHOT=sh010",
    "redo": "was not restored yet",
}


def test_what_cannot_be_restored_is_refused_in_words(lone_blender: Blender, tmp_path: Path) -> None:
    files = [str(file) for file in write_exrs(tmp_path / "plate", range(1001, 1013))]
    odd = [str(file) for file in write_exrs(tmp_path / "plate", range(7, 9), name="other")]
    movie = write_movie(tmp_path / "rush.mp4", 20)
    said = lone_blender.run("refuses", tmp_path, {"files": files, "odd_files": odd, "movie": str(movie)})
    for name, words in REFUSALS.items():
        assert words in said[name], name
    assert said["sent"] == 0
    assert said["tags"] == []


def test_a_movie_that_blender_stretches_to_the_scenes_rate_is_refused(
    lone_blender: Blender, tmp_path: Path, oldest_blender: Blender
) -> None:
    """The file is made in 4.2, because adding a movie with its own rate crashes the 5.0 module."""
    case = {"movie": str(write_movie(tmp_path / "rush.mp4", 50, fps=25)), "phase": "make"}
    oldest_blender.run("stretched_movie", tmp_path, case)
    said = lone_blender.run("stretched_movie", tmp_path, {**case, "phase": "ask"})
    assert "plays a 25 fps movie at the scene's rate" in said["30"]
    assert said["25"] == "sent" and said["plain"] == "sent"


@in_every_version
def test_the_panel_draws_every_choice_and_every_state(lone_blender: Blender, tmp_path: Path) -> None:
    files = [str(file) for file in write_exrs(tmp_path / "plate", range(1, 4))]
    said = lone_blender.run("draws_panel", tmp_path, {"files": files})
    for wanted in ("Tasks", "Mask", "Faces", "Reference", "Preset", "Seed", "Output", "Restore", "Redo"):
        assert wanted in said["empty"]
    assert {"Start", "Test Connection"} <= set(said["empty"])
    drawn = {text for choice in said["choices"] for text in choice}
    assert {"Preset's Detail", "Detail", "Exposure", "OCIO Context"} <= drawn
    assert {"Numbers", "Box", "Current Frame", "Photo", "mask_strip"} <= drawn
    assert "Layers: none" in said["empty"] and {"Layers: invention, spread", "Seeds"} <= drawn
    assert "Before / After" in said["empty"] and "3 of 6 jobs have ended" in said["queue"]
    models = said["models"]
    mini, plain = " ".join(models["drawn"]["mini"]), " ".join(models["drawn"]["plain"])
    assert "A preview model: for a look." in mini
    assert "Preset's Detail (0.6) Detail greyed out: Seed" in mini
    assert "greyed out: Preset's Detail Detail Seed" in plain
    broken, other = (" ".join(models["drawn"][name]) for name in ("broken", "other"))
    assert "cannot be used: model.json: missing key kind" in broken and "greyed out:" not in broken
    assert "The server has no model other." in other and "greyed out:" not in other
    assert models["drawn"]["/models/mine"] == ["Model", "Preset", "Preset's Detail", "Detail", "Seed"]
    assert models["notes"] == ["The model cannot do inpaint.", "The model has no preset final."]
    assert models["listed"] == [
        ["mini", "192 px, preview"],
        ["broken", "cannot be used"],
        ["plain", "192 px"],
    ]
    assert models["no_server"] == []
    assert {"running 50%", "Cancel All", "Clear Finished", "failed job"} <= set(said["queue"])


def test_the_panel_names_file_and_frame_of_a_job_that_failed(blender: Blender, tmp_path: Path) -> None:
    files = write_exrs(tmp_path / "plate", range(1001, 1005))
    files[2].write_bytes(files[2].read_bytes()[:-400])
    said = blender.run("job_fails", tmp_path, {"files": [str(file) for file in files]})
    assert "rame 1003" in said and "plate.1003.exr" in said.replace(" ", "")


@in_every_version
def test_the_fields_of_the_panel_become_a_job_and_disabling_leaves_nothing_behind(
    lone_blender: Blender, tmp_path: Path
) -> None:
    files = [str(file) for file in write_exrs(tmp_path / "plate", range(1001, 1013))]
    said = lone_blender.run("gathers", tmp_path, {"files": files})
    plain = said["plain"]
    assert plain["plate"] == str(tmp_path / "plate" / "plate.%04d.exr")  # the files, not their proxies
    assert plain["frames"] == "1003-1012"
    assert plain["tasks"] == ["bfr"] and plain["model"] == "mini" and plain["seed"] == 77
    assert plain["output"] == str(tmp_path / "plate/plate_svfr/plate_1003-1012_v001/plate.%04d.exr")
    assert plain["colour"]["space"] == "Linear Rec.709"
    assert plain["colour"]["config"].endswith("config.ocio")
    assert said["every_task"]["tasks"] == ["bfr", "colorize"] and said["every_task"]["frames"] == "1002-1012"
    assert said["every_task"]["preset"] == "final" and said["every_task"]["seed"] == 5
    assert said["numbers"]["faces"] == {"mode": "index", "indices": [0, 2], "boxes": []}
    assert said["box"]["faces"]["boxes"] == [{"x": 10.0, "y": 20.0, "width": 64.0, "height": 48.0}]
    assert said["frame"]["references"] == [{"track": None, "frame": 1005, "photo": None}]
    assert said["photo"]["references"] == [{"track": None, "frame": None, "photo": files[0]}]
    assert said["exposure"]["colour"]["exposure_stops"] == -1.5
    assert "context" not in plain["colour"] and "detail" not in plain
    assert said["detail"]["detail"] == 0.3
    assert said["context"]["colour"]["context"] == {"SHOT": "sh010", "CAMERA": "a"}
    assert said["output"]["output"].startswith(str(tmp_path / "results" / "plate_1002-1012_v001"))
    for name, frame_at_102 in (("mask", 102), ("mask_strip", 4 + 2)):
        drawn = {row["frame"]: row["layers"][0]["splines"][0]["points"][0][2] for row in said[name]["frames"]}
        # Keys at 0 and 20, a hundredth of 160 pixels a frame; the shape stays as it is after the last key.
        assert drawn[1002] == pytest.approx(160 * (0.4 + min(frame_at_102, 20) / 100), abs=0.01)
    assert said["frame_current"] == 77 and said["scenes"] == ["Scene"]
    assert said["threads"] == [["SVFR server link"], []]
    assert not said["timers"] and said["left"] == [False, False, False] and said["handlers"] == 0
    assert said["again"]


def test_a_grade_on_the_source_shows_on_the_result(blender: Blender, tmp_path: Path) -> None:
    files = []
    for number in range(1001, 1005):
        pixels = np.clip(picture(number), 0.0, 1.0)
        files.append(str(write_image(tmp_path / "plate" / f"plate.{number}.exr", pixels, "half")))
    said = blender.run("copies_modifiers", tmp_path, {"files": files})
    source, result = said["modifiers"]
    assert len(source) == 6 and source == result
    before, after = (read_image(path) for path in said["renders"])
    np.testing.assert_array_equal(before, after)
    assert np.abs(before - read_image(said["plain"])).mean() > 0.02


def test_the_page_of_a_result_is_made_beside_it_and_opened(blender: Blender, tmp_path: Path) -> None:
    files = [str(file) for file in write_exrs(tmp_path / "plate", range(1001, 1004))]
    said = blender.run("shows_page", tmp_path, {"files": files, "svfr": str(SVFR)})
    assert "was not restored yet" in said["too_early"]
    assert said["text"] == "Making the page of the result" and said["after"] == ""
    page = tmp_path / "plate" / "plate_svfr" / "plate_1001-1003_v001" / "plate.html"
    assert said["pages"] == [str(page)] * 2
    text = page.read_text(encoding="utf-8")
    assert "<html" in text and "plate.%04d.exr" in text and files[0].rsplit("/", 1)[0] in text
    assert "is not there" in said["no_program"]
