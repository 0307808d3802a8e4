"""``ulr-features``: does the unified latent loss make a face look alike to the network under any damage?"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from svfr.sampling.network_input import prepare, to_network
from svfr.tasks import TaskSet
from svfr.training.nets.mid_block import watch_mid_block
from svfr.training.nets.trainable import TrainableNet
from svfr.training.recipe.config import NOISE_ALONE, LossWeights, Recipe
from svfr_client.vocabulary import TASKS
from svfr_lab.experiments.kit.arms import Training, starting_net, train_arms
from svfr_lab.experiments.kit.bench import Bench
from svfr_lab.experiments.kit.experiment import Experiment, Findings, Row
from svfr_lab.experiments.kit.held_out import HeldOutClip, held_back_of, held_out_clips
from svfr_lab.experiments.kit.measurements import (
    Measurements,
    Score,
    is_significant,
    row_over_seeds,
)
from svfr_lab.experiments.kit.recipe import (
    BASE,
    CROP_PX,
    FRAMES,
    UNIFIED_LATENT,
    from_seeds,
    seeds_for,
)
from svfr_lab.heads.dataset import open_rendered_folder

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_CLIPS = 2000
_TRAIN_UNTIL = 0.8
_DRAWN_CLIPS = 20
_MOST_PERPLEXITY = 15.0
_MARKERS = ("o", "s", "^")

_BEFORE, _WITHOUT, _PUBLISHED, _STRONG = "before training", "without ULR", "ULR 0.01", "ULR 1.0"
_WEIGHTS = {_WITHOUT: 0.0, _PUBLISHED: LossWeights().unified_latent, _STRONG: 1.0}
_NETS = (_BEFORE, *_WEIGHTS)

Features = NDArray[np.float64]
"""Mid-block features (clips, tasks, D)."""


_RATIO = "ratio"


@dataclass(frozen=True)
class _Training(Training):
    """With the features of the first seed's networks, by network."""

    features: Mapping[str, Features]


def distance_ratios(features: Features) -> NDArray[np.float64]:
    """Return for each clip its mean distance between tasks over its mean distance to other clips, (clips,).

    ``features`` (clips, tasks, D); other clips are looked at under the same task. 0: the task cannot be seen
    in the features; 1: another damage moves them as far as another face. Euclidean distances.
    """
    clips, tasks = features.shape[:2]
    pairs = list(itertools.combinations(range(tasks), 2))
    within = np.mean([np.linalg.norm(features[:, a] - features[:, b], axis=-1) for a, b in pairs], axis=0)
    apart = np.linalg.norm(features[:, None] - features[None], axis=-1).mean(-1)
    return within / (apart.sum(1) / (clips - 1))


@torch.no_grad()
def mid_block_features(net: TrainableNet, clip: HeldOutClip) -> NDArray[np.float64]:
    """Return what leaves the middle block for the clip's first frame under each of the three tasks, (3, D).

    As at the start of one-step sampling: the low-quality latent at the largest noise level, no reference.
    """
    first = replace(clip, truth=clip.truth[:1])
    seen = []
    for task in TASKS:
        damaged = first.damaged(frozenset({task}))
        seen.append(prepare(damaged.lq[0], frozenset({task}), damaged.hole, "telea"))
    z_lq = net.encode(to_network(np.stack(seen))[:, None])
    bits = torch.tensor([[float(bit) for bit in TaskSet.of([task]).bits] for task in TASKS])
    sigma = torch.full((len(TASKS),), BASE.network.sigma_max)
    with net.parts_for(1), watch_mid_block(net.unet) as mid:
        net.denoise(z_lq, z_lq, sigma, bits, *net.no_reference(len(TASKS)))
    return mid.features.flatten(1).double().numpy()


def _run(bench: Bench) -> Findings:
    clips = bench.clips(_MOST_CLIPS, CROP_PX, FRAMES)
    count = len(open_rendered_folder(clips).clips)
    held_back = held_back_of(count)
    seeds = [bench.seed + index for index in range(seeds_for(bench.budget_s))]
    arms = {f"{name}-{seed}": _config(seed, weight) for seed in seeds for name, weight in _WEIGHTS.items()}
    trained = train_arms(bench, arms, clips, held_back, bench.share(_TRAIN_UNTIL))
    nets = dict(trained.nets) | {
        f"{_BEFORE}-{seed}": _untrained(bench, seed, clips, held_back) for seed in seeds
    }
    bench.say("Reading the middle block", 0, 0)
    held_out = list(held_out_clips(clips, held_back))
    features = {
        (name, seed): np.stack([mid_block_features(nets[f"{name}-{seed}"], clip) for clip in held_out])
        for name in _NETS
        for seed in seeds
    }
    ratios = {key: distance_ratios(each) for key, each in features.items()}
    measured = Measurements.of(
        [Score(name, _RATIO, float(each[clip]), seed=seed) for (name, seed), each in ratios.items()]
        for clip in range(len(held_out))
    )
    first = {name: features[name, seeds[0]] for name in _NETS}
    training = _Training(trained.steps, count - held_back, first)
    return Findings(
        rows=_rows(measured, training),
        draw=lambda figure: _draw(figure, measured, training, bench.seed),
        paragraph=_paragraph(measured, training),
        summary=training.summary(measured)
        | {
            "mean_ratio": {name: round(float(measured.values(name, _RATIO).mean()), 4) for name in _NETS},
        },
    )


