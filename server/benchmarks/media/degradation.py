"""How long each set of damage takes for a clip, and how much it leaves: CPU time and PSNR of the input.

``python -m benchmarks.media.degradation --data FOLDER`` takes the first clips of a folder of rendered clips,
one thread. PSNR is that of the task bfr; shares are those of the holes of the task inpaint.
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np

from svfr_client.vocabulary import TASKS
from svfr_lab.degradation.degrade import DegradationRecipe, degrade
from svfr_lab.degradation.registry import RECIPES
from svfr_lab.heads.dataset import open_rendered_folder
from svfr_lab.metrics.psnr_ssim import psnr_db

_PERCENTILES = (5, 50, 95)


def main() -> None:
    """Print a line for each set: milliseconds for all tasks, dB and shares at three percentiles."""
    parser = argparse.ArgumentParser(description="Measure the sets of training damage.")
    parser.add_argument("--data", type=Path, required=True, help="a folder of rendered clips")
    parser.add_argument("--draws", type=int, default=200)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    clips = open_rendered_folder(asked.data).clips
    print(f"{asked.draws} draws on clips of {' x '.join(map(str, clips.shape[1:4]))}; {_PERCENTILES} %")
    for name, recipe in RECIPES.items():
        samples = np.array([_measure(clips[n % len(clips)], recipe, n) for n in range(asked.draws)])
        ms, db, share = (np.percentile(column, _PERCENTILES) for column in samples.T)
        print(
            f"{name:8} mean {samples[:, 0].mean():5.1f} ms, {_formatted(ms, 1)} ms"
            f"   PSNR {_formatted(db, 1)} dB   holes {_formatted(100 * share, 0)} %"
        )


def _measure(clip: np.ndarray, recipe: DegradationRecipe, seed: int) -> tuple[float, float, float]:
    clean = clip.astype(np.float32) / np.float32(255)
    started = time.process_time()
    damaged = degrade(clean, frozenset(TASKS), np.random.default_rng(seed), recipe)
    spent = time.process_time() - started
    quality = degrade(clean, frozenset({"bfr"}), np.random.default_rng(seed), recipe)
    assert damaged.hole is not None
    return 1000 * spent, psnr_db(quality.lq, clean), float(damaged.hole.mean())


def _formatted(values: np.ndarray, digits: int) -> str:
    return " / ".join(f"{value:.{digits}f}" for value in values)


if __name__ == "__main__":
    main()
