"""The five-point finder, with a net taught in seconds to find five coloured dots."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from svfr.errors import CheckpointUnreadable, ModelFileMissing, TensorShapesWrong, TensorsMissing
from svfr.published_geometry import FACE_TEMPLATE_256
from svfr_lab.heads.mesh import (
    draw_identity,
    draw_motion,
    five_points,
    load_head_model,
    posed_vertices,
    project,
    view_matrix,
)
from svfr_restore.errors import PictureArrayDoesNotFit
from svfr_restore.faces.landmarks import (
    INPUT_PX,
    MAP_CELLS,
    FivePointFinder,
    LandmarkNet,
    cell_centres,
    mean_points,
    near_mass,
    template_misfit,
)

COLOURS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [0, 255, 255]], np.float32)
TEMPLATE = FACE_TEMPLATE_256.astype(np.float64) / 256


def draw_points(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a turned, scaled, shifted template as shares of the crop's side."""
    angle, scale = rng.uniform(-0.3, 0.3), rng.uniform(0.7, 1.2)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (TEMPLATE - 0.5) @ turn.T + 0.5 + rng.uniform(-0.05, 0.05, 2)


def draw_dots(points: NDArray[np.float64], side_px: int) -> NDArray[np.uint8]:
    """Return a grey crop (S, S, 3) with a soft dot of its own colour at each point."""
    centres = (np.arange(side_px) + 0.5) / side_px
    crop = np.full((side_px, side_px, 3), 128.0, np.float32)
    for (x, y), colour in zip(points, COLOURS, strict=True):
        distance = (centres - x)[None, :] ** 2 + (centres - y)[:, None] ** 2
        dot = np.exp(-distance / (2 * 0.03**2))[..., None]
        crop = crop * (1 - dot) + colour * dot
    return crop.round().astype(np.uint8)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    net = LandmarkNet()
    optimiser = torch.optim.Adam(net.parameters(), lr=4e-3)
    for _ in range(60):
        points = [draw_points(rng) for _ in range(8)]
        pictures = np.stack([draw_dots(p, INPUT_PX) for p in points])
        inputs = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
        wanted = torch.from_numpy(np.stack(points)).float()
        log_maps = net(inputs)
        cells = (wanted * MAP_CELLS).long().clamp(0, MAP_CELLS - 1)
        target = cells[..., 1] * MAP_CELLS + cells[..., 0]
        likelihood = torch.nn.functional.nll_loss(log_maps.flatten(0, 1).flatten(1), target.flatten())
        loss = likelihood + 20 * (mean_points(log_maps) - wanted).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    path = tmp_path_factory.mktemp("landmarks") / "dots.safetensors"
    save_file(net.state_dict(), path)
    return path


@pytest.mark.parametrize("side_px", [64, 96, 333, 512])
def test_points_come_back_in_the_pixels_of_a_crop_of_any_size(weights: Path, side_px: int) -> None:
    finder, rng = FivePointFinder(weights), np.random.default_rng(7)
    for _ in range(4):
        points = draw_points(rng)
        found = finder.five_points(draw_dots(points, side_px))
        at_its_own_size = finder.five_points(draw_dots(points, INPUT_PX))
        assert found is not None and at_its_own_size is not None
        assert float(np.abs(found / side_px - points).max()) < 1 / MAP_CELLS
        # Resizing places pixels by their centres, so the answer does not move with the size.
        assert float(np.abs(found / side_px - at_its_own_size / INPUT_PX).max()) < 0.25 / INPUT_PX


def test_a_crop_without_a_face_has_no_points(weights: Path) -> None:
    finder = FivePointFinder(weights)
    assert finder.five_points(np.full((96, 96, 3), 128, np.uint8)) is None


def test_points_that_form_no_face_are_refused(weights: Path) -> None:
    finder = FivePointFinder(weights)
    upside_down = draw_points(np.random.default_rng(7))[[3, 4, 2, 0, 1]]
    assert finder.five_points(draw_dots(upside_down, 96)) is None


