"""Grey pictures of portraits, as the colour stage wants them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from svfr.arrays import Float32
from svfr.luma import luma_601
from svfr.training.colour.pictures import ColourBatch
from svfr.training.errors import TrainingDataUnusable
from svfr_lab.clips.drawing_pool import DrawingPool
from svfr_lab.clips.portrait_clips import PortraitStore, graded
from svfr_lab.clips.portrait_motion import draw_motion
from svfr_lab.clips.portraits import read_portrait_list
from svfr_lab.degradation.draws import bernoulli, uniform
from svfr_lab.degradation.grey import draw_grey

_ZOOMS = (0.75, 1.25)
_GRADED = 0.6
# Most film is paler than a studio's photographs, and nobody can tell it from the grey: what is expected of a
# face has to lie between them.
_PALE, _SATURATION = 0.4, (0.4, 1.0)

_people: People | None = None


class People:
    """A list's people at one side: ``learnt`` from, or ``kept_aside``; those it holds back are neither.

    One in ``validation_of`` is kept aside, 0: nobody. Raises TrainingDataUnusable where nobody is left.
    """

    def __init__(self, path: Path, validation_of: int, crop_px: int) -> None:
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

    def draw(self, seed: int) -> tuple[Float32, Float32]:
        """Return somebody's picture (S, S, 3) in 0..1, and what grey footage shows of it (S, S, 1)."""
        rng = np.random.default_rng(seed)
        index = self.learnt[int(rng.integers(len(self.learnt)))]
        motion = draw_motion(rng, self.store.crop_px, 1, zoom=float(rng.uniform(*_ZOOMS)))
        pictures, _ = self.store.moving(index, motion, [0.0])
        if rng.random() < 0.5:
            pictures = pictures[:, :, ::-1]
        if rng.random() < _GRADED:
            pictures = graded(pictures, rng)
        picture = np.ascontiguousarray(np.clip(pictures[0], 0, 1), np.float32)
        grey = draw_grey(picture, rng)
        if bernoulli(rng, _PALE):
            picture = _paler(picture, uniform(rng, _SATURATION))
        return picture, grey

    def aside(self) -> list[tuple[Float32, Float32]]:
        """Return everybody who is kept aside, at rest, and the luma."""
        pictures = [self.store.read(index, [0])[0][0] for index in self.kept_aside]
        return [(picture, np.asarray(luma_601(picture), np.float32)) for picture in pictures]


class GreyPortraits:
    """A :class:`svfr.training.colour.pictures.ColourSource` of moving portraits.

    The people that the list holds back are never drawn nor measured. ``workers`` processes draw, 0: this one
    does; every picture has a generator of its own, so the pictures are the same for any number of them. Where
    processes cannot fork there are none.
    """

    def __init__(self, path: Path, validation_of: int, workers: int = 0) -> None:
        self._path, self._validation_of, self._workers = path, validation_of, workers
        self._people: People | None = None
        self._aside: ColourBatch | None = None
        self._pool: DrawingPool | None = None

    def batch(self, rng: np.random.Generator, count: int, crop_px: int) -> ColourBatch:
        """Draw ``count`` pictures; see :class:`svfr.training.colour.pictures.ColourSource`."""
        people = self._at(crop_px)
        seeds = rng.integers(2**62, size=count).tolist()
        return _batch(self._pool.map(_drawn, seeds) if self._pool else [people.draw(seed) for seed in seeds])

    def aside(self, crop_px: int) -> ColourBatch | None:
        """Return the people who are kept aside; see :class:`svfr.training.colour.pictures.ColourSource`."""
        people = self._at(crop_px)
        if self._aside is None and people.kept_aside:
            self._aside = _batch(people.aside())
        return self._aside

    def _at(self, crop_px: int) -> People:
        """Return the people at a side; a run has few sides, one after the other."""
        if self._people is None or self._people.store.crop_px != crop_px:
            self._people, self._aside = People(self._path, self._validation_of, crop_px), None
            if self._pool is not None:
                self._pool.close()
            if self._workers:
                self._pool = DrawingPool(self._workers, _begin, self._people)
        return self._people


def _paler(picture: Float32, saturation: float) -> Float32:
    """Return a picture of the same luma and so much of its chroma."""
    luma = luma_601(picture)
    return np.asarray(luma + np.float32(saturation) * (picture - luma), np.float32)


def _batch(drawn: list[tuple[Float32, Float32]]) -> ColourBatch:
    clean, grey = (np.stack(pictures).transpose(0, 3, 1, 2) for pictures in zip(*drawn, strict=True))
    return ColourBatch(*(torch.from_numpy(np.ascontiguousarray(planes)) for planes in (clean, grey)))


def _begin(people: People) -> None:
    global _people
    _people = people


def _drawn(seed: int) -> tuple[Float32, Float32]:
    assert _people is not None
    return _people.draw(seed)
