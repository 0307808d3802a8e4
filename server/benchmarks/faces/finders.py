"""How many faces the finders see: HOG alone, and together with BlazeFace, in one run.

``python -m benchmarks.faces.finders --portraits FOLDER`` pastes portraits of that folder, or rendered heads
without it, into pictures of 960 x 540 pixels, up to five of one size in each, and degrades them as a whole. A
face counts as found when the middle of a box lies within half a face of its own and its side between 0.45
and 2.2 times its own; its own is what HOG finds in the undegraded portrait. False finds are counted on
pictures without faces: pieces of scikit-image's photographs, patterns, rendered backgrounds, and what the
portraits show below the chin. Both are also printed for other least scores than the product's, which is 0.
With all its pictures it takes some 40 minutes on a busy machine.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path

import cv2
import numpy as np
import skimage
from PIL import Image

from svfr.arrays import UInt8
from svfr.eight_bit import eight_bit
from svfr_lab.degradation.basic import EVALUATION
from svfr_lab.degradation.degrade import DegradationRecipe, degrade
from svfr_lab.degradation.registry import FILM, RICH
from svfr_lab.heads.backgrounds import background_bank
from svfr_lab.heads.renderer import FaceRenderer
from svfr_restore.faces.box import FaceBox
from svfr_restore.faces.detector import FaceDetector
from svfr_restore.faces.hog import HogDetector

Finder = Callable[[UInt8], list[FaceBox]]

LEAST_SCORES = (-0.5, -0.375, -0.25, -0.125, 0.0, 0.125, 0.25, 0.5)

SIZES_PX = (24, 40, 64, 100, 200)
WIDTH, HEIGHT = 960, 540
_MOST_IN_A_PICTURE = 5
_PORTRAIT_IN_FACES = 2.2
_CONDITIONS = ("clean", "bfr", "film", "rich", "tilted 30", "tilted 60", "eyes covered", "mouth covered")
_RECIPES: Mapping[str, DegradationRecipe] = {"bfr": EVALUATION, "film": FILM, "rich": RICH}
_PHOTOS = (
    "brick",
    "cell",
    "chelsea",
    "coffee",
    "coins",
    "grass",
    "gravel",
    "hubble_deep_field",
    "ihc",
    "moon",
    "motorcycle_left",
    "page",
    "retina",
    "rocket",
    "text",
)
_PHOTO_FOLDER = Path(skimage.__file__).parent / "data"
_FALSE_SIZE = (640, 360)


@dataclass(frozen=True)
class Portrait:
    """A picture of one face and the box that HOG finds in it."""

    picture: UInt8
    box: FaceBox

    def at_size(self, side_px: int) -> UInt8:
        """Return the square around the face, whose box has so many pixels a side."""
        half = _PORTRAIT_IN_FACES / 2 * self.box.width
        scale = side_px / self.box.width
        out = round(_PORTRAIT_IN_FACES * side_px)
        shift = [-scale * (self.box.centre_x - half), -scale * (self.box.centre_y - half)]
        matrix = np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]]])
        blurred = cv2.GaussianBlur(self.picture, (0, 0), 0.4 / scale) if scale < 0.8 else self.picture
        return np.asarray(
            cv2.warpAffine(blurred, matrix, (out, out), borderMode=cv2.BORDER_REPLICATE), np.uint8
        )


def portraits(folder: Path | None, count: int) -> list[Portrait]:
    """Return portraits whose one face HOG finds: of a folder, else rendered."""
    if folder is None:
        renderer = FaceRenderer(256, background_bank(seed=11, count=8))
        pictures = [renderer.render_clip(40_000_000 + seed, 1).frames[0] for seed in range(count)]
        renderer.close()
    else:
        files = sorted(folder.glob("*.jpg"))[:count]
        pictures = [read(file) for file in files]
    hog = HogDetector()
    found = [(picture, hog.detect(picture)) for picture in pictures]
    return [Portrait(picture, boxes[0]) for picture, boxes in found if len(boxes) == 1]


def places(side_px: int) -> list[tuple[int, int]]:
    """Return where the middles of the faces of one picture lie, spread over its width."""
    room = _PORTRAIT_IN_FACES * side_px
    count = min(_MOST_IN_A_PICTURE, int(WIDTH // room))
    across = (np.arange(count) + 0.5) * WIDTH / count
    down = HEIGHT / 2 + np.array([-0.7, 0.6, -0.3, 0.8, 0.1])[:count] * (HEIGHT - room) / 2
    return [(round(x), round(y)) for x, y in zip(across, down, strict=True)]


def pasted(people: list[Portrait], side_px: int, condition: str, index: int, background: UInt8) -> UInt8:
    """Return one picture with a person at each of its places."""
    rng = np.random.default_rng([5, side_px, index])
    canvas = np.array(cv2.resize(background, (WIDTH, HEIGHT)), np.uint8)
    for (x, y), person in zip(places(side_px), people, strict=False):
        face = _changed(person.at_size(side_px), condition, rng)
        top, left = y - face.shape[0] // 2, x - face.shape[1] // 2
        canvas[top : top + face.shape[0], left : left + face.shape[1]] = face
    if condition in _RECIPES:
        codes = canvas[None].astype(np.float32) / np.float32(255)
        canvas = eight_bit(degrade(codes, frozenset({"bfr"}), rng, _RECIPES[condition]).lq[0])
    return np.ascontiguousarray(canvas)


def _changed(face: UInt8, condition: str, rng: np.random.Generator) -> UInt8:
    """Return a square picture of a face turned in its plane, or with a part of it covered."""
    side = face.shape[0]
    if condition.startswith("tilted"):
        angle = float(condition.split()[1]) * (1 if rng.random() < 0.5 else -1)
        matrix = cv2.getRotationMatrix2D((side / 2, side / 2), angle, 1.0)
        turned = cv2.warpAffine(face, matrix, (side, side), borderMode=cv2.BORDER_REFLECT)
        return np.asarray(turned, np.uint8)
    if condition.endswith("covered"):
        face = face.copy()
        rows = (0.38, 0.5) if condition.startswith("eyes") else (0.58, 0.72)
        face[round(rows[0] * side) : round(rows[1] * side), round(0.22 * side) : round(0.78 * side)] = (
            rng.integers(30, 200, 3)
        )
    return face


def best_score(boxes: list[FaceBox], place: tuple[int, int], side: int) -> float:
    """Return the highest score of the boxes that are the face's, minus infinity where none is."""
    scores = [
        box.score
        for box in boxes
        if max(abs(box.centre_x - place[0]), abs(box.centre_y - place[1])) < side / 2
        and 0.45 < (box.area**0.5) / side < 2.2
    ]
    return max(scores, default=-np.inf)


