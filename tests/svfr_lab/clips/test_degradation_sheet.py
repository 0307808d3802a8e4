import json
from fractions import Fraction

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from svfr_cli.exit_codes import ExitCode
from svfr_cli.main import app
from svfr_lab.clips.degradation_sheet import SheetRequest, describe, read_clip, write_degradation_sheet
from svfr_lab.degradation.chain import ClipDegradation
from svfr_lab.degradation.registry import RECIPES, RICH
from svfr_lab.errors import ArgumentOutOfRange
from svfr_restore.media.movie_writer import MovieWriter

SIDE_PX, FRAMES = 32, 4


@pytest.fixture(scope="module")
def pictures():
    """Four frames of colour, wider than high, with a moving bar."""
    y, x = np.mgrid[0:40, 0:64] / 64
    frames = [np.stack([x, y, 0.6 * (np.abs(x - 0.2 - 0.1 * f) < 0.1)], axis=-1) for f in range(FRAMES)]
    return np.stack(frames).astype(np.float32)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rendered")
    clips = np.random.default_rng(0).integers(0, 256, (2, FRAMES, SIDE_PX, SIDE_PX, 3), np.uint8)
    np.save(folder / "clips.npy", clips)
    np.save(folder / "landmarks.npy", np.zeros((2, FRAMES, 5, 2), np.float32))
    settings = {"clips": 2, "first_seed": 1, "size_px": SIDE_PX, "frames": FRAMES}
    (folder / "dataset.json").write_text(json.dumps({"settings": settings, "clips_sha256": ""}))
    (folder / "done").write_text("2\n")
    return folder


@pytest.fixture(scope="module")
def movie(tmp_path_factory, pictures):
    path = tmp_path_factory.mktemp("movie") / "clip.mp4"
    with MovieWriter(path, Fraction(24)) as writer:
        for picture in pictures:
            writer.write(picture)
    return path


def run(*words):
    return CliRunner().invoke(app, ["damage", "sheet", *map(str, words)])


@pytest.mark.parametrize("name", list(RECIPES))
def test_a_sheet_has_a_row_for_every_set_of_tasks(rendered, tmp_path, name):
    out = tmp_path / "sheet.png"
    write_degradation_sheet(out, SheetRequest(data=str(rendered), recipe=name, seed=3))
    sheet = cv2.imread(str(out))
    row_px = sheet.shape[0] / 8
    assert row_px == int(row_px) and sheet.shape[1] > 5 * 300
    first = sheet[: int(row_px)]
    assert any(not np.array_equal(first, sheet[int(n * row_px) : int((n + 1) * row_px)]) for n in range(1, 8))


def test_the_seed_decides_the_sheet(rendered, tmp_path):
    def png(seed):
        write_degradation_sheet(
            tmp_path / "s.png", SheetRequest(data=str(rendered), recipe="rich", seed=seed)
        )
        return (tmp_path / "s.png").read_bytes()

    assert png(1) == png(1) != png(2)


def test_a_movie_gives_the_middle_square_of_its_first_frames(movie, pictures):
    clip = read_clip(SheetRequest(data=str(movie), recipe="rich", seed=0, frames=3, size_px=40))
    assert clip.shape == (3, 40, 40, 3) and clip.dtype == np.float32
    assert np.abs(clip - pictures[:3, :, 12:52]).mean() < 0.08
    assert read_clip(SheetRequest(data=str(movie), recipe="rich", seed=0, size_px=96)).shape == (
        FRAMES,
        96,
        96,
        3,
    )


def test_a_still_stands_for_all_frames(tmp_path):
    cv2.imwrite(str(tmp_path / "still.png"), np.full((50, 30, 3), 128, np.uint8))
    clip = read_clip(SheetRequest(data=str(tmp_path / "still.png"), recipe="rich", seed=0, frames=5))
    assert clip.shape == (5, 96, 96, 3) and np.allclose(clip, 128 / 255, atol=0.01)


def test_the_words_of_a_row_are_about_its_tasks():
    drawn = RICH.draw(np.random.default_rng(0))
    assert describe(drawn, ()) == []
    assert len(describe(drawn, ("colorize",))) == 1
    assert len(describe(drawn, ("inpaint",))) == len(drawn.holes.occluders)
    assert any(word.startswith("enlarged") for word in describe(drawn, ("bfr",)))


def test_the_command_says_what_was_drawn(rendered, tmp_path):
    done = run("--data", rendered, "--set", "film", "--seed", 5, "--out", tmp_path / "s.png", "--json")
    assert done.exit_code == ExitCode.OK
    body = json.loads(done.stdout)
    assert body["path"] == str(tmp_path / "s.png") and (tmp_path / "s.png").is_file()
    drawn = ClipDegradation.from_text(json.dumps(body["drawn"]))
    assert drawn == RECIPES["film"].draw(np.random.default_rng(5))


def test_the_command_takes_a_movie(movie, tmp_path):
    done = run("--data", movie, "--out", tmp_path / "s.png")
    assert done.exit_code == ExitCode.OK and "s.png" in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "exit_code"),
    [
        (("--set", "gentle"), "LAB_ARGUMENT_OUT_OF_RANGE", ExitCode.FAILED),
        (("--clip", "2"), "LAB_ARGUMENT_OUT_OF_RANGE", ExitCode.FAILED),
        (("--data", "nowhere.mp4"), "PLATE_NOT_FOUND", ExitCode.BAD_INPUT),
        (("--data", "."), "PLATE_FORMAT_NOT_SUPPORTED", ExitCode.BAD_INPUT),
    ],
)
def test_what_is_wrong_has_a_code(rendered, tmp_path, words, code, exit_code):
    done = run("--data", rendered, "--out", tmp_path / "s.png", "--json", *words)
    assert done.exit_code == exit_code
    assert json.loads(done.stdout.splitlines()[-1])["code"] == code
    assert not (tmp_path / "s.png").exists()


@pytest.mark.parametrize("words", [("--frames", "0"), ("--size", "4"), ("--seed", "-1")])
def test_numbers_out_of_range_are_usage_errors(rendered, words):
    assert run("--data", rendered, *words).exit_code == ExitCode.USAGE


def test_a_request_made_in_python_is_checked_too(rendered, tmp_path):
    with pytest.raises(ArgumentOutOfRange, match="0 frames"):
        write_degradation_sheet(
            tmp_path / "s.png", SheetRequest(data=str(rendered), recipe="rich", seed=0, frames=0)
        )
