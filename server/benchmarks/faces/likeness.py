"""How well the preview model's identity encoder tells people apart.

``python -m benchmarks.faces.likeness --portraits FOLDER`` compares each portrait that the model was not
trained with to itself, moved, turned, lit otherwise and degraded; and rendered people to themselves at
another moment, in another pose and expression. It prints how often the most alike of all is the right one,
and of three, the share of pairs in which the same person is more alike than another, and the likeness of the
same and of others.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.faces.finders import Portrait, read
from svfr.eight_bit import eight_bit
from svfr_lab.clips.portraits import held_back_hashes
from svfr_lab.degradation.basic import EVALUATION
from svfr_lab.degradation.degrade import degrade
from svfr_lab.heads.backgrounds import background_bank
from svfr_lab.heads.renderer import FaceRenderer
from svfr_restore.faces.hog import HogDetector
from svfr_restore.faces.likeness import LikenessFinder, alike

Picture = NDArray[np.uint8]
_CROP_PX, _SIDE_IN_FACES = 256, 1.8
_RENDERED_SEED = 50_000_000


def main() -> None:
    """Print how alike the same people and others are."""
    parser = argparse.ArgumentParser(description="Measure the likeness of faces.")
    parser.add_argument("--portraits", type=Path, help="a folder of portraits, JPEG")
    parser.add_argument("--rendered", type=int, default=40, help="how many people are rendered")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    finder, rng = LikenessFinder(), np.random.default_rng(4)
    if asked.portraits is not None:
        crops = [(_crop(person), _crop(person, rng)) for person in _held_back(asked.portraits)]
        _print("portraits", finder, [(clean, _otherwise(moved, rng)) for clean, moved in crops], rng)
    _print("rendered", finder, _rendered(asked.rendered), rng)


def _held_back(folder: Path) -> list[Portrait]:
    """Return the portraits of a folder that the model was not trained with and HOG finds the face of."""
    hashes = held_back_hashes()
    files = [f for f in sorted(folder.glob("*.jpg")) if hashlib.sha256(f.read_bytes()).hexdigest() in hashes]
    return _with_one_face([read(file) for file in files])


def _rendered(count: int) -> list[tuple[Picture, Picture]]:
    renderer = FaceRenderer(256, background_bank(seed=11, count=8))
    pairs = []
    for seed in range(_RENDERED_SEED, _RENDERED_SEED + count):
        both = _with_one_face(list(renderer.render_clip(seed, 1, 1).frames))
        if len(both) == 2:
            pairs.append((_crop(both[0]), _crop(both[1])))
    renderer.close()
    return pairs


def _with_one_face(pictures: list[Picture]) -> list[Portrait]:
    hog = HogDetector()
    found = [(picture, hog.detect(picture)) for picture in pictures]
    return [Portrait(picture, boxes[0]) for picture, boxes in found if len(boxes) == 1]


def _crop(person: Portrait, rng: np.random.Generator | None = None) -> Picture:
    """Return the crop of a face as a job cuts it, with ``rng`` a little off and turned."""
    angle, scale, shift = 0.0, 1.0, np.zeros(2)
    if rng is not None:
        angle, scale, shift = rng.uniform(-12, 12), rng.uniform(0.92, 1.1), rng.uniform(-0.05, 0.05, 2)
    box = person.box
    middle = np.array([box.centre_x, box.centre_y]) + shift * box.width
    matrix = cv2.getRotationMatrix2D(tuple(middle), angle, _CROP_PX / (_SIDE_IN_FACES * box.width * scale))
    matrix[:, 2] = matrix[:, 2] + _CROP_PX / 2 - middle
    crop = cv2.warpAffine(person.picture, matrix, (_CROP_PX, _CROP_PX), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(crop, np.uint8)


def _otherwise(crop: Picture, rng: np.random.Generator) -> Picture:
    """Return a crop in other light, degraded as footage is."""
    lit = np.clip(crop * (rng.uniform(0.6, 1.3) * rng.uniform(0.9, 1.1, 3)), 0, 255)
    codes = (lit / 255)[None].astype(np.float32)
    return eight_bit(degrade(codes, frozenset({"bfr"}), rng, EVALUATION).lq[0])


def _print(
    name: str, finder: LikenessFinder, pairs: list[tuple[Picture, Picture]], rng: np.random.Generator
) -> None:
    found = [(finder.portrait(one), finder.portrait(other)) for one, other in pairs]
    known = [(one, other) for one, other in found if one is not None and other is not None]
    likeness = np.array([[alike(other, one) for one, _ in known] for _, other in known])
    same, rest = np.diag(likeness), likeness[~np.eye(len(known), dtype=bool)].reshape(len(known), -1)
    two = np.stack([rng.choice(row, (100, 2)).max(1) for row in rest])
    print(
        f"{name}: {len(known)} of {len(pairs)} people; the right one most alike of all "
        f"{100 * np.mean(same > rest.max(1)):.0f} %, of three {100 * np.mean(same[:, None] > two):.0f} %; "
        f"pairs in order {100 * np.mean(same[:, None] > rest.reshape(1, -1)):.1f} %; likeness of the "
        f"same, median {np.median(same):.2f} and lowest tenth {np.quantile(same, 0.1):.2f}; of others, "
        f"median {np.median(rest):.2f} and highest hundredth {np.quantile(rest, 0.99):.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
