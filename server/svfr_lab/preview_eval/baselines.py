"""What a model must beat: the best that simple methods do, tuned on training clips.

For BFR bicubic enlargement, alone and after a tuned spatial denoiser with a 3-tap temporal mean; for colorize
one constant tint and a cubic of luma; for inpaint a flat fill, Navier-Stokes, Telea at three radii, and the
mean of the two that a preview model starts from. An untuned baseline flatters a model: the temporal mean
alone is worth 0.2 dB, and any colour at all beats grey.

``python -m svfr_lab.preview_eval.baselines --train DIR --eval DIR --out FILE`` tunes on the first training
clips, applies the result to the frozen split and writes the tuned parameters, a table and the PSNR of every
clip.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from svfr.arrays import Float32
from svfr.eight_bit import eight_bit
from svfr.luma import luma_601
from svfr.sampling.network_input import fill_blend
from svfr_client.files import write_whole
from svfr_lab.degradation.basic import EVALUATION
from svfr_lab.degradation.degrade import Degraded, degrade
from svfr_lab.degradation.resample import enlarge
from svfr_lab.errors import ArgumentOutOfRange, RenderedFolderIsUnusable
from svfr_lab.heads.dataset import open_rendered_folder
from svfr_lab.metrics.psnr_ssim import psnr_db
from svfr_lab.preview_eval.split import FROZEN_TASKS, EvaluationSplit, open_evaluation_split

BASELINES_PATH = Path(__file__).parent / "data" / "baselines.json"

_TUNING_CLIPS = 60
_TUNING_SEED = 3
_COLOUR_CLIPS = 400

Method: TypeAlias = Callable[[Degraded], Float32]


@dataclass(frozen=True)
class Denoiser:
    """A spatial denoiser of one small 8-bit frame.

    ``strength`` is in pixels of sigma for ``gaussian``, in code values of 255 for ``nlm`` and ``bilateral``;
    ``sigma_px`` is the spatial sigma of ``bilateral``.
    """

    kind: Literal["none", "gaussian", "nlm", "bilateral"]
    strength: float = 0.0
    sigma_px: float = 0.0

    def __call__(self, frame: Float32) -> Float32:
        """Return ``frame`` (h, w, 3), float32 in 0..1, denoised."""
        if self.kind == "none":
            return frame
        codes = eight_bit(frame)
        if self.kind == "gaussian":
            smooth = cv2.GaussianBlur(codes, (0, 0), self.strength)
        elif self.kind == "nlm":
            smooth = cv2.fastNlMeansDenoisingColored(codes, None, self.strength, self.strength, 3, 9)
        else:
            smooth = cv2.bilateralFilter(codes, 5, self.strength, self.sigma_px)
        return np.asarray(smooth, np.float32) / np.float32(255)


@dataclass(frozen=True)
class DenoiseAndEnlarge:
    """Denoise each small frame, mix in ``neighbour_weight`` of each neighbour frame, enlarge with bicubic."""

    denoiser: Denoiser
    neighbour_weight: float

    def __call__(self, degraded: Degraded) -> Float32:
        """Return the enlarged clip (F, H, W, 3) in 0..1; raises unless ``degraded`` was damaged for bfr."""
        small = degraded.low_resolution
        if small is None:
            raise ArgumentOutOfRange("This clip has no small frames.", remedy="Degrade it for bfr first.")
        denoised = np.stack([self.denoiser(frame) for frame in small])
        height, width = degraded.lq.shape[1:3]
        return enlarge(temporal_mean(denoised, self.neighbour_weight), height, width)


DENOISERS: tuple[Denoiser, ...] = (
    Denoiser("none"),
    *(Denoiser("gaussian", sigma) for sigma in (0.3, 0.4, 0.5, 0.6, 0.7, 0.85)),
    *(Denoiser("nlm", h) for h in (3, 5, 7, 10)),
    *(Denoiser("bilateral", sc, ss) for sc in (12, 20, 30, 45) for ss in (0.8, 1.5)),
)
NEIGHBOUR_WEIGHTS = (0.0, 0.1, 0.2, 0.3, 1 / 3)

BFR_GRID: tuple[DenoiseAndEnlarge, ...] = tuple(
    DenoiseAndEnlarge(denoiser, weight) for denoiser in DENOISERS for weight in NEIGHBOUR_WEIGHTS
)
"""Space and time are searched together: the best filter with neighbours is weaker than the best without."""


@dataclass(frozen=True)
class ColourFit:
    """Colour guessed from luma alone, fitted on training clips.

    ``tint`` is the mean of RGB minus luma; ``cubic`` (4, 3) the least-squares coefficients of 1, y, y^2, y^3.
    """

    tint: tuple[float, ...]
    cubic: tuple[tuple[float, ...], ...]

    def add_tint(self, degraded: Degraded) -> Float32:
        """Return the grey clip with the constant tint added."""
        return np.clip(degraded.lq + np.array(self.tint, np.float32), 0, 1)

    def apply_cubic(self, degraded: Degraded) -> Float32:
        """Return the grey clip with each pixel's colour taken from its luma."""
        coefficients = np.array(self.cubic, np.float32)
        return np.clip(_luma_powers(degraded.lq[..., 0]) @ coefficients, 0, 1).astype(np.float32)


