"""Portraits and what is seen of them, as the stages want them that train a network for references."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from svfr.arrays import Float32
from svfr.luma import luma_601
from svfr.training.errors import TrainingDataUnusable
from svfr.training.reference.pictures import PictureBatch
from svfr.training.reference.recipe import Stage
from svfr_lab.clips.drawing_pool import DrawingPool
from svfr_lab.clips.portrait_clips import PortraitStore, graded
from svfr_lab.clips.portrait_motion import draw_motion
from svfr_lab.clips.portraits import read_portrait_list
from svfr_lab.degradation.basic import TRAINING_BROAD, draw_hole
from svfr_lab.degradation.draws import bernoulli, uniform
from svfr_lab.degradation.grey import draw_grey

_ZOOMS = (0.75, 1.25)
_GRADED = 0.6
# Most film is paler than a studio's photographs, and nobody can tell it from the grey: what is expected of a
# face has to lie between them.
_PALE, _SATURATION = 0.4, (0.4, 1.0)
# A hole may be in grey footage too, whose colours are not asked for.
_GREY = 0.1
_HOLES_ASIDE = 2
_ASIDE_SEED = 5

Pair = tuple[Float32, Float32]
"""A picture (S, S, 3) of code values 0 to 1, and the plane (S, S, 1) that says what is seen of it."""

_people: People | None = None


class People:
    """A list's people at one side: ``learnt`` from, or ``kept_aside``; those it holds back are neither.

    One in ``validation_of`` is kept aside, 0: nobody. ``stage`` says what is seen of them.
    Raises TrainingDataUnusable where nobody is left.
    """

    def __init__(self, path: Path, validation_of: int, crop_px: int, stage: Stage = "colour") -> None:
        self._stage = stage
        self.store = PortraitStore(read_portrait_list(path), crop_px)
        everybody = self.store.drawn
        self.kept_aside = [
            i for i in everybody if validation_of and i % validation_of == validation_of * 3 // 4
        ]
        self.learnt = [i for i in everybody if i not in self.kept_aside]
        if not self.learnt:
            raise TrainingDataUnusable(
                "The list has nobody to learn from.", path=path, remedy="List more portraits."
            )

    def draw(self, seed: int) -> Pair:
        """Return somebody's picture, and what is seen of it."""
        rng = np.random.default_rng(seed)
        index = self.learnt[int(rng.integers(len(self.learnt)))]
        motion = draw_motion(rng, self.store.crop_px, 1, zoom=float(rng.uniform(*_ZOOMS)))
        pictures, _ = self.store.moving(index, motion, [0.0])
        if rng.random() < 0.5:
            pictures = pictures[:, :, ::-1]
        if rng.random() < _GRADED:
            pictures = graded(pictures, rng)
        picture = np.ascontiguousarray(np.clip(pictures[0], 0, 1), np.float32)
        return _DRAWN[self._stage](picture, rng)

    def aside(self) -> list[Pair]:
        """Return everybody who is kept aside, at rest: and the luma, or some holes of each."""
        pictures = [self.store.read(index, [0])[0][0] for index in self.kept_aside]
        if self._stage == "colour":
            return [(picture, np.asarray(luma_601(picture), np.float32)) for picture in pictures]
        return [
            (picture, _hole(picture, np.random.default_rng([_ASIDE_SEED, number, hole])))
            for number, picture in enumerate(pictures)
            for hole in range(_HOLES_ASIDE)
        ]


class PortraitPairs:
    """A :class:`svfr.training.reference.pictures.PictureSource` of moving portraits for a ``stage``.

    The people that the list holds back are never drawn nor measured. ``workers`` processes draw, 0: this one
    does; every picture has a generator of its own, so the pictures are the same for any number of them. Where
    processes cannot fork there are none.
    """

    def __init__(self, path: Path, validation_of: int, workers: int = 0, stage: Stage = "colour") -> None:
        self._stage = stage
        self._path, self._validation_of, self._workers = path, validation_of, workers
        self._people: People | None = None
        self._aside: PictureBatch | None = None
        self._pool: DrawingPool | None = None

    def batch(self, rng: np.random.Generator, count: int, crop_px: int) -> PictureBatch:
        """Draw ``count`` pictures; see :class:`svfr.training.reference.pictures.PictureSource`."""
        people = self._at(crop_px)
        seeds = rng.integers(2**62, size=count).tolist()
        return _batch(self._pool.map(_drawn, seeds) if self._pool else [people.draw(seed) for seed in seeds])

    def aside(self, crop_px: int) -> PictureBatch | None:
        """Return the people kept aside; see :class:`svfr.training.reference.pictures.PictureSource`."""
        people = self._at(crop_px)
        if self._aside is None and people.kept_aside:
            self._aside = _batch(people.aside())
        return self._aside

    def _at(self, crop_px: int) -> People:
        """Return the people at a side; a run has few sides, one after the other."""
        if self._people is None or self._people.store.crop_px != crop_px:
            people = People(self._path, self._validation_of, crop_px, self._stage)
            self._people, self._aside = people, None
            if self._pool is not None:
                self._pool.close()
            if self._workers:
                self._pool = DrawingPool(self._workers, _begin, self._people)
        return self._people


def _paler(picture: Float32, saturation: float) -> Float32:
    """Return a picture of the same luma and so much of its chroma."""
    luma = luma_601(picture)
    return np.asarray(luma + np.float32(saturation) * (picture - luma), np.float32)


def _grey_pair(picture: Float32, rng: np.random.Generator) -> Pair:
    """Return a picture, sometimes paler, and what grey footage shows of it."""
    grey = draw_grey(picture, rng)
    if bernoulli(rng, _PALE):
        picture = _paler(picture, uniform(rng, _SATURATION))
    return picture, grey


def _hole_pair(picture: Float32, rng: np.random.Generator) -> Pair:
    """Return a picture, sometimes without colours, and its hole."""
    hole = _hole(picture, rng)
    return (_paler(picture, 0.0) if bernoulli(rng, _GREY) else picture), hole


def _hole(picture: Float32, rng: np.random.Generator) -> Float32:
    side = picture.shape[0]
    return draw_hole(side, side, rng, TRAINING_BROAD)[..., None].astype(np.float32)


_DRAWN: Mapping[Stage, Callable[[Float32, np.random.Generator], Pair]] = {
    "colour": _grey_pair,
    "hole": _hole_pair,
}


def _batch(drawn: list[Pair]) -> PictureBatch:
    clean, seen = (np.stack(pictures).transpose(0, 3, 1, 2) for pictures in zip(*drawn, strict=True))
    return PictureBatch(*(torch.from_numpy(np.ascontiguousarray(planes)) for planes in (clean, seen)))


def _begin(people: People) -> None:
    global _people
    _people = people


def _drawn(seed: int) -> Pair:
    assert _people is not None
    return _people.draw(seed)