def without_faces(count: int, folder: Path | None = None, seed: int = 8) -> Iterator[UInt8]:
    """Yield pictures that show no face: rendered backgrounds, patterns, pieces of photographs.

    With a folder of portraits also what lies below their faces: suits, ties, hands and flags.
    """
    rng = np.random.default_rng(seed)
    photos = [read(path) for name in _PHOTOS for path in sorted(_PHOTO_FOLDER.glob(f"{name}.*"))]
    backgrounds = background_bank(seed=seed + 5, count=max(1, -(-count // 5)))
    below = _below_faces(folder)
    for index in range(count):
        kind = index % 5
        if kind == 0:
            yield _as_large(backgrounds[index // 5])
        elif kind == 1:
            yield _as_large(_pattern(rng))
        elif kind == 2 and (piece := next(below, None)) is not None:
            yield _as_large(piece)
        else:
            photo = photos[int(rng.integers(len(photos)))]
            share = rng.uniform(0.3, 1.0)
            height, width = (max(8, int(side * share)) for side in photo.shape[:2])
            top, left = rng.integers(photo.shape[0] - height + 1), rng.integers(photo.shape[1] - width + 1)
            yield _as_large(photo[top : top + height, left : left + width][:, :: rng.choice([-1, 1])])


def _as_large(picture: UInt8) -> UInt8:
    resized = cv2.resize(np.ascontiguousarray(picture), _FALSE_SIZE)
    return np.ascontiguousarray(resized).astype(np.uint8)


def _below_faces(folder: Path | None) -> Iterator[UInt8]:
    """Yield what portraits show below the chin, the last portraits first: the first ones are pasted."""
    hog = HogDetector()
    for file in [] if folder is None else sorted(folder.glob("*.jpg"), reverse=True):
        picture = read(file)
        boxes = hog.detect(picture)
        if len(boxes) != 1:
            continue
        rows = picture[round(boxes[0].y + 1.25 * boxes[0].height) :]
        if rows.shape[0] >= picture.shape[0] // 6:
            yield rows


def _pattern(rng: np.random.Generator) -> UInt8:
    """Return blobs, stripes or squares of random size in two colours: what eyes may be seen in."""
    width, height = _FALSE_SIZE
    cells = int(rng.integers(6, 60))
    kind = int(rng.integers(3))
    if kind == 0:
        field = rng.random((cells, round(cells * width / height)))
    elif kind == 1:
        field = np.sin(np.linspace(0, cells, width) * np.pi + rng.random()) * np.ones((height, 1)) / 2 + 0.5
    else:
        field = ((np.arange(cells)[:, None] + np.arange(round(cells * width / height))) % 2).astype(float)
    way = cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_NEAREST
    large = cv2.resize(field, _FALSE_SIZE, interpolation=way)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(rng.uniform(0, 180)), 1.5)
    turned = np.clip(cv2.warpAffine(large, turn, _FALSE_SIZE, borderMode=cv2.BORDER_REFLECT), 0, 1)
    colours = rng.integers(0, 256, (2, 3))
    mixed = turned[..., None] * colours[0] + (1 - turned[..., None]) * colours[1]
    return eight_bit(np.asarray(mixed / 255 + rng.normal(0, 0.02, mixed.shape), np.float32))


def read(path: Path) -> UInt8:
    """Return a picture file as RGB."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), np.uint8)


def main() -> None:
    """Print the shares of faces found, the false finds, and the time a frame takes."""
    parser = argparse.ArgumentParser(description="Measure the face finders.")
    parser.add_argument("--portraits", type=Path, help="a folder of portraits, JPEG; else heads are rendered")
    parser.add_argument("--pictures", type=int, default=12, help="pictures of each size and condition")
    parser.add_argument("--conditions", nargs="*", default=_CONDITIONS)
    parser.add_argument("--without", type=int, default=500, help="pictures without a face")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    started = time.monotonic()
    finders: Mapping[str, Finder] = {"HOG": HogDetector().detect, "together": FaceDetector().sightings}
    people = portraits(asked.portraits, 5 * asked.pictures)
    print(f"{len(people)} people; found, %, at {', '.join(map(str, SIZES_PX))} px")
    found = {condition: _found(finders, people, condition, asked.pictures) for condition in asked.conditions}
    false = _false_finds(finders, asked.without, asked.portraits)
    _print_curves(found, false, asked.without)
    _speed({"HOG": HogDetector().detect, "together": FaceDetector().detect})
    print(f"{(time.monotonic() - started) / 60:.0f} minutes")


def _found(
    finders: Mapping[str, Finder], people: list[Portrait], condition: str, count: int
) -> dict[str, list[float]]:
    """Print one condition; return for each finder the best score that each face was found with."""
    backgrounds = background_bank(seed=12, count=16)
    best: dict[tuple[str, int], list[float]] = {}
    for side, index in product(SIZES_PX, range(count)):
        there = places(side)
        some = [people[(5 * index + place) % len(people)] for place in range(len(there))]
        picture = pasted(some, side, condition, index, backgrounds[index % len(backgrounds)])
        for name, find in finders.items():
            boxes = find(picture)
            best.setdefault((name, side), []).extend(best_score(boxes, place, side) for place in there)
    for name in finders:
        shares = " ".join(f"{100 * np.mean(np.array(best[name, side]) >= 0):5.0f}" for side in SIZES_PX)
        print(f"{condition:<14}{name:<10}{shares}", flush=True)
    return {name: [score for side in SIZES_PX for score in best[name, side]] for name in finders}


def _false_finds(finders: Mapping[str, Finder], count: int, folder: Path | None) -> dict[str, list[float]]:
    """Return the scores of everything that each finder sees in pictures without faces."""
    scores: dict[str, list[float]] = {name: [] for name in finders}
    for picture in without_faces(count, folder):
        for name, find in finders.items():
            scores[name] += [box.score for box in find(picture)]
    return scores


def _print_curves(
    found: Mapping[str, Mapping[str, list[float]]], false: Mapping[str, list[float]], count: int
) -> None:
    print(f"least score: false finds in {count} pictures; found in each condition, %")
    for name, scores in false.items():
        for least in LEAST_SCORES:
            shares = [100 * float(np.mean(np.array(of[name]) >= least)) for of in found.values()]
            false_finds = sum(score >= least for score in scores)
            line = " ".join(f"{share:4.0f}" for share in [*shares, float(np.mean(shares or [0.0]))])
            print(f"{name:<10}{least:6.2f} {false_finds:4d}  {line}", flush=True)


def _speed(finders: Mapping[str, Finder]) -> None:
    """Print processor milliseconds a frame, the median of turns; a face is in the picture."""
    face = cv2.resize(skimage.data.astronaut()[:300, 80:380], (300, 300))
    for width, height in ((1920, 1080), (3840, 2160)):
        plate = np.full((height, width, 3), 90, np.uint8)
        plate[200:500, 900:1200] = face
        spent: dict[str, list[float]] = {name: [] for name in finders}
        for _ in range(4):
            for name, find in finders.items():
                started = time.process_time()
                find(plate)
                spent[name].append(1000 * (time.process_time() - started))
        medians = {name: float(np.median(times[1:])) for name, times in spent.items()}
        ratios = [f"{b / a:.2f}" for a, b in pairwise(medians.values())]
        print(f"{width} x {height}: " + ", ".join(f"{n} {ms:.0f} ms" for n, ms in medians.items()), ratios)


if __name__ == "__main__":
    main()
