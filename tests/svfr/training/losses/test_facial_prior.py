import dataclasses
import math

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from svfr.training.losses.facial_prior import (
    FacialPrior,
    FacialPriorConfig,
    LandmarkHead,
    five_points,
    landmark_loss,
    wing_loss,
)
from svfr.validation import read_strictly

CONFIG = FacialPriorConfig(landmarks=5, width=12, units_per_side=64.0, wing_width=10.0, wing_curvature=2.0)
NAN = float("nan")


def test_the_wing_loss_is_a_logarithm_near_zero_and_a_distance_far_away() -> None:
    far = 25.0
    offset = 10.0 - 10.0 * math.log(1 + 10.0 / 2.0)
    differences = torch.tensor([0.0, 0.5, -3.0, 9.999, far, -far])
    expected = [
        0.0,
        10 * math.log(1.25),
        10 * math.log(2.5),
        10 * math.log(1 + 9.999 / 2),
        far - offset,
        far - offset,
    ]
    assert wing_loss(differences, 10.0, 2.0).tolist() == pytest.approx(expected, rel=1e-5)


def test_the_two_parts_of_the_wing_loss_meet() -> None:
    below, above = wing_loss(torch.tensor([10.0 - 1e-5, 10.0 + 1e-5], dtype=torch.float64), 10.0, 2.0)
    assert float(above - below) == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("x", [-30.0, -4.0, 0.25, 7.0, 18.0])
def test_the_wing_losss_slope_is_w_over_epsilon_plus_distance_then_one(x: float) -> None:
    difference = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    wing_loss(difference, 10.0, 2.0).backward()
    slope = 10.0 / (2.0 + abs(x)) if abs(x) < 10.0 else 1.0
    assert float(difference.grad) == pytest.approx(math.copysign(slope, x))  # type: ignore[arg-type]


def test_the_landmark_loss_is_the_mean_over_coordinates_in_units_of_the_recipe() -> None:
    truth = torch.full((1, 2, 2), 0.5)
    predicted = truth + torch.tensor([[[1.0, 0.0], [-2.0, 0.0]]]) / 64.0
    expected = (10 * math.log(1.5) + 10 * math.log(2.0)) / 4
    assert float(landmark_loss(predicted, truth, CONFIG)) == pytest.approx(expected, rel=1e-5)


def test_unknown_landmarks_count_neither_in_the_sum_nor_in_the_mean() -> None:
    truth = torch.tensor([[[0.5, 0.5], [NAN, 0.5]], [[NAN, NAN], [0.25, 0.75]]])
    predicted = torch.full((2, 2, 2), 0.5, requires_grad=True)
    loss = landmark_loss(predicted, truth, CONFIG)
    offset = 10.0 - 10.0 * math.log(6.0)
    assert float(loss.detach()) == pytest.approx(2 * (16.0 - offset) / 4, rel=1e-5)
    loss.backward()
    assert predicted.grad is not None and bool(torch.isfinite(predicted.grad).all())
    assert torch.count_nonzero(predicted.grad[0]) == 0 and torch.count_nonzero(predicted.grad[1, 1]) == 2


def test_without_any_known_landmark_there_is_nothing_to_learn() -> None:
    predicted = torch.rand(2, 5, 2, requires_grad=True)
    loss = landmark_loss(predicted, torch.full((2, 5, 2), NAN), CONFIG)
    loss.backward()
    assert (
        float(loss.detach()) == 0.0
        and predicted.grad is not None
        and torch.count_nonzero(predicted.grad) == 0
    )


@pytest.mark.parametrize("landmarks", [5, 68])
def test_the_head_is_five_layers_from_pooled_features_to_as_many_landmarks_as_asked(landmarks: int) -> None:
    config = dataclasses.replace(CONFIG, landmarks=landmarks)
    head = LandmarkHead(6, config)
    assert sum(isinstance(layer, nn.Linear) for layer in head.modules()) == 5
    features = torch.randn(3, 6, 4, 4)
    assert head(features).shape == (3, landmarks, 2)
    torch.testing.assert_close(head(features.flip(-1)), head(features)), "it sees averages alone"


def test_a_head_that_answers_nothing_points_at_the_middle() -> None:
    head = LandmarkHead(6, CONFIG)
    nn.init.zeros_(head.body[-1].weight)  # type: ignore[arg-type]
    nn.init.zeros_(head.body[-1].bias)  # type: ignore[arg-type]
    assert torch.equal(head(torch.randn(1, 6, 2, 2)), torch.full((1, 5, 2), 0.5))


def test_the_loss_reaches_the_features_of_every_frame() -> None:
    torch.manual_seed(0)
    prior = FacialPrior(6, CONFIG)
    features = torch.randn(4, 6, 3, 3, requires_grad=True)
    prior(features, torch.rand(2, 2, 5, 2)).backward()
    assert features.grad is not None and bool((features.grad.abs().sum((1, 2, 3)) > 0).all())


def test_training_finds_the_landmarks() -> None:
    torch.manual_seed(0)
    prior = FacialPrior(6, dataclasses.replace(CONFIG, width=48))
    features, landmarks = torch.randn(8, 6, 2, 2), torch.rand(8, 1, 5, 2)
    optimiser = torch.optim.Adam(prior.parameters(), lr=3e-3)
    losses = []
    for _ in range(150):
        loss = prior(features, landmarks)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 3


def test_five_points_of_68_are_the_eyes_middles_the_nose_and_the_mouths_corners() -> None:
    landmarks = torch.zeros(2, 68, 2)
    landmarks[:, 36:42, 0], landmarks[:, 42:48, 1] = torch.arange(6.0), 3.0
    landmarks[:, 30], landmarks[:, 48], landmarks[:, 54] = 7.0, 8.0, 9.0
    points = five_points(landmarks)
    assert points[1].tolist() == [[2.5, 0.0], [0.0, 3.0], [7.0, 7.0], [8.0, 8.0], [9.0, 9.0]]
    assert five_points(points) is points


def test_five_points_of_another_annotation_are_not_guessed() -> None:
    with pytest.raises(ValueError, match="not from 98"):
        five_points(torch.zeros(98, 2))


@pytest.mark.parametrize("name", ["landmarks", "width", "units_per_side", "wing_width", "wing_curvature"])
def test_a_recipe_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        read_strictly(TypeAdapter(FacialPriorConfig), {**vars(CONFIG), name: 0})
