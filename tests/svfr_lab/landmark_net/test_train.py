import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from svfr_lab.heads.dataset import RenderedFolder, RenderSettings, file_sha256
from svfr_lab.heads.renderer import FaceRenderer
from svfr_lab.landmark_net.data import PointBatch, draw_batch, draw_placement, mirror, place
from svfr_lab.landmark_net.measure import found_points, summary
from svfr_lab.landmark_net.train import PointsRecipe, points_loss, train_points, wanted_maps, write_net
from svfr_restore.faces.landmarks import (
    INPUT_PX,
    MAP_CELLS,
    PACKAGED_WEIGHTS,
    FivePointFinder,
    LandmarkNet,
    mean_points,
)

POINTS_PX = np.array([[20.0, 20], [44, 21], [32, 34], [24, 46], [41, 47]])


def dotted(points_px: NDArray[np.floating], side_px: int = 64) -> NDArray[np.float32]:
    """A picture with one soft dot of its own brightness at each point."""
    centres = np.arange(side_px) + 0.5
    picture = np.zeros((side_px, side_px, 3), np.float32)
    for x, y in points_px:
        distance = (centres - x)[None, :] ** 2 + (centres - y)[:, None] ** 2
        picture += np.exp(-distance / (2 * 1.5**2))[..., None].astype(np.float32)
    return picture


def brightest_near(picture: NDArray[np.float32], share: NDArray[np.floating]) -> NDArray[np.floating]:
    """The centre of brightness within 5 px of a place, as a share of the side."""
    side = picture.shape[0]
    centres = np.arange(side) + 0.5
    near = ((centres - share[0] * side)[None, :] ** 2 + (centres - share[1] * side)[:, None] ** 2) < 25
    weight = picture[..., 0] * near
    return np.array([(weight * centres).sum(), (weight * centres[:, None]).sum()]) / weight.sum() / side


@pytest.fixture
def data() -> RenderedFolder:
    rng = np.random.default_rng(0)
    clips = rng.integers(0, 256, (3, 2, 64, 64, 3), dtype=np.uint8)
    points = np.broadcast_to(POINTS_PX, (3, 2, 5, 2)).astype(np.float32)
    return RenderedFolder(
        pictures=clips,
        picture_landmarks_px=points,
        settings=RenderSettings(clips=3, first_seed=0, size_px=64, frames=2),
        clips_sha256="",
    )


@pytest.mark.parametrize("seed", range(6))
def test_the_points_stay_on_the_picture_they_are_placed_with(seed: int) -> None:
    placement = draw_placement(np.random.default_rng(seed), 64)
    picture, shares = place(dotted(POINTS_PX), POINTS_PX, placement)
    assert picture.shape == (INPUT_PX, INPUT_PX, 3)
    for share in shares[(shares > 0.08).all(axis=1) & (shares < 0.92).all(axis=1)]:
        np.testing.assert_allclose(brightest_near(picture, share), share, atol=0.006)


def test_a_mirrored_face_has_its_left_on_the_pictures_left() -> None:
    picture, points = mirror(dotted(POINTS_PX), POINTS_PX)
    assert points[0, 0] < points[1, 0] and points[3, 0] < points[4, 0]
    for point in points:
        np.testing.assert_allclose(brightest_near(picture, point / 64), point / 64, atol=0.002)
    back, order = mirror(picture, points)
    np.testing.assert_array_equal(back, dotted(POINTS_PX))
    np.testing.assert_allclose(order, POINTS_PX)


def test_equal_generators_draw_equal_batches(data: RenderedFolder) -> None:
    first, again = (draw_batch(data, np.random.default_rng(5), 6) for _ in range(2))
    for name, value in vars(first).items():
        assert torch.equal(value, getattr(again, name)), name
    assert first.pictures.shape == (6, 3, INPUT_PX, INPUT_PX)
    assert float(first.pictures.min()) >= -1.0 and float(first.pictures.max()) <= 1.0


def test_points_outside_the_picture_are_marked(data: RenderedFolder) -> None:
    outside = RenderedFolder(
        pictures=data.clips,
        picture_landmarks_px=data.landmarks_px + np.float32(200),
        settings=data.settings,
        clips_sha256="",
    )
    assert not draw_batch(outside, np.random.default_rng(0), 4).inside.any()


def test_the_mean_of_a_wanted_map_is_its_point() -> None:
    points = torch.tensor([[[0.31, 0.62], [0.5, 0.5], [0.444, 0.3], [0.7, 0.2], [0.2, 0.8]]])
    maps = wanted_maps(points)
    torch.testing.assert_close(maps.sum((2, 3)), torch.ones(1, 5))
    torch.testing.assert_close(mean_points(maps.log()), points, rtol=0.0, atol=2e-3)


def log_wanted(points: torch.Tensor) -> torch.Tensor:
    """The maps as a net answers them: far from a point a bell has no float32 left, but a net does."""
    return wanted_maps(points).clamp(min=1e-30).log()