def _config(seed: int, weight: float) -> Recipe:
    losses = replace(NOISE_ALONE, unified_latent=weight)
    return replace(BASE, seed=seed, losses=losses, unified_latent=UNIFIED_LATENT)


def _untrained(bench: Bench, seed: int, clips: Path, held_back: int) -> TrainableNet:
    return starting_net(bench, f"{_WITHOUT}-{seed}", _config(seed, 0.0), clips, held_back)


def _rows(measured: Measurements, training: _Training) -> list[Row]:
    rows: list[Row] = [
        {
            **row_over_seeds(measured.values(name, _RATIO), network=name, measure=_RATIO),
            "steps": 0 if name == _BEFORE else training.steps,
        }
        for name in _NETS
    ]
    return rows + [
        {
            **row_over_seeds(
                measured.difference(name, _WITHOUT, _RATIO),
                network=f"{name} minus {_WITHOUT}",
                measure="ratio difference",
            ),
            "steps": training.steps,
        }
        for name in (_PUBLISHED, _STRONG)
    ]


def _draw(figure: Figure, measured: Measurements, training: _Training, seed: int) -> None:
    """Draw a t-SNE of each network of the first seed: a line for each clip, a mark for each task."""
    figure.set_size_inches(7.0, 7.0)
    panels = figure.subplots(2, 2).flat
    for panel, name in zip(panels, _NETS, strict=True):
        _draw_places(panel, training.features[name][:_DRAWN_CLIPS], seed)
        ratio = measured.mean_interval(name, _RATIO)
        panel.set_title(f"{name}\nratio {ratio.text(3)}", fontsize="small")
    figure.suptitle(
        f"t-SNE of mid-block features: a line joins one clip under {', '.join(TASKS)}", fontsize="small"
    )


def _draw_places(panel: Axes, features: Features, seed: int) -> None:
    # imported here: it takes a second, and only this figure needs it
    from sklearn.manifold import TSNE

    clips, tasks, size = features.shape
    perplexity = min(_MOST_PERPLEXITY, (clips * tasks - 1) / 3)
    places = TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(
        features.reshape(clips * tasks, size)
    )
    for number, corners in enumerate(places.reshape(clips, tasks, 2)):
        colour = f"C{number % 10}"
        closed = np.concatenate([corners, corners[:1]])
        panel.plot(closed[:, 0], closed[:, 1], color=colour, linewidth=0.6, alpha=0.6)
        for marker, (x, y) in zip(_MARKERS, corners, strict=True):
            panel.plot(x, y, marker, color=colour, markersize=4)
    panel.set_xticks([])
    panel.set_yticks([])


def _paragraph(measured: Measurements, training: _Training) -> str:
    ratios = "\n".join(
        f"- **{name}**: {measured.mean_interval(name, _RATIO).text(3)}{_by_seed(measured, name)}"
        for name in _NETS
    )
    differences = "; ".join(
        f"{name} {measured.paired_difference(name, _WITHOUT, _RATIO).text(3, True)}"
        for name in (_PUBLISHED, _STRONG)
    )
    return "\n\n".join(
        [
            "The unified latent loss is meant to make the middle block's features depend on the face and not "
            "on its damage. Networks of 2.4 million weights were trained from the same start on single "
            f"{CROP_PX} px frames of {training.identities} rendered heads, **{training.steps} steps** of 8 "
            f"heads under two tasks each, {from_seeds(measured.seeds)}, with and without it. The published "
            "weight is 0.01; weight 1 is ours, to see the loss work within so few steps. Then "
            f"n = {measured.clips} clips of other heads went through under each of {', '.join(TASKS)}. The "
            "number is the distance between the features of one clip under two tasks, over that between two "
            "clips under one task: 0 where the damage cannot be seen, 1 where it moves the features as far "
            "as another face does. Mean and 95 % bootstrap interval over clips:",
            ratios,
            f"Against the network without it: {differences}.",
            _reading(measured),
        ]
    )


def _by_seed(measured: Measurements, name: str) -> str:
    if measured.seeds == 1:
        return ""
    means = ", ".join(f"{mean:.3f}" for mean in measured.values(name, _RATIO).mean(1))
    return f" (seeds: {means})"


def _reading(measured: Measurements) -> str:
    verdicts = []
    for name in (_PUBLISHED, _STRONG):
        difference = measured.difference(name, _WITHOUT, _RATIO)
        way = "makes the features depend less on the damage" if difference.mean() < 0 else "does the opposite"
        verdicts.append(
            f"{name} {way if is_significant(difference) else 'cannot be told apart from leaving it out'}"
        )
    learning = measured.paired_difference(_WITHOUT, _BEFORE, _RATIO)
    one = (
        " One seed was trained, so nothing says how much another start would change it."
        if (measured.seeds == 1)
        else ""
    )
    return (
        f"Learning the tasks alone changes the number by {learning.text(3, True)}: what the network must do "
        f"depends on the damage. {verdicts[0]}; {verdicts[1]}.{one} A t-SNE keeps neighbourhoods and no "
        "distances: read the number, and take the picture as its illustration. A small network early in "
        "training: nothing here says what the loss does at the paper's size."
    )


EXPERIMENT = Experiment(
    name="ulr-features",
    title="What the unified latent loss does to the middle of the network",
    question="Do the features of one clip under different damage come closer to each other than those of "
    "different clips?",
    run=_run,
)
