"""What a crop should show where colour is asked for: ``python -m svfr_lab.preview_eval.framings ...``.

People held back are coloured in crops of several framings, by jobs on plates that are larger than any of
them. Measured is the same square around the face for all, whether a crop reached it all or not.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from svfr.models.framing_spec import Framing
from svfr_client.job import Box, FaceChoice
from svfr_lab.clips.portraits import read_portrait_list
from svfr_lab.degradation.degrade import degrade
from svfr_lab.metrics.psnr_ssim import psnr_db
from svfr_lab.metrics.statistics import Estimate
from svfr_lab.preview_eval.people import camera, moving_plate
from svfr_lab.preview_eval.runs import run_as_job
from svfr_lab.preview_eval.split import EvaluationSample
from svfr_restore.plan.models import ModelCache

FRAMINGS = (
    Framing(),
    Framing(side_in_faces=2.1),
    Framing(side_in_faces=2.1, upward_in_faces=0.1),
    Framing(side_in_faces=2.3, upward_in_faces=0.15),
)
_FACE_PX, _PLATE_IN_FACES, _MEASURED_IN_FACES, _FRAMES = 107, 2.6, 1.7, 2
_SEED = 9


def box_of(framing: Framing, middle: float) -> Box:
    """Return the square of a framing around a face of 107 px whose middle lies at ``middle`` both ways."""
    side = framing.side_in_faces * _FACE_PX
    return Box(middle - side / 2, middle - side / 2 - framing.upward_in_faces * _FACE_PX, side, side)


def main(arguments: list[str] | None = None) -> None:
    """Colour each person in every framing and print PSNR, person by person and on average."""
    parser = argparse.ArgumentParser(description="Compare framings of crops that are coloured.")
    parser.add_argument("--portraits", type=Path, required=True, help="the list of svfr clips portraits")
    parser.add_argument("--model", default="mini")
    parser.add_argument("--people", type=int, default=10)
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    portraits, cache = read_portrait_list(asked.portraits), ModelCache()
    side = round(_FACE_PX * _PLATE_IN_FACES / 2) * 2
    inner = slice(*(round(side / 2 + end * _MEASURED_IN_FACES / 2 * _FACE_PX) for end in (-1, 1)))
    rows = []
    for number, portrait in enumerate(portraits.held_back[: asked.people]):
        truth = moving_plate(
            portraits, portrait, side_px=side, side_in_faces=_PLATE_IN_FACES, frames=_FRAMES, seed=number
        )
        damage = degrade(truth, frozenset({"colorize"}), np.random.default_rng([_SEED, number]), camera(1.0))
        row = []
        for framing in FRAMINGS:
            faces = FaceChoice("box", boxes=(box_of(framing, side / 2),))
            run = run_as_job(cache, asked.model, "standard", faces=faces)
            made = run(EvaluationSample(number, truth, damage), "colorize")
            row.append(psnr_db(made[:, inner, inner], truth[:, inner, inner]))
        rows.append(row)
        print(number, *(f"{value:.2f}" for value in row), flush=True)
    for framing, values in zip(FRAMINGS, zip(*rows, strict=True), strict=True):
        gain = Estimate.of_difference(values, [row[0] for row in rows]) if len(rows) > 1 else None
        over = (
            "" if gain is None else f", {gain.mean:+.2f} [{gain.low:+.2f}, {gain.high:+.2f}] over the first"
        )
        print(
            f"{framing.side_in_faces:g} faces wide, {framing.upward_in_faces:g} higher:"
            f" {np.mean(values):.2f} dB{over}"
        )


if __name__ == "__main__":
    main()
