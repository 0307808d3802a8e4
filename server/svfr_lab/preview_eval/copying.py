"""Whether a model gives back people it learnt from: ``python -m svfr_lab.preview_eval.copying ...``.

A model that had learnt faces by heart would answer for a stranger with somebody of its training data. Each
person held back is restored, and the embedding of the result is compared with those of everybody who was
trained with. What counts is how near the truth itself lies to the nearest of them: strangers look alike too.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from svfr.arrays import Float64
from svfr.eight_bit import eight_bit
from svfr_client.files import write_whole
from svfr_lab.clips.portrait_motion import SIDE_IN_FACES
from svfr_lab.clips.portraits import Portrait, PortraitList, read_portrait_list
from svfr_lab.errors import ArgumentOutOfRange
from svfr_lab.preview_eval.embedder import NO_EMBEDDER, add_embedder, chosen_embedder
from svfr_lab.preview_eval.face_measures import Embedder
from svfr_lab.preview_eval.people import Bench, crop_samples, moving_plate
from svfr_restore.faces.landmarks import FivePointFinder
from svfr_restore.plan.models import ModelCache

_SIDE_PX = 192
INPUT = "input"
_RATIO = 4.5  # the less there is to see, the more has to be invented


@dataclass(frozen=True)
class Nearest:
    """Distances of embeddings: of a result to its truth, and of both to the nearest person trained with."""

    result_to_truth: float
    result_to_nearest: float
    truth_to_nearest: float

    @property
    def is_somebody_else(self) -> bool:
        """Whether the result is nearer to somebody trained with than to its truth, and than its truth is."""
        return self.result_to_nearest < min(self.result_to_truth, self.truth_to_nearest)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Means over people: the three distances, and how many results look like somebody trained with."""

    people: int
    result_to_truth: float
    result_to_nearest: float
    truth_to_nearest: float
    somebody_else: int


def nearest(result: Float64, truth: Float64, trained: Float64) -> Nearest:
    """Compare embeddings (D,) of a result and its truth with those (N, D) of the people trained with."""
    return Nearest(
        float(np.linalg.norm(result - truth)),
        float(np.linalg.norm(trained - result, axis=1).min()),
        float(np.linalg.norm(trained - truth, axis=1).min()),
    )


def verdict(people: Sequence[Nearest]) -> Verdict:
    """Return the means over one or more people."""

    def mean(values: Iterable[float]) -> float:
        return round(float(np.mean(list(values))), 4)

    return Verdict(
        people=len(people),
        result_to_truth=mean(p.result_to_truth for p in people),
        result_to_nearest=mean(p.result_to_nearest for p in people),
        truth_to_nearest=mean(p.truth_to_nearest for p in people),
        somebody_else=sum(p.is_somebody_else for p in people),
    )


def embedded(portraits: PortraitList, people: Sequence[Portrait], embedder: Embedder) -> Float64:
    """Return the embeddings (N, D) of portraits whose five points are found."""
    finder, rows = FivePointFinder(), []
    for number, portrait in enumerate(people):
        still = moving_plate(
            portraits, portrait, side_px=_SIDE_PX, side_in_faces=SIDE_IN_FACES, frames=1, seed=number
        )[0]
        points = finder.five_points(eight_bit(still))
        if points is not None:
            rows.append(embedder.embedding(still, np.asarray(points, np.float64)))
    return np.stack(rows)


def compare(
    bench: Bench, embedder: Embedder, trained: Float64, task: str, people: int
) -> Iterator[tuple[str, Nearest]]:
    """Yield each model's name with the distances of one person after another.

    The damaged input goes by "input": it has lost who it shows, and copies nobody.
    """
    cache, finder = ModelCache(), FivePointFinder()
    methods = bench.methods(cache)
    for _, sample in crop_samples(bench, task, _RATIO, people):
        middle = len(sample.truth) // 2
        points = finder.five_points(eight_bit(sample.truth[middle]))
        if points is None:
            continue
        at = np.asarray(points, np.float64)
        truth = embedder.embedding(sample.truth[middle], at)
        results = {INPUT: sample.degraded.lq}
        results |= {name: method(sample, task) for name, method in methods.items()}
        for name, result in results.items():
            yield name, nearest(embedder.embedding(result[middle], at), truth, trained)


def show(verdicts: Mapping[str, Verdict]) -> str:
    """Return the verdicts of models as text."""
    return "\n".join(
        f"  {name}: result to truth {v.result_to_truth:.3f}, result to the nearest person trained with"
        f" {v.result_to_nearest:.3f}, truth to the nearest {v.truth_to_nearest:.3f};"
        f" {v.somebody_else} of {v.people} results look more like somebody trained with"
        for name, v in verdicts.items()
    )


def main(arguments: list[str] | None = None) -> None:
    """Restore people held back in each task, print who they look like, and write it."""
    parser = argparse.ArgumentParser(description="Look for people a model learnt by heart.")
    parser.add_argument("--portraits", type=Path, required=True, help="the list of svfr clips portraits")
    parser.add_argument("--out", type=Path, required=True, help="the JSON file to write")
    parser.add_argument("--model", action="append", required=True, help="again for each model")
    parser.add_argument("--people", type=int, default=24)
    parser.add_argument("--tasks", nargs="*", default=["bfr", "inpaint"])
    add_embedder(parser)
    asked = parser.parse_args(arguments)
    embedder = chosen_embedder(asked)
    if embedder is None:
        raise ArgumentOutOfRange(NO_EMBEDDER.reason, remedy=NO_EMBEDDER.remedy)
    portraits = read_portrait_list(asked.portraits)
    bench = Bench({name: (name, None) for name in asked.model}, portraits, embedder)
    trained = embedded(portraits, portraits.trained_with, embedder)
    print(f"{len(trained)} people trained with, by {embedder.name}", flush=True)
    written = {}
    for task in asked.tasks:
        found: dict[str, list[Nearest]] = {name: [] for name in (INPUT, *asked.model)}
        for name, distances in compare(bench, embedder, trained, task, asked.people):
            found[name].append(distances)
        verdicts = {name: verdict(distances) for name, distances in found.items()}
        written[task] = {name: asdict(v) for name, v in verdicts.items()}
        print(f"{task}\n{show(verdicts)}", flush=True)
        write_whole(asked.out, json.dumps(written, indent=1) + "\n")


if __name__ == "__main__":
    main()