def temporal_mean(frames: Float32, neighbour_weight: float) -> Float32:
    """Return the 3-tap weighted mean over time of ``frames`` (F, ...); the ends are their own neighbours."""
    padded = np.concatenate([frames[:1], frames, frames[-1:]])
    w = np.float32(neighbour_weight)
    mixed = padded[:-2] * w + padded[1:-1] * (1 - 2 * w) + padded[2:] * w
    return mixed.astype(np.float32, copy=False)


def tune_bfr(clips: NDArray[np.uint8]) -> tuple[DenoiseAndEnlarge, dict[str, float]]:
    """Return the best entry of :data:`BFR_GRID` on ``clips`` (N, F, H, W, 3) and everyone's mean PSNR."""
    rng = np.random.default_rng(_TUNING_SEED)
    totals = dict.fromkeys(BFR_GRID, 0.0)
    for frames in clips:
        truth = frames.astype(np.float32) / np.float32(255)
        degraded = degrade(truth, frozenset({"bfr"}), rng, EVALUATION)
        for candidate in BFR_GRID:
            totals[candidate] += psnr_db(candidate(degraded), truth) / len(clips)
    best = max(totals, key=lambda candidate: totals[candidate])
    return best, {_grid_name(candidate): round(score, 3) for candidate, score in totals.items()}


def fit_colour(clips: NDArray[np.uint8]) -> ColourFit:
    """Fit :class:`ColourFit` to every 17th pixel of every fourth frame of ``clips`` (N, F, H, W, 3)."""
    pixels = clips[:, ::4].reshape(-1, 3)[::17].astype(np.float32) / np.float32(255)
    luma = luma_601(pixels)
    cubic, *_ = np.linalg.lstsq(_luma_powers(luma[:, 0]), pixels, rcond=None)
    return ColourFit(tuple((pixels - luma).mean(axis=0).tolist()), tuple(map(tuple, cubic.tolist())))


def fill_mean(degraded: Degraded) -> Float32:
    """Return the clip with its hole filled with the mean colour of everything known."""
    hole = _hole(degraded)
    filled = degraded.lq.copy()
    filled[:, hole] = degraded.lq[:, ~hole].mean(axis=(0, 1))
    return filled


def fill_from_edge(degraded: Degraded, method: int, radius_px: int) -> Float32:
    """Return the clip with its hole continued from the edge by an OpenCV ``INPAINT_*`` method.

    Each frame is filled alone; pixels outside the hole keep their exact values.
    """
    hole = _hole(degraded)
    filled = [
        cv2.inpaint(frame, hole.astype(np.uint8), radius_px, method) for frame in eight_bit(degraded.lq)
    ]
    return np.where(hole[..., None], np.stack(filled).astype(np.float32) / np.float32(255), degraded.lq)


def fill_by_two(degraded: Degraded) -> Float32:
    """Return the clip with its hole filled as a preview model is given it, before any network."""
    hole = _hole(degraded)
    return np.stack([fill_blend(frame, hole) for frame in degraded.lq])


