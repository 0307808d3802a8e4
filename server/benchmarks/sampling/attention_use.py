"""What each attention of a preview model brings: PSNR on the frozen split with it and without it.

``python -m benchmarks.sampling.attention_use --model MODEL --eval DIR`` silences every transformer of the
UNet in turn, and then all of them, and restores the first clips in one step without a reference. A
transformer whose output layer is zero passes on what it is given. Operations are those of one evaluation of
the UNet.
"""

import argparse
import copy
import dataclasses
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from diffusers.models.transformers.transformer_temporal import TransformerSpatioTemporalModel

from svfr.models.folder import find_model
from svfr.models.model import Model, load_model
from svfr.models.spec import Preset
from svfr_lab.metrics.psnr_ssim import psnr_db
from svfr_lab.preview_eval.runs import run_alone, task_set
from svfr_lab.preview_eval.split import FROZEN_TASKS, EvaluationSplit, open_evaluation_split
from svfr_restore.plan.compute_cost import window_cost

_ONE_STEP = Preset(1, 1, initial_noise=0.0, guidance=1.0)


def attentions(model: Model) -> dict[str, int]:
    """Return the transformers of the model's UNet and their numbers of parameters."""
    return {
        name: sum(parameter.numel() for parameter in module.parameters())
        for name, module in model.unet.named_modules()
        if isinstance(module, TransformerSpatioTemporalModel)
    }


def without(model: Model, names: list[str]) -> Model:
    """Return ``model`` with these transformers passing on what they are given."""
    unet = copy.deepcopy(model.unet)
    for name in names:
        last = unet.get_submodule(name).get_submodule("proj_out")
        for parameter in last.parameters():
            parameter.data.zero_()
    return dataclasses.replace(model, unet=unet)


def mean_psnr_db(model: Model, split: EvaluationSplit, task: str, clips: int) -> float:
    """Return the mean over the first clips; for inpaint of the hole alone."""
    run = run_alone(model, _ONE_STEP)
    samples = islice(split.samples(task_set(task)), clips)
    return float(np.mean([psnr_db(run(s, task), s.truth, s.degraded.hole) for s in samples]))


def main() -> None:
    """Print a line for each arm: parameters in millions, dB of each task."""
    parser = argparse.ArgumentParser(description="Measure what the attention of a preview model brings.")
    parser.add_argument("--model", default="mini", help="a model folder, or a model's name")
    parser.add_argument("--eval", type=Path, required=True, help="the rendered evaluation split")
    parser.add_argument("--clips", type=int, default=32)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    model, split = load_model(find_model(asked.model)), open_evaluation_split(asked.eval)
    sizes = attentions(model)
    arms = {"whole": [], **{f"without {name}": [name] for name in sizes}, "without all": list(sizes)}
    whole = sum(parameter.numel() for parameter in model.unet.parameters())
    giga = window_cost(model.spec).unet / model.spec.window / 1e9
    print(f"{asked.clips} clips; {whole / 1e6:.2f} million parameters, {giga:.2f} billion operations a frame")
    print("millions of parameters silenced, and PSNR in dB: one step, no reference")
    for arm, names in arms.items():
        silenced = without(model, names)
        scores = [f"{task} {mean_psnr_db(silenced, split, task, asked.clips):.3f}" for task in FROZEN_TASKS]
        print(f"{arm:40} {sum(sizes[n] for n in names) / 1e6:5.2f}  {'  '.join(scores)}", flush=True)


if __name__ == "__main__":
    main()