def test_the_wanted_maps_have_the_least_loss_and_points_outside_count_for_nothing() -> None:
    points = torch.rand(2, 5, 2) * 0.6 + 0.2
    batch = PointBatch(torch.empty(0), points, torch.ones(2, 5, dtype=torch.bool))
    best = points_loss(log_wanted(points), batch)
    moved = points_loss(log_wanted(points + 0.05), batch)
    flat = points_loss(torch.full((2, 5, MAP_CELLS, MAP_CELLS), -2 * np.log(MAP_CELLS)), batch)
    assert best < moved < flat
    batch.inside[:, 3] = False
    points_of_others = points.clone()
    points_of_others[:, 3] = 7.0
    ignored = PointBatch(batch.pictures, points_of_others, batch.inside)
    maps = log_wanted(points)
    torch.testing.assert_close(points_loss(maps, ignored), points_loss(maps, batch))


def test_a_batch_without_any_point_teaches_nothing() -> None:
    none = PointBatch(torch.empty(0), torch.full((1, 5, 2), 3.0), torch.zeros(1, 5, dtype=torch.bool))
    maps = torch.zeros(1, 5, MAP_CELLS, MAP_CELLS).flatten(2).log_softmax(2).unflatten(2, (MAP_CELLS,) * 2)
    assert points_loss(maps, none) == 0.0


def test_the_learning_rate_warms_up_and_ends_near_zero() -> None:
    recipe = PointsRecipe(steps=200, warmup_steps=20)
    rates = [recipe.learning_rate_at(step) for step in range(200)]
    assert rates[0] == pytest.approx(recipe.learning_rate / 20, rel=1e-3)
    assert max(rates) == pytest.approx(recipe.learning_rate, rel=0.03)
    assert rates[-1] < recipe.learning_rate / 1000


def test_training_repeats_bit_for_bit_and_its_file_is_read_by_the_finder(
    data: RenderedFolder, tmp_path: Path
) -> None:
    recipe = PointsRecipe(steps=2, batch=2)
    nets = [train_points(recipe, data, lambda _row: None) for _ in range(2)]
    for (name, first), second in zip(
        nets[0].state_dict().items(), nets[1].state_dict().values(), strict=True
    ):
        assert torch.equal(first, second), name
    path = tmp_path / "new" / "points.safetensors"
    write_net(nets[0], path, {"recipe": "two steps"})
    record = json.loads(path.with_suffix(".json").read_text())
    assert record["recipe"] == "two steps"
    assert (record["sha256"], record["bytes"]) == (file_sha256(path), path.stat().st_size)
    assert path.stat().st_mode & 0o044 == 0o044
    assert FivePointFinder(path).five_points(data.clips[0, 0]) is None


def test_errors_are_shares_of_the_distance_between_the_eyes() -> None:
    truth = np.stack([POINTS_PX, 2 * POINTS_PX])
    eyes_apart = float(np.hypot(24, 1))
    figures = summary(truth + np.array([[[3.0, 0.0]], [[0.0, 6.0]]]), truth)
    assert figures["found"] == 1.0 and figures["missed"] == 0.0
    assert figures["mean"] == pytest.approx(3 / eyes_apart, abs=1e-4)
    assert set(figures["of_points"].values()) == {figures["mean"]}


def test_frames_without_an_answer_lower_the_found_share_alone() -> None:
    truth = np.stack([POINTS_PX, POINTS_PX])
    answered = truth.copy()
    answered[1] = np.nan
    figures = summary(answered, truth)
    assert figures["found"] == 0.5 and figures["mean"] == 0.0
    nothing = summary(np.full_like(truth, np.nan), truth)
    assert nothing["found"] == 0.0 and nothing["mean"] is None


def test_an_untrained_net_finds_nothing() -> None:
    frames = np.zeros((2, 64, 64, 3), np.uint8)

    class Unsure(FivePointFinder):
        def __init__(self) -> None:
            self._net = LandmarkNet().eval()

    assert np.isnan(found_points(Unsure(), frames)).all()


def test_the_packaged_net_is_the_one_its_record_describes() -> None:
    record = json.loads(PACKAGED_WEIGHTS.with_suffix(".json").read_text())
    assert record["sha256"] == file_sha256(PACKAGED_WEIGHTS)
    assert PACKAGED_WEIGHTS.stat().st_size < 1_000_000
    assert record["measured"]["clean"]["mean"] < 0.25 * record["measured"]["mean_face"]["mean"]


def test_the_packaged_net_places_the_points_of_rendered_heads(renderer: FaceRenderer) -> None:
    finder = FivePointFinder()
    clips = [renderer.render_clip(seed, 1) for seed in range(300, 312)]
    figures = summary(
        found_points(finder, np.concatenate([clip.frames for clip in clips])),
        np.concatenate([clip.landmarks_px for clip in clips]),
    )
    assert figures["found"] >= 0.9
    assert figures["mean"] < 0.15
