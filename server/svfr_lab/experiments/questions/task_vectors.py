"""``task-vectors``: does the task vector steer the network, or does it only look at the picture?

Every combination of damage is restored under every one of the seven task vectors, with the same picture going
in, so that nothing but the three bits differs.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from svfr.models.model import Model
from svfr.sampling.crops_in_memory import as_model_sees
from svfr_client.vocabulary import TASKS
from svfr_lab.experiments.kit.bench import Bench
from svfr_lab.experiments.kit.experiment import Experiment, Findings, Row
from svfr_lab.experiments.kit.held_out import HeldOutClip, put_back, sampled, task_name
from svfr_lab.experiments.kit.measurements import Measurements, Score, labelled_row
from svfr_lab.experiments.kit.shipped import measure_shipped
from svfr_lab.metrics.psnr_ssim import psnr_db
from svfr_lab.metrics.statistics import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MEASURE_UNTIL = 0.95
_FEWEST_CLIPS = 3

TASK_SETS = tuple(frozenset(names) for count in (1, 2, 3) for names in combinations(TASKS, count))
"""All seven task vectors that are not zero."""

_NAMES = tuple(task_name(tasks) for tasks in TASK_SETS)


_PSNR, _SHIFT = "psnr_db", "shift_codes"
"""PSNR in dB, and how far a vector moves the network's output from that under the clip's own vector.

The method of a figure is the vector, its task the degradation. The shift is a root mean square in codes
of 255.
"""


def _run(bench: Bench) -> Findings:
    shipped, measured = measure_shipped(bench, "vectors", _scores, bench.share(_MEASURE_UNTIL), _FEWEST_CLIPS)
    return Findings(
        rows=_rows(measured),
        draw=lambda figure: _draw(figure, measured),
        paragraph=_paragraph(measured, shipped.describe()),
        summary={
            "clips_measured": measured.clips,
            "weights_sha256_start": shipped.weights,
            "own_vector_is_best": len(_led(measured)),
            "mean_shift_codes": round(float(_other_shifts(measured).mean()), 3),
        },
    )


def _scores(clip: HeldOutClip, model: Model) -> Iterator[Score]:
    """Yield PSNR and shift for each degradation and vector."""
    for tasks, name in zip(TASK_SETS, _NAMES, strict=True):
        damaged = clip.damaged(tasks)
        seen = as_model_sees(model, damaged.lq, damaged.hole, tasks)
        made = {
            vector: sampled(model, seen, bits, "one") for bits, vector in zip(TASK_SETS, _NAMES, strict=True)
        }
        for vector, output in made.items():
            restored = put_back(damaged.lq, output, tasks, damaged.hole)
            shift = 255.0 * float(np.sqrt(np.mean((output - made[name]) ** 2)))
            yield Score(vector, _PSNR, psnr_db(restored, clip.truth), name)
            yield Score(vector, _SHIFT, shift, name)


def _means(measured: Measurements, measure: str) -> NDArray[np.float64]:
    """Return the means over clips by degradation and vector, (7, 7)."""
    return np.array([[measured.values(v, measure, d).mean() for v in _NAMES] for d in _NAMES])


def _best_other(measured: Measurements, name: str) -> str:
    """Return the vector, not the degradation's own, that has the highest mean."""
    others = [vector for vector in _NAMES if vector != name]
    return max(others, key=lambda vector: measured.values(vector, _PSNR, name).mean())


def _other_shifts(measured: Measurements) -> NDArray[np.float64]:
    """Return each clip's mean shift over all vectors that are not the degradation's own, (clips,)."""
    total = sum(measured.values(vector, _SHIFT, name)[0] for name in _NAMES for vector in _NAMES)
    return np.asarray(total / (len(_NAMES) * (len(_NAMES) - 1)))


def _led(measured: Measurements) -> list[str]:
    """Return the degradations whose own vector has the highest mean PSNR."""
    means = _means(measured, _PSNR)
    return [name for place, name in enumerate(_NAMES) if int(means[place].argmax()) == place]


