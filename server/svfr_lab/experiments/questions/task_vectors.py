"""``task-vectors``: does the task vector steer the network, or does it only look at the picture?

Every combination of damage is restored under every one of the seven task vectors, with the same picture going
in, so that nothing but the three bits differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
from svfr_lab.experiments.kit.measuring import Scores, measure_clips
from svfr_lab.experiments.kit.shipped import shipped_on_clips
from svfr_lab.experiments.kit.spread import Interval
from svfr_lab.metrics.statistics import psnr_db

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MEASURE_UNTIL = 0.95
_FEWEST_CLIPS = 3

TASK_SETS = tuple(frozenset(names) for count in (1, 2, 3) for names in combinations(TASKS, count))
"""All seven task vectors that are not zero."""

_NAMES = tuple(task_name(tasks) for tasks in TASK_SETS)


@dataclass(frozen=True)
class _Measured:
    """By clip, damage and vector, (clips, 7, 7): PSNR in dB, and how far the vector moves the output.

    The shift is the root mean square difference of the network's output to that under the vector of the
    damage, in codes of 255.
    """

    psnr_db: NDArray[np.float64]
    shift_codes: NDArray[np.float64]
    model: str

    @property
    def clips(self) -> int:
        """The number of clips."""
        return len(self.psnr_db)

    @property
    def loss_db(self) -> NDArray[np.float64]:
        """PSNR under a vector minus PSNR under the vector of the damage, (clips, 7, 7)."""
        matched = np.diagonal(self.psnr_db, axis1=1, axis2=2)
        return self.psnr_db - matched[:, :, None]

    def best_other(self, damage: int) -> int:
        """Return the vector, not the damage's own, that has the highest mean."""
        means = self.psnr_db[:, damage].mean(0)
        means[damage] = -np.inf
        return int(means.argmax())


def _run(bench: Bench) -> Findings:
    shipped, clips = shipped_on_clips(bench)
    scores = measure_clips(
        bench,
        f"vectors-{shipped.weights}",
        clips,
        lambda clip: _score(clip, shipped.model),
        bench.share(_MEASURE_UNTIL),
        _FEWEST_CLIPS,
    )
    measured = _Measured(_array(scores, "psnr"), _array(scores, "shift"), shipped.describe())
    return Findings(
        rows=_rows(measured),
        draw=lambda figure: _draw(figure, measured),
        paragraph=_paragraph(measured),
        summary={
            "clips_measured": measured.clips,
            "weights_sha256_start": shipped.weights,
            "own_vector_is_best": len(_led(measured)),
            "mean_shift_codes": round(float(_other_shifts(measured).mean()), 3),
        },
    )


def _score(clip: HeldOutClip, model: Model) -> Scores:
    """Return PSNR and shift for each damage and vector, by "psnr|damage|vector"."""
    scores = {}
    for damage, name in zip(TASK_SETS, _NAMES, strict=True):
        damaged = clip.damaged(damage)
        seen = as_model_sees(model, damaged.lq, damaged.hole, damage)
        made = {
            other: sampled(model, seen, tasks, "one") for tasks, other in zip(TASK_SETS, _NAMES, strict=True)
        }
        for other, output in made.items():
            restored = put_back(damaged.lq, output, damage, damaged.hole)
            shift = 255.0 * float(np.sqrt(np.mean((output - made[name]) ** 2)))
            scores[f"psnr|{name}|{other}"] = psnr_db(restored, clip.truth)
            scores[f"shift|{name}|{other}"] = shift
    return scores


def _array(scores: Sequence[Scores], measure: str) -> NDArray[np.float64]:
    return np.array([[[row[f"{measure}|{d}|{v}"] for v in _NAMES] for d in _NAMES] for row in scores])


def _other_shifts(measured: _Measured) -> NDArray[np.float64]:
    """Return each clip's mean shift over all vectors that are not the damage's own."""
    return measured.shift_codes.sum((1, 2)) / (len(_NAMES) * (len(_NAMES) - 1))


def _led(measured: _Measured) -> list[str]:
    """Return the damages whose own vector has the highest mean PSNR."""
    means = measured.psnr_db.mean(0)
    return [name for place, name in enumerate(_NAMES) if int(means[place].argmax()) == place]


def _rows(measured: _Measured) -> list[Row]:
    rows: list[Row] = []
    for d, damage in enumerate(_NAMES):
        for v, vector in enumerate(_NAMES):
            for measure, values in (
                ("psnr_db", measured.psnr_db),
                ("psnr minus own vector's, dB", measured.loss_db),
                ("shift_codes", measured.shift_codes),
            ):
                cells = Interval.of(values[:, d, v]).cells()
                rows.append({"damage": damage, "vector": vector, "measure": measure, **cells})
    return rows


def _draw(figure: Figure, measured: _Measured) -> None:
    figure.set_size_inches(11.0, 5.0)
    left, right = figure.subplots(1, 2, sharey=True)
    _matrix(left, measured.loss_db.mean(0), "PSNR minus that under the damage's own vector, dB", "RdBu", True)
    _matrix(
        right, measured.shift_codes.mean(0), "how far the vector moves the output, codes", "Oranges", False
    )
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


def _paragraph(measured: _Measured) -> str:
    lines = []
    for place, name in enumerate(_NAMES):
        other = measured.best_other(place)
        lead = Interval.of(-measured.loss_db[:, place, other])
        worst = int(measured.psnr_db[:, place].mean(0).argmin())
        drop = Interval.of(measured.loss_db[:, place, worst])
        lines.append(
            f"- **{name}**: {Interval.of(measured.psnr_db[:, place, place]).text(2)} dB under its own "
            f"vector, {lead.text(2, True)} dB against the best other one ({_NAMES[other]}), and "
            f"{_NAMES[worst]} is the worst with {drop.text(2, True)} dB."
        )
    return "\n\n".join(
        [
            f"Clips with each of the seven combinations of damage went through {measured.model}, one pass "
            "without a reference, under each of the seven task vectors. The picture that goes in is always "
            "the one prepared for its damage, and what the damage left intact is put back into every result: "
            f"nothing but the three bits differs. PSNR of the whole frame, n = {measured.clips} clips, mean "
            "and 95 % bootstrap interval:",
            "\n".join(lines),
            _reading(measured),
        ]
    )


def _reading(measured: _Measured) -> str:
    led = _led(measured)
    shift = Interval.of(_other_shifts(measured)).text(1)
    clear = [
        name
        for place, name in enumerate(_NAMES)
        if (lead := Interval.of(-measured.loss_db[:, place, measured.best_other(place)])).excludes_zero
        and (lead.mean or 0.0) > 0.0
    ]
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
