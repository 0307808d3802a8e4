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

from torch import nn

from svfr_lab.clips.degraded_clips import RenderedClips
from svfr_lab.experiments.kit.arms import next_goal
from svfr_lab.experiments.kit.bench import Bench
from svfr_lab.experiments.kit.clock import Deadline
from svfr_lab.experiments.kit.experiment import Experiment, Findings, PaperClaim
from svfr_lab.experiments.kit.feed_forward_run import FeedForwardRun, restored
from svfr_lab.experiments.kit.held_out import Clip, held_back_of, held_out_clips
from svfr_lab.experiments.kit.recipe import CROP_PX, FRAMES, seeds_for
from svfr_lab.experiments.questions.inpaint_pretraining_report import (
    PRETRAINED,
    SCRATCH,
    Curves,
    draw,
    paragraph,
    rows,
)
from svfr_lab.heads.dataset import open_rendered_folder
from svfr_lab.metrics.statistics import psnr_db
from svfr_restore.media.atomic import whole_file

_MOST_CLIPS = 2000
_PRETRAIN_UNTIL, _TRAIN_UNTIL = 0.22, 0.95
_RUNGS = 8
_BFR = frozenset({"bfr"})
_BFR_STREAM, _HOLE_STREAM = 0, 1


@dataclass(frozen=True)
class _Examination:
    """The held-out damaged clips and their truths."""

    damaged: tuple[Clip, ...]
    truths: tuple[Clip, ...]

    def psnr(self, net: nn.Module) -> list[float]:
        """Return each clip's PSNR in dB."""
        pairs = zip(self.damaged, self.truths, strict=True)
        return [psnr_db(restored(net, codes), truth) for codes, truth in pairs]

    def input_psnr(self) -> list[float]:
        """Return what the damaged clips themselves score."""
        return [psnr_db(codes, truth) for codes, truth in zip(self.damaged, self.truths, strict=True)]


class _Notebook:
    """Scores by (arm, seed, steps of restoration), kept in the run's folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.scores: dict[tuple[str, int, int], list[float]] = {}
        if path.exists():
            whole = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
            path.write_text("".join(whole))
            for note in map(json.loads, whole):
                self.scores[note["arm"], note["seed"], note["step"]] = note["psnr_db"]

    def note(self, arm: str, seed: int, step: int, psnr: list[float]) -> None:
        self.scores[arm, seed, step] = psnr
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"arm": arm, "seed": seed, "step": step, "psnr_db": psnr}) + "\n")


def _run(bench: Bench) -> Findings:
    clips = bench.clips(_MOST_CLIPS, CROP_PX, FRAMES)
    count = len(open_rendered_folder(clips).clips)
    held_back = held_back_of(count)
    seeds = [bench.seed + index for index in range(seeds_for(bench.budget_s))]
    pretrained, steps = _pretrain(bench, clips, held_back, seeds)
    held_out = list(held_out_clips(clips, held_back))
    examination = _Examination(
        tuple(clip.damaged(_BFR).lq for clip in held_out), tuple(clip.truth for clip in held_out)
    )
    notebook = _Notebook(bench.folder / "scores.jsonl")
    source = RenderedClips(clips, {"bfr": 1.0}, held_back=held_back)
    for seed in seeds:
        for arm, start in ((PRETRAINED, pretrained[seed].weights()), (SCRATCH, None)):
            untrained = FeedForwardRun(_folder(bench, arm, seed), seed, _BFR_STREAM, source, start)
            if untrained.step == 0 and (arm, seed, 0) not in notebook.scores:
                notebook.note(arm, seed, 0, examination.psnr(untrained.averaged_net))
    _train(bench, source, seeds, pretrained, steps, examination, notebook)
    curves = Curves(notebook.scores, examination.input_psnr(), seeds, steps, count - held_back)
    return Findings(
        rows=rows(curves),
        draw=lambda figure: draw(figure, curves),
        paragraph=paragraph(curves),
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
        return runs, int(json.loads(plan.read_text(encoding="utf-8"))["pretraining_steps"])
    steps = _in_turns(bench, runs, bench.share(_PRETRAIN_UNTIL))
    with whole_file(plan) as scratch:
        scratch.write_text(json.dumps({"pretraining_steps": steps}), encoding="utf-8")
    return runs, steps


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
    seeds: Sequence[int],
    pretrained: Mapping[int, FeedForwardRun],
    steps: int,
    examination: _Examination,
    notebook: _Notebook,
) -> None:
    """Teach restoration: both runs of each seed to ``steps``, then those from scratch to twice that.

    Each rung of the ladder is climbed by all runs before the next one. When the time is over it stops, but
    not before the first rung of either half.
    """
    runs = {
        (arm, seed): FeedForwardRun(_folder(bench, arm, seed), seed, _BFR_STREAM, source, start)
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
                    if (arm, seed, rung + offset) not in notebook.scores and run.step == rung + offset:
                        notebook.note(arm, seed, run.step, examination.psnr(run.averaged_net))


def _folder(bench: Bench, arm: str, seed: int) -> Path:
    return bench.folder / "arms" / f"{arm.replace(' ', '-')}-{seed}"


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
