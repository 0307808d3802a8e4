import math

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from svfr.training.losses.unified_latent import (
    Denominator,
    Embeddings,
    FeatureQueue,
    LatentTransformer,
    UnifiedLatent,
    UnifiedLatentConfig,
    contrastive_loss,
)
from svfr.validation import read_strictly, sentences_of

CONFIG = UnifiedLatentConfig(
    denominator="negatives", temperature=0.5, queue=4, width=16, layers=1, heads=2, embedding=8
)


def unit(*angles: float) -> torch.Tensor:
    """Vectors of length one at angles in a plane of three dimensions."""
    return torch.tensor([[math.cos(a), math.sin(a), 0.0] for a in angles], dtype=torch.float64)


def of(vectors: torch.Tensor, *clips: int) -> Embeddings:
    return Embeddings(vectors, torch.tensor(clips))


def empty() -> Embeddings:
    return Embeddings(torch.zeros(0, 3, dtype=torch.float64), torch.zeros(0, dtype=torch.long))


@pytest.mark.parametrize("denominator", ["negatives", "positive_and_negatives"])
def test_the_loss_is_the_formula_written_out(denominator: Denominator) -> None:
    angles, tau = (0.1, 0.4, 1.9, 2.5), 0.3
    batch = of(unit(*angles), 7, 7, 9, 9)

    def exp(i: int, j: int) -> float:
        return math.exp(math.cos(angles[i] - angles[j]) / tau)

    partner, strangers = {0: 1, 1: 0, 2: 3, 3: 2}, {0: (2, 3), 1: (2, 3), 2: (0, 1), 3: (0, 1)}
    expected = 0.0
    for i in range(4):
        below = sum(exp(i, j) for j in strangers[i])
        if denominator == "positive_and_negatives":
            below += exp(i, partner[i])
        expected -= math.log(exp(i, partner[i]) / below) / 4
    assert float(contrastive_loss(batch, empty(), tau, denominator)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("denominator", ["negatives", "positive_and_negatives"])
def test_the_gradient_is_that_of_the_formula(denominator: Denominator) -> None:
    vectors = unit(0.1, 0.4, 1.9, 2.5).requires_grad_()

    def loss(given: torch.Tensor) -> torch.Tensor:
        return contrastive_loss(of(given, 7, 7, 9, 9), of(unit(3.0), 4), 0.3, denominator)

    assert torch.autograd.gradcheck(loss, (vectors,))


def test_one_anchors_gradient_is_the_softmax_over_its_negatives_less_its_positive() -> None:
    anchor, tau = unit(0.0).requires_grad_(), 0.5
    positive, negatives = unit(0.3), unit(1.0, 2.0)
    vectors = torch.cat([anchor, positive.detach(), negatives])
    # Clips 9 and 8 have one vector each and so are no anchors; the positive's own loss is taken off again.
    whole = contrastive_loss(of(vectors, 7, 7, 9, 8), empty(), tau, "negatives")
    back = contrastive_loss(
        of(torch.cat([anchor.detach(), vectors[1:]]), 7, 7, 9, 8), empty(), tau, "negatives"
    )
    assert float(whole.detach()) == pytest.approx(float(back.detach()))
    (gradient,) = torch.autograd.grad(whole, anchor)
    weights = torch.softmax(negatives @ anchor.detach()[0] / tau, 0)
    alone = (weights @ negatives - positive[0]) / tau
    mirrored = -positive[0] / tau  # the anchor is also the positive of its positive
    torch.testing.assert_close(gradient[0], (alone + mirrored) / 2)


def test_of_equal_vectors_the_printed_form_costs_the_log_of_the_negatives_number() -> None:
    vectors = unit(0.0).expand(6, 3)
    batch = of(vectors, 1, 1, 2, 2, 3, 3)
    assert float(contrastive_loss(batch, empty(), 0.1, "negatives")) == pytest.approx(math.log(4))
    assert float(contrastive_loss(batch, empty(), 0.1, "positive_and_negatives")) == pytest.approx(
        math.log(5)
    )


def test_only_infonce_is_bounded_below() -> None:
    batch = of(unit(0.0, 0.0, math.pi, math.pi), 1, 1, 2, 2)
    assert float(contrastive_loss(batch, empty(), 0.1, "negatives")) == pytest.approx(-20 + math.log(2))
    assert 0 < float(contrastive_loss(batch, empty(), 0.1, "positive_and_negatives")) < 1e-8


def test_several_positives_count_by_their_mean() -> None:
    angles, tau = (0.0, 0.2, 0.7), 0.4
    batch = of(unit(*angles, 2.0), 1, 1, 1, 5)
    expected = 0.0
    for i in range(3):
        push = math.cos(angles[i] - 2.0) / tau
        expected += sum(push - math.cos(angles[i] - angles[j]) / tau for j in range(3) if j != i) / 2 / 3
    assert float(contrastive_loss(batch, empty(), tau, "negatives")) == pytest.approx(expected)


def test_earlier_vectors_of_other_clips_are_negatives_and_of_the_same_clip_nothing() -> None:
    pair = of(unit(0.0, 0.3), 1, 1)
    stranger = contrastive_loss(pair, of(unit(1.0), 2), 0.5, "negatives")
    expected = (math.cos(1.0) + math.cos(0.7)) / 2 / 0.5 - math.cos(0.3) / 0.5
    assert float(stranger) == pytest.approx(expected)
    with_own = contrastive_loss(pair, of(unit(1.0, 0.1), 2, 1), 0.5, "negatives")
    assert float(with_own) == pytest.approx(expected)


@pytest.mark.parametrize("clips", [(1, 1), (1, 2)], ids=["no negative", "no positive"])
def test_anchors_that_lack_a_side_cost_nothing_and_keep_the_graph(clips: tuple[int, int]) -> None:
    vectors = unit(0.0, 1.0).requires_grad_()
    loss = contrastive_loss(of(vectors, *clips), empty(), 0.5, "negatives")
    assert float(loss.detach()) == 0.0
    loss.backward()
    assert torch.count_nonzero(vectors.grad) == 0


def test_the_queue_forgets_its_oldest_first() -> None:
    queue = FeatureQueue(3, 3)
    assert len(queue.entries().clips) == 0
    queue.push(of(unit(0.0, 0.1).float(), 1, 2))
    assert queue.entries().clips.tolist() == [1, 2]
    queue.push(of(unit(0.2, 0.3).float(), 3, 4))
    assert sorted(queue.entries().clips.tolist()) == [2, 3, 4]
    queue.push(of(unit(0.4, 0.5, 0.6, 0.7).float(), 5, 6, 7, 8))
    assert sorted(queue.entries().clips.tolist()) == [6, 7, 8]


def test_a_queue_of_none_stays_empty() -> None:
    queue = FeatureQueue(0, 3)
    queue.push(of(unit(0.0).float(), 1))
    assert len(queue.entries().clips) == 0


def test_the_queue_travels_with_the_state() -> None:
    queue, other = FeatureQueue(3, 3), FeatureQueue(3, 3)
    queue.push(of(unit(0.0, 0.1).float(), 1, 2))
    other.load_state_dict(queue.state_dict())
    for both in (queue, other):
        both.push(of(unit(0.2, 0.3).float(), 3, 4))
    assert torch.equal(queue.vectors, other.vectors) and torch.equal(queue.clips, other.clips)


@torch.no_grad()
def test_a_clips_vector_has_length_one_and_does_not_depend_on_which_way_time_runs() -> None:
    torch.manual_seed(1)
    transformer = LatentTransformer(6, CONFIG)
    features = torch.randn(2, 5, 6, 7, 7)
    vectors = transformer(features)
    assert vectors.shape == (2, 8)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(2))
    torch.testing.assert_close(transformer(features.flip(1)), vectors, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(transformer(features.flip(-1)), vectors, atol=1e-3)


def test_the_loss_reaches_the_features_and_uses_the_queue_from_the_second_step() -> None:
    torch.manual_seed(1)
    unified = UnifiedLatent(6, CONFIG)
    features = torch.randn(2, 3, 6, 4, 4, requires_grad=True)
    first = unified(features, torch.tensor([1, 1]))
    assert float(first.detach()) == 0.0, "one clip and an empty queue: no negative"
    second = unified(features, torch.tensor([2, 2]))
    second.backward()
    assert features.grad is not None and float(features.grad.abs().sum()) > 0
    assert not unified.queue.vectors.requires_grad


def test_training_on_it_draws_the_versions_of_a_clip_together() -> None:
    torch.manual_seed(2)
    unified = UnifiedLatent(6, CONFIG)
    shown, damage = torch.randn(4, 1, 6, 4, 4), torch.randn(2, 1, 6, 4, 4)
    versions = torch.cat([shown + damage[0], shown + damage[1]])
    clips = torch.arange(4).repeat(2)
    optimiser = torch.optim.Adam(unified.parameters(), lr=3e-3)
    losses = []
    for _ in range(30):
        loss = contrastive_loss(
            Embeddings(unified.transformer(versions), clips),
            Embeddings(torch.zeros(0, 8), clips[:0]),
            0.5,
            "negatives",
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 1.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"denominator": "all"}, "must be 'negatives' or 'positive_and_negatives', not 'all'"),
        ({"temperature": 0.0}, "temperature must be greater than 0"),
        ({"queue": -1}, "queue must be greater than or equal to 0"),
        ({"heads": 3}, "no multiple of heads"),
    ],
)
def test_an_impossible_recipe_is_refused(changes: dict[str, object], message: str) -> None:
    given = {**vars(CONFIG), **changes}
    with pytest.raises(ValidationError) as caught:
        read_strictly(TypeAdapter(UnifiedLatentConfig), given)
    assert message in sentences_of(caught.value)[0]