def _rows(measured: Measurements) -> list[Row]:
    return [
        labelled_row(values, damage=name, vector=vector, measure=measure)
        for name in _NAMES
        for vector in _NAMES
        for measure, values in (
            (_PSNR, measured.values(vector, _PSNR, name)),
            ("psnr minus own vector's, dB", measured.difference(vector, name, _PSNR, name)),
            (_SHIFT, measured.values(vector, _SHIFT, name)),
        )
    ]


def _draw(figure: Figure, measured: Measurements) -> None:
    figure.set_size_inches(11.0, 5.0)
    left, right = figure.subplots(1, 2, sharey=True)
    psnr = _means(measured, _PSNR)
    loss = psnr - np.diag(psnr)[:, None]
    _matrix(left, loss, "PSNR minus that under the damage's own vector, dB", "RdBu", True)
    _matrix(right, _means(measured, _SHIFT), "how far the vector moves the output, codes", "Oranges", False)
    left.set_ylabel("damage of the clip")
    figure.suptitle(
        f"the same picture under seven task vectors, n = {measured.clips} clips", fontsize="small"
    )


def _matrix(panel: Axes, values: NDArray[np.float64], title: str, colours: str, signed: bool) -> None:
    """Paint a 7 x 7 table; a signed one has white at zero."""
    most = max(float(np.abs(values).max()), 1e-6)
    panel.imshow(values, cmap=colours, vmin=-most if signed else 0.0, vmax=most)
    for (row, column), value in np.ndenumerate(values):
        dark = abs(value) > 0.6 * most
        text = f"{value:+.2f}" if signed else f"{value:.1f}"
        panel.text(column, row, text, ha="center", va="center", fontsize=7, color="w" if dark else "k")
    panel.set_xticks(range(len(_NAMES)), _NAMES, rotation=40, ha="right", fontsize="small")
    panel.set_yticks(range(len(_NAMES)), _NAMES, fontsize="small")
    panel.set_xlabel("task vector")
    panel.set_title(title, fontsize="small")


def _paragraph(measured: Measurements, model: str) -> str:
    lines = []
    for name in _NAMES:
        other = _best_other(measured, name)
        worst = min(_NAMES, key=lambda vector: measured.values(vector, _PSNR, name).mean())
        drop = measured.paired_difference(worst, name, _PSNR, name)
        lines.append(
            f"- **{name}**: {measured.mean_interval(name, _PSNR, name).text(2)} dB under its own "
            f"vector, {_lead(measured, name).text(2, True)} dB against the best other one ({other}), and "
            f"{worst} is the worst with {drop.text(2, True)} dB."
        )
    return "\n\n".join(
        [
            f"Clips with each of the seven combinations of damage went through {model}, one pass "
            "without a reference, under each of the seven task vectors. The picture that goes in is always "
            "the one prepared for its damage, and what the damage left intact is put back into every result: "
            f"nothing but the three bits differs. PSNR of the whole frame, n = {measured.clips} clips, mean "
            "and 95 % bootstrap interval:",
            "\n".join(lines),
            _reading(measured),
        ]
    )


def _lead(measured: Measurements, name: str) -> Estimate:
    """Return by how much a degradation's own vector leads the best other one."""
    return measured.paired_difference(name, _best_other(measured, name), _PSNR, name)


def _reading(measured: Measurements) -> str:
    led = _led(measured)
    shift = Estimate.of(_other_shifts(measured)).text(1)
    clear = [name for name in _NAMES if _lead(measured, name).low > 0.0]
    return (
        f"Another vector moves the network's output by {shift} codes of 255 on average: that is how strongly "
        f"it steers. The damage's own vector is the best of the seven for {len(led)} of 7 "
        f"kinds of damage ({', '.join(led) or 'none'}), and clearly so, with an interval above zero against "
        f"the runner-up, for {len(clear)} ({', '.join(clear) or 'none'}). The runner-up was chosen by the "
        "same clips, which flatters it a little. Where another vector is as good, the network reads the "
        "damage off the picture itself."
    )


EXPERIMENT = Experiment(
    name="task-vectors",
    title="Seven task vectors on seven kinds of damage",
    question="Does the task vector steer the network, and is each damage's own vector the best for it?",
    run=_run,
)
