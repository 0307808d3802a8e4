"""What the ablation compares, and how its figures are told: table, drawing, paragraph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from svfr_lab.experiments.kit.experiment import Row
from svfr_lab.experiments.kit.held_out import Passes
from svfr_lab.experiments.kit.recipe import CROP_PX, TASKS, from_seeds
from svfr_lab.experiments.kit.spread import Interval, cells_over_seeds, told_apart

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INPUT = "input"
PSNR, LANDMARKS = "psnr_db", "landmark_error"
POINTED_TASK = "bfr"
"""Landmarks are no matter of colour, and a hole hides some: blurred faces say where features have gone."""


@dataclass(frozen=True)
class Condition:
    """A trained arm, run in one pass or both; ``label`` names it in results."""

    label: str
    arm: str
    passes: Passes


CONDITIONS = (
    Condition("single task", "single", "both"),
    Condition("multi task", "multi", "both"),
    Condition("+ ULR", "ulr", "both"),
    Condition("+ ULR + FPL", "full", "both"),
    Condition("+ ULR + FPL, one pass", "full", "one"),
    Condition("+ ULR + FPL, trained without SRR", "no-srr", "one"),
)

_COMPARED = (
    ("multi task", "single task"),
    ("+ ULR", "multi task"),
    ("+ ULR + FPL", "+ ULR"),
    ("+ ULR + FPL", "+ ULR + FPL, one pass"),
    ("+ ULR + FPL", "+ ULR + FPL, trained without SRR"),
)


@dataclass(frozen=True)
class AblationFigures:
    """Figures by (measure, condition, task), arrays (seeds, clips); and how they were come by."""

    figures: Mapping[tuple[str, str, str], NDArray[np.float64]]
    steps: int
    seeds: int
    identities: int
    landmarks: int

    @property
    def clips(self) -> int:
        """The number of clips measured."""
        return self.figures[PSNR, INPUT, TASKS[0]].shape[1]

    def difference(self, measure: str, better: str, base: str, task: str) -> NDArray[np.float64]:
        """Return one condition's figures minus another's, (seeds, clips)."""
        return self.figures[measure, better, task] - self.figures[measure, base, task]


def measured_keys() -> list[tuple[str, str, str]]:
    """Return what has figures: (measure, condition or input, task)."""
    labels = [INPUT, *(condition.label for condition in CONDITIONS)]
    keys = [(PSNR, label, task) for label in labels for task in TASKS]
    return keys + [(LANDMARKS, label, POINTED_TASK) for label in labels]


def rows(measured: AblationFigures) -> list[Row]:
    """Return a row for each measure, condition and task, then one for each comparison."""
    listed = [
        _row(label, measure, task, measured.figures[measure, label, task], measured)
        for measure, label, task in measured_keys()
    ]
    for better, base in _COMPARED:
        for measure, task in (*((PSNR, task) for task in TASKS), (LANDMARKS, POINTED_TASK)):
            difference = measured.difference(measure, better, base, task)
            listed.append(_row(f"{better} minus {base}", f"{measure} difference", task, difference, measured))
    return listed


def _row(label: str, measure: str, task: str, values: NDArray[np.float64], measured: AblationFigures) -> Row:
    """Return a row of values (seeds, clips); its interval is over clips, its sd over seeds."""
    cells = cells_over_seeds(values)
    return {"arm": label, "measure": measure, "task": task, **cells, "steps": measured.steps}


def draw(figure: Figure, measured: AblationFigures) -> None:
    """Draw each condition's gain over the input, one panel for each task."""
    labels = [condition.label for condition in CONDITIONS]
    panels = figure.subplots(1, len(TASKS), sharey=True)
    for panel, task in zip(panels, TASKS, strict=True):
        gains = [measured.difference(PSNR, label, INPUT, task) for label in labels]
        for place, gain in enumerate(gains):
            interval = Interval.of(gain.mean(0))
            if interval.low is not None and interval.high is not None:
                panel.plot((interval.low, interval.high), (place, place), color="C0", linewidth=2)
            panel.plot(gain.mean(1), [place] * len(gain), "o", color="C1", markersize=4)
        panel.axvline(0.0, color="0.6", linewidth=0.8)
        panel.set_title(task)
        panel.set_xlabel("gain over the input, dB")
        panel.set_yticks(range(len(labels)), labels)
        panel.grid(alpha=0.3)
    panels[0].invert_yaxis()
    figure.suptitle(
        f"{measured.steps} steps, {measured.clips} clips: 95 % interval over clips, a dot for each seed",
        fontsize="small",
    )


def paragraph(measured: AblationFigures) -> str:
    """Say what was done, what came out and how to read it."""
    lines = [
        f"Networks of 2.4 million weights were trained from the same start on single {CROP_PX} px frames of "
        f"{measured.identities} rendered heads, **{measured.steps} steps** of 16 samples each, "
        f"{from_seeds(measured.seeds)}; references are dropped half the time, and the loss "
        f"weights are the published ones. Facial prior: {measured.landmarks} landmarks. Measured on "
        f"n = {measured.clips} clips of other heads through the real sampler, one step a pass, inpainting "
        "inside the hole alone. Landmark error: how far the five points that the product cuts faces by are "
        "found from where they are, in distances between the eyes, after blind face restoration. Differences "
        "in dB, mean and 95 % interval of a paired bootstrap over clips:",
        "\n".join(_comparison(measured, better, base) for better, base in _COMPARED),
        _reading(measured),
    ]
    return "\n\n".join(lines)


def _comparison(measured: AblationFigures, better: str, base: str) -> str:
    parts = []
    for task in TASKS:
        difference = measured.difference(PSNR, better, base, task)
        parts.append(f"{task} {Interval.of(difference.mean(0)).text(2, signed=True)}{_verdict(difference)}")
    points = measured.difference(LANDMARKS, better, base, POINTED_TASK)
    error = f"{Interval.of(points.mean(0)).text(3, signed=True)}{_verdict(points)}"
    return f"- **{better}** against {base}: {'; '.join(parts)}; landmark error {error}."


def _verdict(differences: NDArray[np.float64]) -> str:
    return "" if told_apart(differences) else " (not told apart)"


def _reading(measured: AblationFigures) -> str:
    seeds = (
        "One seed was trained, so nothing says how much another start would change these figures."
        if measured.seeds == 1
        else f"An interval says nothing of other training seeds: a difference counts only where all "
        f"{measured.seeds} agree on its sign, too."
    )
    return (
        f"{seeds} A single-task arm has had all its steps for its one task, and sixteen heads a step where "
        "the others have eight under two tasks. This is far from convergence, from clips of real people and "
        "from the published size: it shows which way the parts push early in training, not what the paper's "
        "table claims. FVD and IDS need weights that are not shipped: not measured."
    )
