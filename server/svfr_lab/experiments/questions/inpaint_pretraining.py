"""``inpaint-pretraining``: does a network that has learned to fill holes restore blurred faces better?

Two runs of one seed: one learns to fill holes for N steps and to restore for another N, the other learns to
restore from the start for 2 N. Both see the same blurred faces in the same order. Compared are equal steps of
restoration, where the pre-trained run has had more training, and equal steps in all.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from svfr.arrays import Float32
from svfr_client.files import write_whole
from svfr_lab.clips.degraded_clips import RenderedClips
from svfr_lab.experiments.kit.arms import next_goal
from svfr_lab.experiments.kit.bench import Bench
from svfr_lab.experiments.kit.clock import Deadline
from svfr_lab.experiments.kit.experiment import NOT_MEASURED, Cell, Experiment, Findings, PaperClaim, Row
from svfr_lab.experiments.kit.feed_forward_run import FeedForwardRun, restored
from svfr_lab.experiments.kit.held_out import held_back_of, held_out_clips
from svfr_lab.experiments.kit.measurements import (
    Measurements,
    Score,
    Values,
    is_significant,
    over_clips,
    row_over_seeds,
)
from svfr_lab.experiments.kit.notebook import Notebook
from svfr_lab.experiments.kit.noted import damaged, read_noted
from svfr_lab.experiments.kit.recipe import CROP_PX, FRAMES, from_seeds, seeds_for
from svfr_lab.heads.dataset import open_rendered_folder
from svfr_lab.metrics.psnr_ssim import psnr_db

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PRETRAINED, SCRATCH = "pre-trained", "from scratch"
_ARMS = (PRETRAINED, SCRATCH)
_COLOURS = {PRETRAINED: "C1", SCRATCH: "C0"}
_INPUT, _PSNR = "input", "psnr_db"

_MOST_CLIPS = 2000
_PRETRAIN_UNTIL, _TRAIN_UNTIL = 0.22, 0.95
_RUNGS = 8
_BFR = frozenset({"bfr"})
_BFR_STREAM, _HOLE_STREAM = 0, 1


Pair: TypeAlias = tuple[Float32, Float32]
"""A degraded clip and its truth."""


@dataclass(frozen=True)
class Curves:
    """PSNR of each clip by arm and seed; the task of a score is its number of steps of restoration.

    ``steps`` are those at which all seeds of an arm were examined; ``pretraining`` steps came before.
    """

    measured: Measurements
    steps: Mapping[str, Sequence[int]]
    pretraining: int
    identities: int

    @classmethod
    def of(
        cls,
        notes: Sequence[Mapping[str, Any]],
        input_db: Sequence[float],
        pretraining: int,
        identities: int,
    ) -> Curves:
        """Return the curves of examinations: arm, seed, step and the PSNR of every clip."""
        seeds = {note["seed"] for note in notes}
        seen: dict[tuple[str, int], set[int]] = {}
        for note in notes:
            seen.setdefault((note["arm"], note["step"]), set()).add(note["seed"])
        steps = {arm: sorted(s for (a, s), who in seen.items() if a == arm and who == seeds) for arm in _ARMS}
        clips = [
            [Score(_INPUT, _PSNR, input_db[clip], seed=seed) for seed in sorted(seeds)]
            + [
                Score(
                    method=n["arm"],
                    measure=_PSNR,
                    value=n["psnr_db"][clip],
                    task=str(n["step"]),
                    seed=n["seed"],
                )
                for n in notes
            ]
            for clip in range(len(input_db))
        ]
        return cls(Measurements.of(clips), steps, pretraining, identities)

    def psnr_db(self, arm: str, step: int) -> Values:
        """Return the figures (seeds, clips) of an arm after so many steps of restoration."""
        return self.measured.values(arm, _PSNR, str(step))

    @property
    def input_db(self) -> Values:
        """The figures of the degraded clips, the same for every seed."""
        return self.measured.values(_INPUT, _PSNR)

    @property
    def common_steps(self) -> int:
        """The most steps of restoration that both arms have had."""
        return max(set(self.steps[PRETRAINED]) & set(self.steps[SCRATCH]))

    @property
    def common_total(self) -> int | None:
        """The most steps in all at which both arms were examined; None when there are none."""
        totals = {step + self.pretraining for step in self.steps[PRETRAINED]} & set(self.steps[SCRATCH])
        return max((total for total in totals if total > self.pretraining), default=None)

    def at_equal_restoration(self) -> Values:
        """Return pre-trained minus scratch, (seeds, clips), after the same steps of restoration."""
        step = self.common_steps
        return self.psnr_db(PRETRAINED, step) - self.psnr_db(SCRATCH, step)

    def at_equal_total(self) -> Values | None:
        """Return pre-trained minus scratch, (seeds, clips), after the same steps in all."""
        total = self.common_total
        if total is None:
            return None
        return self.psnr_db(PRETRAINED, total - self.pretraining) - self.psnr_db(SCRATCH, total)


def _run(bench: Bench) -> Findings:
    clips = bench.clips(_MOST_CLIPS, CROP_PX, FRAMES)
    count = len(open_rendered_folder(clips).clips)
    held_back = held_back_of(count)
    seeds = [bench.seed + index for index in range(seeds_for(bench.budget_s))]
    pretrained, steps = _pretrain(bench, clips, held_back, seeds)
    held_out = [(clip.damaged(_BFR).lq, clip.truth) for clip in held_out_clips(clips, held_back)]
    notebook = Notebook(bench.folder / "scores.jsonl")
    source = RenderedClips(clips, {"bfr": 1.0}, held_back=held_back)
    for seed in seeds:
        for arm, start in ((PRETRAINED, pretrained[seed].weights()), (SCRATCH, None)):
            untrained = FeedForwardRun(
                folder=_folder(bench, arm, seed), seed=seed, stream=_BFR_STREAM, source=source, start=start
            )
            if untrained.step == 0:
                _examine(notebook, held_out, arm, seed, untrained)
    _train(
        bench, source, seeds=seeds, pretrained=pretrained, steps=steps, held_out=held_out, notebook=notebook
    )
    curves = Curves.of(notebook.rows, [psnr_db(*pair) for pair in held_out], steps, count - held_back)
    return Findings(
        rows=_rows(curves),
        draw=lambda figure: _draw(figure, curves),
        paragraph=_paragraph(curves),
        summary={
            "pretraining_steps": steps,
            "restoration_steps": curves.common_steps,
            "total_steps_compared": curves.common_total,
            "seeds": len(seeds),
            "training_identities": count - held_back,
            "clips_measured": held_back,
        },
    )


def _pretrain(
    bench: Bench, clips: Path, held_back: int, seeds: Sequence[int]
) -> tuple[Mapping[int, FeedForwardRun], int]:
    """Return the run of each seed that has learned to fill holes, and its number of steps."""
    source = RenderedClips(clips, {"inpaint": 1.0}, held_back=held_back, hole_fill="white")
    runs = {seed: FeedForwardRun(_folder(bench, "holes", seed), seed, _HOLE_STREAM, source) for seed in seeds}
    plan = bench.folder / "plan.json"
    if plan.exists():
        return runs, _noted_steps(plan)
    steps = _in_turns(bench, runs, bench.share(_PRETRAIN_UNTIL))
    write_whole(plan, json.dumps({"pretraining_steps": steps}))
    return runs, steps


def _noted_steps(plan: Path) -> int:
    try:
        return int(read_noted(plan)["pretraining_steps"])
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(plan, "it does not say how many steps were trained") from error


def _in_turns(bench: Bench, runs: Mapping[int, FeedForwardRun], until: Deadline) -> int:
    """Train all runs for equally many steps until another round would not fit; at least one round."""
    seconds_per_step = 0.0
    while True:
        done = [run.step for run in runs.values()]
        goal = next_goal(min(done))
        missing = sum(max(0, goal - step) for step in done)
        level = min(done) == max(done) > 0
        if level and until.remaining_s() < missing * seconds_per_step:
            return done[0]
        started = time.monotonic()
        for run in runs.values():
            run.go_to(goal)
            bench.say("Learning to fill holes", run.step, 0)
        seconds_per_step = (time.monotonic() - started) / missing


def _train(
    bench: Bench,
    source: RenderedClips,
    *,
    seeds: Sequence[int],
    pretrained: Mapping[int, FeedForwardRun],
    steps: int,
    held_out: Sequence[Pair],
    notebook: Notebook,
) -> None:
    """Teach restoration: both runs of each seed to ``steps``, then those from scratch to twice that.

    All runs take one step of the ladder before the next. When the time is over it stops, but
    not before the first rung of either half.
    """
    runs = {
        (arm, seed): FeedForwardRun(
            folder=_folder(bench, arm, seed), seed=seed, stream=_BFR_STREAM, source=source, start=start
        )
        for seed in seeds
        for arm, start in ((PRETRAINED, pretrained[seed].weights()), (SCRATCH, None))
    }
    until = bench.share(_TRAIN_UNTIL)
    halfway = bench.share((_PRETRAIN_UNTIL + 2.0 * _TRAIN_UNTIL) / 3.0)
    ladder = sorted({-(-steps * rung // _RUNGS) for rung in range(1, _RUNGS + 1)})
    for arms, offset, deadline in (((PRETRAINED, SCRATCH), 0, halfway), ((SCRATCH,), steps, until)):
        for rung in ladder:
            if rung != ladder[0] and deadline.over():
                break
            for arm in arms:
                for seed in seeds:
                    run = runs[arm, seed]
                    run.go_to(rung + offset)
                    bench.say(f"Learning to restore, {arm}", run.step, 0)
                    if run.step == rung + offset:
                        _examine(notebook, held_out, arm, seed, run)


def _examine(notebook: Notebook, held_out: Sequence[Pair], arm: str, seed: int, run: FeedForwardRun) -> None:
    """Note what the network scores after its steps, unless that is known."""
    what = {"arm": arm, "seed": seed, "step": run.step}
    if not any(what.items() <= note.items() for note in notebook.rows):
        net = run.averaged_net
        notebook.add({**what, "psnr_db": [psnr_db(restored(net, codes), truth) for codes, truth in held_out]})


def _folder(bench: Bench, arm: str, seed: int) -> Path:
    return bench.folder / "arms" / f"{arm.replace(' ', '-')}-{seed}"


def _rows(curves: Curves) -> list[Row]:
    """Return a row for the input, one for each examination, and one for each comparison."""
    found = [_row(_INPUT, _PSNR, 0, 0, curves.input_db[:1])]
    for arm in _ARMS:
        before = curves.pretraining if arm == PRETRAINED else 0
        found += [_row(arm, _PSNR, s, s + before, curves.psnr_db(arm, s)) for s in curves.steps[arm]]
    name, measure = f"{PRETRAINED} minus {SCRATCH}", "psnr_difference_db"
    total, in_all = curves.common_total, curves.at_equal_total()
    nothing: Values = np.empty((0, 0))
    return [
        *found,
        _row(name, measure, curves.common_steps, "differs", curves.at_equal_restoration()),
        _row(name, measure, "differs", total or "differs", nothing if in_all is None else in_all),
    ]


def _row(arm: str, measure: str, restoration: Cell, total: Cell, values: Values) -> Row:
    return row_over_seeds(values, arm=arm, measure=measure, restoration_steps=restoration, total_steps=total)


def _draw(figure: Figure, curves: Curves) -> None:
    """Draw the gain over the input against steps of restoration, and against steps in all."""
    panels = figure.subplots(1, 2, sharey=True)
    _draw_panel(panels[0], curves, 0)
    panels[0].set_xlabel("steps of restoration")
    panels[0].set_ylabel("gain over the input, dB")
    _draw_panel(panels[1], curves, curves.pretraining)
    panels[1].set_xlabel("steps in all")
    panels[1].axvline(curves.pretraining, color="0.6", linewidth=0.8, linestyle="--")
    panels[0].legend(fontsize="small")
    figure.suptitle(
        f"{curves.measured.clips} held-out clips; thin: each seed; band: 95 % interval over clips",
        fontsize="small",
    )


def _draw_panel(panel: Axes, curves: Curves, before: int) -> None:
    for arm in _ARMS:
        steps = curves.steps[arm]
        gains = [curves.psnr_db(arm, step) - curves.input_db for step in steps]
        places = [step + (before if arm == PRETRAINED else 0) for step in steps]
        intervals = [over_clips(gain) for gain in gains]
        means, low, high = ([getattr(each, end) for each in intervals] for end in ("mean", "low", "high"))
        panel.plot(places, means, color=_COLOURS[arm], linewidth=2, label=arm)
        panel.fill_between(places, low, high, color=_COLOURS[arm], alpha=0.15, linewidth=0)
        for seed in range(curves.measured.seeds):
            single = [gain[seed].mean() for gain in gains]
            panel.plot(places, single, color=_COLOURS[arm], linewidth=0.6)
    panel.axhline(0.0, color="0.6", linewidth=0.8)
    panel.grid(alpha=0.3)


def _paragraph(curves: Curves) -> str:
    """Return what was asked, done and found."""
    clips, total = curves.measured.clips, curves.common_total
    restoration, in_all = curves.at_equal_restoration(), curves.at_equal_total()
    last = curves.psnr_db(SCRATCH, max(curves.steps[SCRATCH]))
    gain = over_clips(last - curves.input_db).text()
    equal_total = (
        f"- **Equal steps in all**: {NOT_MEASURED}: the budget ended before the run from scratch caught up."
        if in_all is None or total is None
        else f"- **Equal steps in all** ({total}; the pre-trained run spent {curves.pretraining} of them on "
        f"holes): {_difference_text(in_all)}"
    )
    return "\n\n".join(
        [
            "A network of GPEN's kind with a quarter of a million weights (an encoder, one code that steers "
            "every level of a decoder, the encoder's maps joining each level; L1 loss, no adversary, no "
            f"generative prior) was trained on single {CROP_PX} px frames of {curves.identities} rendered "
            f"heads, {from_seeds(curves.measured.seeds)}. One run of each seed learned to fill holes for "
            f"**{curves.pretraining} steps** of 16 faces and then to restore blurred ones; the other learned "
            "to restore from the start, on the same faces in the same order. Measured on "
            f"n = {clips} clips of other heads. The difference in PSNR, pre-trained minus from scratch, mean "
            "and 95 % interval of a paired bootstrap over clips:",
            f"- **Equal steps of restoration** ({curves.common_steps}): {_difference_text(restoration)}\n"
            f"{equal_total}",
            f"{_reading(restoration, in_all)} From scratch the network ends {gain} dB above "
            "its input (bicubic enlargement). A few hundred steps are early in training, where a head "
            "start counts most; nothing here says what a converged network, an adversary or a generative "
            "prior would make of it.",
        ]
    )


def _difference_text(difference: Values) -> str:
    by_seed = ", ".join(f"{value:+.2f}" for value in difference.mean(1))
    return f"{over_clips(difference).text(2, signed=True)} dB (by seed: {by_seed})."


def _reading(restoration: Values, in_all: Values | None) -> str:
    """Return what the two comparisons mean together."""
    head_start = _sign(restoration)
    if head_start <= 0:
        verdict = "hinders" if head_start < 0 else "does not measurably help"
        return f"So having filled holes {verdict}, even with the additional steps it has cost."
    if in_all is None:
        return "So having filled holes helps; whether more than as many steps of restoration is not known."
    worth = _sign(in_all)
    if worth > 0:
        return "So having filled holes helps, and more than the same time spent on restoration itself."
    rest = "less than" if worth < 0 else "no measurably more than"
    return f"So having filled holes helps at first, but {rest} the same time spent on restoration itself."


def _sign(difference: Values) -> int:
    """Return -1 or 1 where the interval and all seeds agree, else 0."""
    return int(np.sign(difference.mean())) if is_significant(difference) else 0


EXPERIMENT = Experiment(
    name="inpaint-pretraining",
    title="Learning to fill holes before learning to restore",
    question="Does pre-training on inpainting make a small feed-forward network of GPEN's kind restore "
    "blurred faces better?",
    run=_run,
    paper_claim=PaperClaim(
        source="SVFR (Wang et al. 2025, arXiv 2501.01235), abstract: restoration, inpainting and "
        "colorization are tasks that the authors “empirically show to benefit each other”.",
        columns=("claim", "figure"),
        rows=(("inpainting helps blind face restoration", "not available to us"),),
        note="Theirs is about full-size networks with a trained generative prior; ours has neither.",
    ),
)