def test_a_net_that_knows_nothing_places_nothing(tmp_path: Path) -> None:
    torch.manual_seed(2)
    save_file(LandmarkNet().state_dict(), tmp_path / "random.safetensors")
    finder = FivePointFinder(tmp_path / "random.safetensors")
    crop = draw_dots(draw_points(np.random.default_rng(7)), 96)
    assert finder.five_points(crop) is None


def test_the_maps_of_each_point_sum_to_one() -> None:
    maps = LandmarkNet()(torch.randn(2, 3, INPUT_PX, INPUT_PX)).exp()
    assert maps.shape == (2, 5, MAP_CELLS, MAP_CELLS)
    assert torch.allclose(maps.sum((2, 3)), torch.ones(2, 5), atol=1e-5)


def test_the_mean_of_a_sharp_map_is_its_cell_and_all_its_mass_is_near() -> None:
    log_maps = torch.full((1, 5, MAP_CELLS, MAP_CELLS), -60.0)
    log_maps[:, :, 4, 10] = 0.0
    points = mean_points(log_maps)
    expected = cell_centres()[torch.tensor([10, 4])]
    assert torch.allclose(points, expected.expand(1, 5, 2), atol=1e-5)
    assert torch.allclose(near_mass(log_maps, points), torch.ones(1, 5))


def test_two_equal_peaks_are_no_placed_point() -> None:
    log_maps = torch.full((1, 5, MAP_CELLS, MAP_CELLS), -60.0)
    log_maps[:, :, 4, [2, 20]] = float(np.log(0.5))
    assert float(near_mass(log_maps, mean_points(log_maps)).max()) < 1e-3


def test_a_placed_template_fits_and_a_mirrored_or_collapsed_one_does_not() -> None:
    points = draw_points(np.random.default_rng(3)) * 300
    assert template_misfit(points) < 1e-6
    assert template_misfit(points[[1, 0, 2, 4, 3]]) > 0.3
    assert template_misfit(np.full((5, 2), 10.0)) == float("inf")


@pytest.mark.parametrize(
    "crop",
    [
        np.zeros((96, 80, 3), np.uint8),
        np.zeros((96, 96), np.uint8),
        np.zeros((96, 96, 4), np.uint8),
        np.zeros((0, 0, 3), np.uint8),
        np.zeros((96, 96, 3), np.float32),
    ],
    ids=["not square", "grey", "four channels", "empty", "float"],
)
def test_an_array_that_is_no_crop_is_refused(weights: Path, crop: NDArray[np.uint8]) -> None:
    with pytest.raises(PictureArrayDoesNotFit):
        FivePointFinder(weights).five_points(crop)


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileMissing) as caught:
        FivePointFinder(tmp_path / "none.safetensors")
    assert caught.value.path == str(tmp_path / "none.safetensors")


def test_truncated_weights_are_unreadable(weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    path.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(CheckpointUnreadable):
        FivePointFinder(path)


def test_weights_of_another_net_are_refused(weights: Path, tmp_path: Path) -> None:
    tensors = load_file(weights)
    missing = {name: tensor for name, tensor in tensors.items() if name != "maps.bias"}
    save_file(missing, tmp_path / "missing.safetensors")
    with pytest.raises(TensorsMissing, match=r"maps\.bias"):
        FivePointFinder(tmp_path / "missing.safetensors")
    save_file(tensors | {"maps.bias": torch.zeros(68)}, tmp_path / "wrong.safetensors")
    with pytest.raises(TensorShapesWrong, match="68"):
        FivePointFinder(tmp_path / "wrong.safetensors")


def test_rendered_heads_form_faces_and_random_points_do_not() -> None:
    rng = np.random.default_rng(4)
    model = load_head_model()
    misfits = []
    for _ in range(40):
        identity, motion = draw_identity(model, rng), draw_motion(model, rng, 1)
        points = five_points(model, posed_vertices(model, identity, motion)[0])
        misfits.append(template_misfit(project(points, view_matrix(model, motion, 0), 96).astype(np.float64)))
    assert max(misfits) < 0.25
    random_misfits = [template_misfit(rng.uniform(0, 96, (5, 2))) for _ in range(500)]
    assert float(np.quantile(random_misfits, 0.01)) > 0.3
