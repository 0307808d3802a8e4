"""All experiments by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from svfr_lab.experiments.kit.errors import UnknownExperiment
from svfr_lab.experiments.kit.experiment import Experiment
from svfr_lab.experiments.questions import (
    ablation,
    cost,
    drift,
    inpaint_pretraining,
    srr_jitter,
    task_interference,
    task_vectors,
    ulr_features,
)

_ALL: tuple[Experiment, ...] = (
    ablation.EXPERIMENT,
    ulr_features.EXPERIMENT,
    task_vectors.EXPERIMENT,
    task_interference.EXPERIMENT,
    inpaint_pretraining.EXPERIMENT,
    srr_jitter.EXPERIMENT,
    drift.EXPERIMENT,
    cost.EXPERIMENT,
)

EXPERIMENTS: Mapping[str, Experiment] = MappingProxyType({each.name: each for each in _ALL})


def find_experiment(name: str) -> Experiment:
    """Return the experiment of that name; raises UnknownExperiment, which lists them."""
    if name not in EXPERIMENTS:
        raise UnknownExperiment(
            f"There is no experiment {name!r}.", remedy=f"Choose from {', '.join(sorted(EXPERIMENTS))}."
        )
    return EXPERIMENTS[name]
