"""Training the arms of a comparison side by side, so that all have had equally many steps whenever it ends.

Arms start from the same weights and draw the same clips in the same order, as far as their recipes say the
same. They take turns, each for a stretch of steps, and each saves after its stretch: a killed run goes on,
and one that is out of time stops where all arms are equal.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from svfr.training.loop.trainer import Trainer
from svfr.training.nets.trainable import TrainableNet
from svfr.training.recipe.config import Recipe
from svfr_lab.clips.degraded_clips import RenderedClips
from svfr_lab.experiments.kit.bench import Bench
from svfr_lab.experiments.kit.clock import Deadline
from svfr_lab.experiments.kit.measurements import Measurements

_SHORTEST_STRETCH, _SHORTEST_LAST_STRETCH = 10, 3
_STRETCH_SHARE = 1 / 6
_FEWEST_LANDMARKS = 5


@dataclass(frozen=True)
class TrainedArms:
    """The averaged networks by arm, in evaluation, all after ``steps`` steps."""

    nets: Mapping[str, TrainableNet]
    steps: int


@dataclass(frozen=True)
class Training:
    """How networks came about: all after ``steps`` steps, on clips of so many ``identities``."""

    steps: int
    identities: int

    def summary(self, measured: Measurements) -> dict[str, Any]:
        """Return what a result's summary says of the training and of what was measured after it."""
        return {
            "steps_per_arm": self.steps,
            "seeds": measured.seeds,
            "training_identities": self.identities,
            "clips_measured": measured.clips,
        }


def train_arms(
    bench: Bench, arms: Mapping[str, Recipe], clips: Path, held_back: int, until: Deadline
) -> TrainedArms:
    """Train the arms in turns until the time is over, the last round as long as fits; at least for one round.

    ``arms`` holds the recipe of each side of the comparison by its name, which is a folder name too.
    The last ``held_back`` clips are not trained on. Raises what :class:`Trainer` raises.
    """
    trainers = {name: _trainer(bench, name, arm, clips, held_back) for name, arm in arms.items()}
    seconds_per_step = 0.0
    while True:
        steps = [trainer.step for trainer in trainers.values()]
        goal = next_goal(min(steps))
        if 0 < min(steps) == max(steps):
            goal = min(goal, steps[0] + int(until.remaining_s() / max(seconds_per_step * len(arms), 1e-9)))
            if goal < steps[0] + _SHORTEST_LAST_STRETCH:
                break
        missing = sum(max(0, goal - step) for step in steps)
        started = time.monotonic()
        for name, trainer in trainers.items():
            _go_to(trainer, goal)
            bench.say(f"Training {name}", trainer.step, 0)
        seconds_per_step = (time.monotonic() - started) / missing
    return TrainedArms({name: each.averaged_net.eval() for name, each in trainers.items()}, steps[0])


def starting_net(bench: Bench, name: str, arm: Recipe, clips: Path, held_back: int) -> TrainableNet:
    """Return the network of an arm before its first step."""
    return _trainer(bench, f"{name}-untrained", arm, clips, held_back).net.eval()


def next_goal(steps: int) -> int:
    """Return the number of steps that all arms reach before any goes further: a sixth more, at least ten.

    A kill loses no more than about a sixth of one arm's training.
    """
    return steps + max(_SHORTEST_STRETCH, int(steps * _STRETCH_SHARE))


def _trainer(bench: Bench, name: str, arm: Recipe, clips: Path, held_back: int) -> Trainer:
    prior = arm.facial_prior
    landmarks = _FEWEST_LANDMARKS if prior is None else prior.landmarks
    source = RenderedClips(clips, arm.task_shares, held_back=held_back, landmarks=landmarks)
    return Trainer(arm, source, bench.folder / "arms" / name)


def _go_to(trainer: Trainer, goal: int) -> None:
    if trainer.step < goal:
        trainer.run(lambda _row: None, lambda: trainer.step >= goal)
