import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from svfr_lab.errors import ArgumentOutOfRange, RealFootageIsUnusable
from svfr_lab.metrics.statistics import Estimate
from svfr_lab.preview_eval.face_measures import FaceMeasures
from svfr_lab.preview_eval.film import CASES, Bench, evaluate_footage, main, verdict
from svfr_lab.preview_eval.footage import (
    RealWindow,
    film_footage,
    photo_footage,
    truth_points,
    window_means,
)
from svfr_lab.preview_eval.sheet import write_real_sheet
from svfr_restore.faces.landmarks import FivePointFinder
from svfr_restore.plan.models import ModelCache

CROP_PX, FRAMES = 96, 3


def write_film(folder: Path, pictures: list[np.ndarray]) -> str:
    for number, picture in enumerate(pictures, 1):
        cv2.imwrite(str(folder / f"film.{number:04d}.png"), picture[..., ::-1])
    return str(folder / "film.%04d.png")


@pytest.fixture
def film(tmp_path: Path) -> str:
    """The portrait, so small that its face is as wide as the crop wants it, moving by a pixel a frame."""
    small = cv2.resize(skimage.data.astronaut(), (256, 256), interpolation=cv2.INTER_AREA)
    return write_film(tmp_path, [np.roll(small, step, axis=1) for step in range(2 * FRAMES + 1)])


def test_a_films_windows_follow_each_other_and_show_its_own_pixels(film: str) -> None:
    footage = film_footage(
        film, "srgb_rec709_display", crop_px=CROP_PX, frames=FRAMES, cuts=2, most_windows=9
    )
    assert footage.window_count == 2 and [(w.window, w.cut) for w in footage.windows] == [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
    ]
    assert {w.truth.shape for w in footage.windows} == {(FRAMES, CROP_PX, CROP_PX, 3)}
    # A face of about the crop's size is not resampled: every pixel is one of the film's eight bits.
    codes = footage.windows[1].truth * 255
    np.testing.assert_allclose(codes, np.rint(codes), atol=1e-2)
    assert not np.array_equal(footage.windows[0].truth, footage.windows[1].truth)
    again = film_footage(film, "srgb_rec709_display", crop_px=CROP_PX, frames=FRAMES, cuts=2, most_windows=9)
    np.testing.assert_array_equal(footage.windows[3].truth, again.windows[3].truth)


def test_only_so_many_windows_are_taken_as_are_asked_for(film: str) -> None:
    with pytest.raises(RealFootageIsUnusable, match="1 windows"):
        film_footage(film, "srgb_rec709_display", crop_px=CROP_PX, frames=FRAMES, cuts=1, most_windows=1)


def test_a_film_without_a_face_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    film = write_film(tmp_path, [rng.integers(0, 255, (128, 128, 3), np.uint8) for _ in range(2 * FRAMES)])
    with pytest.raises(RealFootageIsUnusable, match="0 windows") as caught:
        film_footage(film, "srgb_rec709_display", crop_px=CROP_PX, frames=FRAMES, cuts=1, most_windows=9)
    assert "face" in caught.value.remedy


def test_a_photo_becomes_pans_of_one_person_that_says_so() -> None:
    footage = photo_footage(CROP_PX, FRAMES, cuts=2)
    assert footage.window_count == len(footage.windows) == 4 and footage.people == 1
    assert "still photo" in footage.about
    for window in footage.windows:
        assert not np.array_equal(window.truth[0], window.truth[-1])


def test_a_windows_cuts_count_as_one() -> None:
    empty = np.zeros((1, 1, 1, 3), np.float32)
    windows = [RealWindow(0, 0, empty), RealWindow(0, 1, empty), RealWindow(4, 0, empty)]
    assert window_means([1.0, 3.0, 7.0], windows) == [2.0, 7.0]


def test_points_that_are_missing_on_a_frame_lie_between_their_neighbours() -> None:
    footage, finder = photo_footage(CROP_PX, 8, cuts=2), FivePointFinder()
    found = [truth_points(window.truth, finder) for window in footage.windows]
    known = [points for points in found if points is not None]
    assert known and all(points.shape == (8, 5, 2) for points in known)
    assert all(np.abs(np.diff(points, axis=0)).mean() < 2.0 for points in known)


def test_a_window_without_points_has_none() -> None:
    flat = np.full((FRAMES, CROP_PX, CROP_PX, 3), 0.5, np.float32)
    assert truth_points(flat, FivePointFinder()) is None


@pytest.mark.parametrize(
    ("low", "high", "said"), [(0.1, 0.4, "better"), (-0.1, 0.3, "not worse"), (-0.5, -0.1, "worse")]
)
def test_the_verdict_needs_the_whole_interval(low: float, high: float, said: str) -> None:
    assert verdict(Estimate((low + high) / 2, low, high, 9)) == said


def test_no_difference_is_not_worse() -> None:
    assert verdict(Estimate.of_difference([20.0, 21.0], [20.0, 21.0])) == "not worse"


def test_a_model_that_changes_nothing_equals_the_damaged_input_in_every_case(tmp_path: Path) -> None:
    footage, said = photo_footage(CROP_PX, FRAMES, cuts=1), list[str]()
    bench = Bench(
        model="identity", preset="standard", models=ModelCache(), faces=FaceMeasures(None), report=said.append
    )
    figures, rows = evaluate_footage(footage, bench)
    assert set(figures["cases"]) == {f"{case.task} {case.strength}" for case in CASES}
    for name, case in figures["cases"].items():
        untouched = "bicubic" if name.startswith("bfr ") else "input"
        assert case["over"][untouched]["mean_db"] == 0.0
        assert case["over"][case["best_baseline"]]["mean_db"] <= 0.0
        assert case["verdict"] in {"worse", "not worse"}
    # Any simple fill is better than a grey hole.
    assert figures["cases"]["inpaint frozen"]["verdict"] == "worse"
    assert "still photo" in said[0] and figures["windows"] == 2
    sheet = tmp_path / "sheet.png"
    write_real_sheet(sheet, rows)
    picture = cv2.imread(str(sheet))
    assert picture is not None and picture.shape[0] > 7 * 192 and picture.shape[1] > 8 * 192
    json.dumps(figures)


def test_nothing_to_measure_on_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ArgumentOutOfRange, match="nothing to measure"):
        main(["--out", str(tmp_path / "t.json"), "--sheet", str(tmp_path / "s.png")])
