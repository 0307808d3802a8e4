"""The installed zip, in real Blender, against a real server: what comes back lies exactly over its source."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from blender_host import SVFR, Blender, in_every_version
from plates import (
    count_parts,
    picture,
    read_image,
    srgb_codes,
    write_exrs,
    write_image,
    write_movie,
    write_transparent_png,
    write_two_parts,
)

pytestmark = pytest.mark.hosts


def sequence_case(files: list[Path], **more: Any) -> dict[str, Any]:
    plain = {"reverse": False, "space": "Linear Rec.709", "model": "identity", "tasks": ["bfr"], "mask": None}
    return {**plain, "files": [str(file) for file in files], **more}


@in_every_version
@pytest.mark.parametrize("reverse", [False, True])
def test_an_exr_strip_comes_back_bit_for_bit_over_its_source(
    blender: Blender, tmp_path: Path, reverse: bool
) -> None:
    files = write_exrs(tmp_path / "plate", range(1001, 1013))
    case = sequence_case(files, reverse=reverse, space="ACEScg")
    said = blender.run("restore_sequence", tmp_path, case)
    source, result = said["source"], said["result"]
    # the result takes the place of its source, which moves up, muted, over what lies above it
    assert result.pop("channel") == 2 and source.pop("channel") == 4
    assert source.pop("mute") and not result.pop("mute")
    assert result.pop("name") == "plate SVFR" and source.pop("name") == "plate"
    assert result == source
    assert len(said["result_files"]) == 7
    for before, after in zip(said["source_files"], said["result_files"], strict=True):
        assert before != after
        assert read_image(before).tobytes() == read_image(after).tobytes()
    for before, after in said["renders"]:
        assert read_image(before).std() > 0.05
        np.testing.assert_array_equal(read_image(before), read_image(after))


@in_every_version
@pytest.mark.parametrize("reverse", [False, True])
def test_a_moving_mask_decides_what_changes_on_every_frame(
    blender: Blender, tmp_path: Path, reverse: bool
) -> None:
    """The model "probe" paints; the mask moves along the timeline, so a reversed strip meets it backwards."""
    files = write_exrs(tmp_path / "plate", range(1001, 1013))
    corners = [(0.46, 0.47), (0.54, 0.47), (0.54, 0.53), (0.46, 0.53)]
    keys = {at: [(x + shift, y) for x, y in corners] for at, shift in ((104, -0.06), (110, 0.06))}
    case = sequence_case(files, reverse=reverse, mask=keys, model="probe", tasks=["bfr", "inpaint"])
    said = blender.run("restore_sequence", tmp_path, case)
    for at, (before, after) in enumerate(zip(said["source_files"], said["result_files"], strict=True), 104):
        changed = (read_image(before) != read_image(after)).any(axis=-1)
        centre_x = 80 + 160 * (-0.06 + 0.02 * (at - 104))
        rows, columns = np.nonzero(changed)
        np.testing.assert_allclose([columns.mean() + 0.5, rows.mean() + 0.5], [centre_x, 60.0], atol=0.3)
        assert 0.9 < changed.sum() / (160 * 0.08 * 160 * 0.06) < 1.25


def test_the_preview_model_restores_under_the_mask_and_nowhere_else(blender: Blender, tmp_path: Path) -> None:
    files = write_exrs(tmp_path / "plate", range(1001, 1013))
    corners = [(0.4, 0.4), (0.6, 0.4), (0.6, 0.6), (0.4, 0.6)]
    case = sequence_case(files, mask={101: corners}, model="mini", tasks=["bfr", "colorize"])
    said = blender.run("restore_sequence", tmp_path, case)
    assert len(said["result_files"]) == 7
    for before, after in zip(said["source_files"], said["result_files"], strict=True):
        plate, restored = read_image(before), read_image(after)
        inside = np.zeros(plate.shape[:2], bool)
        inside[44:76, 64:96] = True
        np.testing.assert_array_equal(plate[~inside], restored[~inside])
        assert np.isfinite(restored).all()
        assert np.abs(plate[inside] - restored[inside]).mean() > 0.01


def test_a_png_strip_comes_back_as_the_same_picture(blender: Blender, tmp_path: Path) -> None:
    files = []
    for number in range(1, 13):
        pixels = np.clip(picture(number), 0.0, 1.0)
        files.append(write_image(tmp_path / "plate" / f"still{number:03d}.png", pixels, "uint8"))
    said = blender.run("restore_sequence", tmp_path, sequence_case(files, space="sRGB"))
    assert said["result"]["space"] == "sRGB"
    for before, after in zip(said["source_files"], said["result_files"], strict=True):
        np.testing.assert_allclose(read_image(before), read_image(after), atol=2**-11)
    for before, after in said["renders"]:
        assert read_image(before).std() > 0.05
        # The source is held in bytes and rounded after every step (scale, multiply); the result is float.
        assert 255 * np.abs(srgb_codes(read_image(before)) - srgb_codes(read_image(after))).max() < 2.0


def test_a_png_with_straight_alpha_comes_back_as_the_same_picture(blender: Blender, tmp_path: Path) -> None:
    files = [write_transparent_png(tmp_path / "plate" / f"still{n:03d}.png", n) for n in range(1, 13)]
    said = blender.run("restore_sequence", tmp_path, sequence_case(files, space="sRGB"))
    for before, after in said["renders"]:
        assert read_image(before).std() > 0.05
        errors = 255 * np.abs(srgb_codes(read_image(before)) - srgb_codes(read_image(after)))
        # Scaled bytes of straight alpha are coarse where there is little of it.
        assert errors.mean() < 0.5 and np.percentile(errors, 99.0) < 2.5 and errors.max() < 8.0


def test_a_movie_that_dropped_frames_shows_the_one_before_as_blender_does(
    blender: Blender, tmp_path: Path
) -> None:
    movie = write_movie(tmp_path / "rush.mp4", 20, dropped=(5, 6, 7, 12))
    case = {"movie": str(movie), "scene_fps": 24, "reverse": False, "hard_trim": 0, "handles": 0}
    said = blender.run("restore_movie", tmp_path, case)
    there = [3, 4, 8, 9, 10, 11, 13, 14, 15, 16, 17]
    assert said["written"] == there
    shown = [max(frame for frame in there if frame <= at) for at in range(3, 18)]
    assert said["names"] == [f"rush.{frame:04d}.exr" for frame in shown]
    assert "Frames that the movie lacks" in said["records"][0]["message"]
    for before, after in said["renders"]:
        errors = 255 * np.abs(srgb_codes(read_image(before)) - srgb_codes(read_image(after)))
        assert np.mean(errors) < 1.5 and np.percentile(errors, 99.0) < 4.0


@in_every_version
@pytest.mark.parametrize(
    ("reverse", "hard_trim", "handles"), [(False, 0, 0), (True, 3, 1)], ids=["plain", "reversed"]
)
def test_a_movie_strip_comes_back_with_its_trims(
    blender: Blender, tmp_path: Path, reverse: bool, hard_trim: int, handles: int
) -> None:
    movie = write_movie(tmp_path / "rush.mp4", 20)
    case = {
        "movie": str(movie),
        "scene_fps": 24,
        "reverse": reverse,
        "hard_trim": hard_trim,
        "handles": handles,
    }
    said = blender.run("restore_movie", tmp_path, case)
    source, result = said["source"], said["result"]
    for key in ("start", "end", "offsets", "reverse", "space", "transform", "crop"):
        assert result[key] == source[key], key
    length = 20 - hard_trim
    order = [hard_trim + 1 + i for i in range(length)]
    shown = (order[::-1] if reverse else order)[2:-3]
    assert said["names"] == [f"rush.{frame:04d}.exr" for frame in shown]
    edges = (order[::-1] if reverse else order)[2 - handles : length - 3 + handles]
    assert said["written"] == sorted(edges)
    errors = [
        255 * np.abs(srgb_codes(read_image(before)) - srgb_codes(read_image(after)))
        for before, after in said["renders"]
    ]
    mean, most = np.mean(errors), np.percentile(errors, 99.0)
    print(
        f"Blender {blender.version}  movie and result differ by {mean:.2f}/255, 99 % by less than {most:.2f}"
    )
    # Blender decodes to bytes and interpolates colour its own way; frame by frame they are some 60 apart.
    assert mean < 1.5 and most < 4.0


def test_a_result_gets_proxies_where_they_are_asked_for_or_its_source_has_them(
    blender: Blender, tmp_path: Path
) -> None:
    files = [str(file) for file in write_exrs(tmp_path / "plate", range(1, 4))]
    said = blender.run("builds_proxies", tmp_path, {"files": files})
    names = [f"plate.{number:04d}.exr_proxy.jpg" for number in range(1, 4)]
    assert said["plain"] == [False, [], ""]
    assert said["asked"] == [True, [f"images/50/{name}" for name in names], ""]
    assert said["source"] == [True, [f"images/25/{name}" for name in names], ""]
    for case in ("plain", "asked", "source"):
        assert said[f"{case}_selected"] == [True, False, False]
        before, after = (read_image(path) for path in said[f"{case}_renders"])
        np.testing.assert_array_equal(before, after)


def test_a_result_has_a_movie_beside_its_frames_and_shows_one_or_the_other(
    blender: Blender, tmp_path: Path
) -> None:
    reverse = blender.version in ("4.5.15", "5.3.0")
    files = [str(file) for file in write_exrs(tmp_path / "plate", range(1, 7))]
    said = blender.run("shows_movie", tmp_path, {"files": files, "svfr": str(SVFR), "reverse": reverse})
    assert said["no_program"].startswith("There is no movie: ") and "is not there" in said["no_program"]
    assert "have no movie" in said["no_movie"] and said["busy"]
    assert said["texts"][1].startswith("Movie: plate.mov. The movie is sRGB, clipped at white")
    codes = {
        which: [srgb_codes(np.clip(read_image(path), 0.0, 1.0)) for path in said[which]]
        for which in ("frames", "movie")
    }
    away = np.array([[np.abs(one - other).mean() for other in codes["movie"]] for one in codes["frames"]])
    print(f"Blender {blender.version}  frames and movie differ by {255 * away.diagonal().max():.2f}/255")
    assert (away.argmin(axis=1) == range(4)).all() and away.diagonal().max() < 4 / 255
    assert said["place"] == [1, 103, 107]
    assert said["shown"] == [["MOVIE", 1, 103, 107]]
    assert said["input"] == ["plate SVFR Movie", "plate SVFR Movie", "sRGB"]
    assert said["path"] == str(
        tmp_path / f"plate/plate_svfr/plate_{1 if reverse else 2}-{5 if reverse else 6}_v002/plate.mov"
    )
    assert said["compared"] == [[False, True, True], [True, True, False]]
    assert said["trimmed"] == [["IMAGE", 1, 105, 108]]
    assert [file[-5] for file in said["names"]] == (list("321") if reverse else list("456"))
    assert said["again"] == [["MOVIE", 1, 105, 108]]
    assert said["after_redo"] == [0, False, True]


def test_layers_are_written_beside_a_result_whose_strip_shows_plain_files(
    blender: Blender, tmp_path: Path
) -> None:
    """A strip of files in several parts is black in 4.2 and has the wrong colour space up to 5.0."""
    files = [str(file) for file in write_exrs(tmp_path / "plate", range(1001, 1004))]
    said = blender.run("writes_layers", tmp_path, {"files": files})
    beside = tmp_path / "plate" / "plate_svfr"
    plain, layered, there = said["rounds"][0]
    assert (plain["state"], layered["state"]) == ("done", "done")
    assert layered["layers_of"] == plain["job"] == there["job"]
    folder = beside / "plate_1001-1003_layers_v001"
    assert layered["message"] == f"The layers are in {folder}."
    assert there["shown"] == [str(beside / "plate_1001-1003_v001" / Path(file).name) for file in files]
    assert there["page"] == str(folder / "plate.%04d.exr")
    both = there["shown"][0], folder / "plate.1001.exr"
    assert [count_parts(path) for path in both] == [1, 3]
    np.testing.assert_array_equal(*map(read_image, both))
    # what the model cannot have is refused in words, and the result comes all the same
    plain, layered, there = said["rounds"][1]
    assert (plain["state"], layered["state"]) == ("done", "failed") and "spread" in layered["message"]
    assert there["page"] == str(beside / "plate_1001-1003_v002" / "plate.%04d.exr")
    assert said["strips"][0]["space"] == said["strips"][1]["space"] == "ACEScg"


def test_a_strip_of_files_in_several_parts_is_shown_as_the_page_says(
    lone_blender: Blender, tmp_path: Path
) -> None:
    """Why layers go into files of their own; where this fails, a Blender has learnt it."""
    pixels = np.full((120, 160, 3), (0.5, 0.3, 0.1), np.float32)
    one = write_image(tmp_path / "one.exr", pixels, "half")
    files = [str(one), str(write_two_parts(tmp_path / "two.exr", pixels))]
    plain, layered = map(read_image, lone_blender.run("shows_parts", tmp_path, {"files": files}))
    assert np.abs(plain - pixels).max() > 0.1  # ACEScg is taken for what it is
    if lone_blender.version.startswith("4.2"):
        assert layered[60, 80].max() == 0.0
    elif lone_blender.version < "5.1":
        np.testing.assert_allclose(layered, pixels, atol=1e-3)  # taken for Blender's own linear space
    else:
        np.testing.assert_array_equal(layered, plain)
