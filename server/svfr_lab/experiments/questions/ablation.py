"""``ablation``: what each part of the method adds, on small networks trained here from the same start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from svfr.models.model import Model
from svfr.sampling.crops_in_memory import as_model_sees
from svfr.training.recipe.config import NOISE_ALONE, LossWeights, TrainConfig
from svfr_lab.experiments.kit.arms import Arm, train_arms
from svfr_lab.experiments.kit.bench import Bench
from svfr_lab.experiments.kit.experiment import Experiment, Findings, PaperClaim
from svfr_lab.experiments.kit.face_points import landmark_error
from svfr_lab.experiments.kit.held_out import (
    Clip,
    HeldOutClip,
    held_back_of,
    held_out_clips,
    put_back,
    sampled,
)
from svfr_lab.experiments.kit.measuring import Scores, measure_clips
from svfr_lab.experiments.kit.recipe import (
    BASE,
    CROP_PX,
    FRAMES,
    PHASE,
    TASKS,
    UNIFIED_LATENT,
    facial_prior,
    landmarks_of,
    seeds_for,
)
from svfr_lab.experiments.questions.ablation_report import (
    CONDITIONS,
    INPUT,
    LANDMARKS,
    POINTED_TASK,
    PSNR,
    AblationFigures,
    draw,
    measured_keys,
    paragraph,
    rows,
)
from svfr_lab.heads.dataset import open_rendered_folder
from svfr_lab.metrics.statistics import psnr_db
from svfr_restore.faces.landmarks import FivePointFinder

_MOST_CLIPS = 2000
_TRAIN_UNTIL, _MEASURE_UNTIL = 0.75, 0.96


def _run(bench: Bench) -> Findings:
    clips = bench.clips(_MOST_CLIPS, CROP_PX, FRAMES)
    count = len(open_rendered_folder(clips).clips)
    held_back = held_back_of(count)
    landmarks = landmarks_of(clips)
    seeds = [bench.seed + index for index in range(seeds_for(bench.budget_s))]
    arms = [arm for seed in seeds for arm in _arms(seed, landmarks)]
    trained = train_arms(bench, arms, clips, held_back, bench.share(_TRAIN_UNTIL))
    configs = {arm.name: arm.config for arm in arms}
    models = {name: net.as_model(configs[name]) for name, net in trained.nets.items()}
    finder = FivePointFinder()
    scores = measure_clips(
        bench,
        f"scores-{trained.steps}",
        held_out_clips(clips, held_back),
        lambda clip: _score(clip, models, seeds, finder),
        bench.share(_MEASURE_UNTIL),
    )
    measured = AblationFigures(
        _arrays(scores, seeds), trained.steps, len(seeds), count - held_back, landmarks
    )
    return Findings(
        rows=rows(measured),
        draw=lambda figure: draw(figure, measured),
        paragraph=paragraph(measured),
        summary={
            "steps_per_arm": measured.steps,
            "seeds": measured.seeds,
            "training_identities": measured.identities,
            "clips_measured": measured.clips,
            "landmarks": measured.landmarks,
        },
    )


def _arms(seed: int, landmarks: int) -> list[Arm]:
    """Return the arms of one seed. What several tasks share is that each clip is seen under two of them."""
    together = replace(BASE, seed=seed)
    heads = replace(together, unified_latent=UNIFIED_LATENT, facial_prior=facial_prior(landmarks))
    full = replace(heads, losses=LossWeights())
    configs: dict[str, TrainConfig] = {f"single-{task}": _alone(together, task) for task in TASKS}
    configs |= {
        "multi": replace(together, losses=NOISE_ALONE),
        "ulr": replace(heads, losses=replace(LossWeights(), facial_prior=0.0)),
        "full": full,
        "no-srr": replace(full, reference_share=0.0),
    }
    return [Arm(_arm_name(name, seed), config) for name, config in configs.items()]


def _alone(config: TrainConfig, task: str) -> TrainConfig:
    phase = replace(PHASE, tasks_per_clip=1)
    return replace(config, task_shares={task: 1.0}, phases=(phase,), losses=NOISE_ALONE)


def _arm_name(name: str, seed: int) -> str:
    return f"{name}-{seed}"


def _score(
    clip: HeldOutClip, models: Mapping[str, Model], seeds: Sequence[int], finder: FivePointFinder
) -> Scores:
    """Return the figures of the input and of every condition, by "measure|condition|task|seed"."""
    scores: dict[str, float] = {}
    for task in TASKS:
        tasks = frozenset({task})
        damaged = clip.damaged(tasks)
        for seed in seeds:
            results: dict[str, Clip] = {}
            for condition in CONDITIONS:
                name = f"single-{task}" if condition.arm == "single" else condition.arm
                model = models[_arm_name(name, seed)]
                seen = as_model_sees(model, damaged.lq, damaged.hole, tasks)
                made = sampled(model, seen, tasks, condition.passes)
                results[condition.label] = put_back(damaged.lq, made, tasks, damaged.hole)
            results[INPUT] = seen
            for label, result in results.items():
                key = f"{label}|{task}|{seed}"
                scores[f"{PSNR}|{key}"] = psnr_db(result, clip.truth, damaged.hole)
                if task == POINTED_TASK:
                    scores[f"{LANDMARKS}|{key}"] = landmark_error(finder, result, clip.points_px)
    return scores


def _arrays(
    scores: Sequence[Scores], seeds: Sequence[int]
) -> Mapping[tuple[str, str, str], NDArray[np.float64]]:
    return {
        (measure, label, task): np.array(
            [[row[f"{measure}|{label}|{task}|{seed}"] for row in scores] for seed in seeds]
        )
        for measure, label, task in measured_keys()
    }


EXPERIMENT = Experiment(
    name="ablation",
    title="What each part of the method adds",
    question="Do several tasks at once, the unified latent loss, the facial prior and the reference each "
    "make the restoration better?",
    run=_run,
    paper_claim=PaperClaim(
        source="SVFR (Wang et al. 2025, arXiv 2501.01235), ablation on VFHQ-test at 512 px, as quoted in "
        "second-hand notes of the paper:",
        columns=("arm", "PSNR BFR, dB", "FVD BFR", "PSNR colorization, dB", "FVD inpainting"),
        rows=(
            ("single task", 28.323, 167.31, 22.233, 106.52),
            ("multi task", 28.936, 98.78, 22.921, 101.15),
            ("+ ULR", 29.296, 90.35, 22.987, 93.62),
            ("+ ULR + FPL", 29.563, 89.32, 23.079, 88.35),
        ),
        note="Theirs starts from Stable Video Diffusion and real videos; the numbers cannot be compared with "
        "ours, only the signs of the differences.",
    ),
)