def baseline_methods(bfr: DenoiseAndEnlarge, colour: ColourFit) -> dict[str, dict[str, Method]]:
    """Return every baseline by task and name; ``input`` is the damaged clip itself."""
    return {
        "bfr": {"bicubic": lambda d: d.lq, "denoised": bfr},
        "colorize": {"input": lambda d: d.lq, "tint": colour.add_tint, "luma_cubic": colour.apply_cubic},
        "inpaint": {
            "input": lambda d: d.lq,
            "mean": fill_mean,
            "navier_stokes_3": lambda d: fill_from_edge(d, cv2.INPAINT_NS, 3),
            "telea_3": lambda d: fill_from_edge(d, cv2.INPAINT_TELEA, 3),
            "telea_5": lambda d: fill_from_edge(d, cv2.INPAINT_TELEA, 5),
            "telea_10": lambda d: fill_from_edge(d, cv2.INPAINT_TELEA, 10),
            "blend": fill_by_two,
        },
    }


def score_baselines(
    split: EvaluationSplit, methods: dict[str, dict[str, Method]]
) -> dict[str, dict[str, list[float]]]:
    """Return the PSNR in dB of every clip, by task and method; for inpaint inside the hole only."""
    scores: dict[str, dict[str, list[float]]] = {}
    for task in FROZEN_TASKS:
        by_method: dict[str, list[float]] = {name: [] for name in methods[task]}
        for sample in split.samples(frozenset({task})):
            for name, method in methods[task].items():
                result = method(sample.degraded)
                by_method[name].append(round(psnr_db(result, sample.truth, sample.degraded.hole), 4))
        scores[task] = by_method
    return scores


def measure_baselines(train_folder: Path, eval_folder: Path) -> dict[str, Any]:
    """Tune on the training folder, score on the frozen split; returns what ``baselines.json`` holds."""
    split = open_evaluation_split(eval_folder)
    train = open_rendered_folder(train_folder)
    if len(train.clips) < _COLOUR_CLIPS:
        raise RenderedFolderIsUnusable(
            f"Tuning needs {_COLOUR_CLIPS} training clips, {len(train.clips)} are ready.",
            path=train_folder,
            remedy="Wait for the renderer, or render a larger training set.",
        )
    bfr, grid = tune_bfr(train.clips[:_TUNING_CLIPS])
    colour = fit_colour(train.clips[:_COLOUR_CLIPS])
    per_clip = score_baselines(split, baseline_methods(bfr, colour))
    mean_db = {
        task: {name: round(float(np.mean(values)), 3) for name, values in by_method.items()}
        for task, by_method in per_clip.items()
    }
    return {
        "clips_sha256": split.folder.clips_sha256,
        "train": asdict(train.settings),
        "bfr": asdict(bfr),
        "bfr_grid_db": grid,
        "colour": asdict(colour),
        "mean_db": mean_db,
        "strongest": {task: max(means, key=lambda name: means[name]) for task, means in mean_db.items()},
        "per_clip_db": per_clip,
    }


def _hole(degraded: Degraded) -> NDArray[np.bool_]:
    if degraded.hole is None:
        raise ArgumentOutOfRange("This clip has no hole.", remedy="Degrade it for inpaint first.")
    return degraded.hole


def _luma_powers(luma: Float32) -> Float32:
    return np.stack([np.ones_like(luma), luma, luma**2, luma**3], axis=-1)


def _grid_name(candidate: DenoiseAndEnlarge) -> str:
    denoiser = candidate.denoiser
    return f"{denoiser.kind} {denoiser.strength:g} {denoiser.sigma_px:g} + {candidate.neighbour_weight:.2f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the baselines and write them to a file."""
    parser = argparse.ArgumentParser(description="Tune and measure what a model must beat.")
    parser.add_argument("--train", type=Path, required=True, help="rendered training clips")
    parser.add_argument("--eval", type=Path, required=True, help="the rendered evaluation split")
    parser.add_argument("--out", type=Path, default=BASELINES_PATH)
    asked = parser.parse_args(arguments)
    measured = measure_baselines(asked.train, asked.eval)
    write_whole(asked.out, json.dumps(measured, indent=1) + "\n")
    for task, means in measured["mean_db"].items():
        print(task, *(f"{name} {value:.2f} dB" for name, value in means.items()), sep="  ")


if __name__ == "__main__":
    main()
