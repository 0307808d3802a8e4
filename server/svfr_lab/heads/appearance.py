"""What a rendered face looks like: colours, hair, clothes, glasses, light and wall, drawn at random.

A field of :class:`FaceAppearance` or :class:`Wall` is the uniform of the same name in
:mod:`svfr_lab.heads.shaders`. Colours are linear RGB where they meet light (1 = white under light 1).
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Rgb: TypeAlias = tuple[float, float, float]

_HAIR_RGB = np.array(
    [
        (0.02, 0.015, 0.01),
        (0.06, 0.03, 0.015),
        (0.13, 0.07, 0.03),
        (0.42, 0.27, 0.11),
        (0.25, 0.08, 0.03),
        (0.38, 0.37, 0.36),
    ]
)
DARK_HAIR_RGB = _HAIR_RGB[:2]
"""Black and dark brown hair."""
_HAIR_SHARE = (0.35, 0.22, 0.18, 0.10, 0.06, 0.09)
_IRIS_RGB = np.array([(0.10, 0.045, 0.02), (0.08, 0.16, 0.28), (0.10, 0.17, 0.08)])
_IRIS_SHARE = (0.60, 0.25, 0.15)
_PALEST_SKIN_RGB = np.array([0.80, 0.56, 0.44])
_MELANIN_ABSORPTION = np.array([0.75, 1.0, 1.15])


@dataclass(frozen=True)
class FaceAppearance:
    """Everything the head shader needs beside geometry.

    Amounts are 0..1 unless said otherwise. ``hair_style`` up to 0.12 is bald, above 0.62 long hair is shown;
    ``hair_length``, ``neckline_*`` and ``glasses_*`` lengths are decimetres of the rest mesh;
    ``clothes_pattern`` chooses plain (below 0.4), rings, stripes (from 0.6) or blotches (from 0.8).
    ``key_direction`` and ``fill_direction`` are unit vectors towards the lights.
    """

    skin_rgb: Rgb
    lip_rgb: Rgb
    hair_rgb: Rgb
    iris_rgb: Rgb
    noise_seed: float
    specular: float
    freckles: float
    blush: float
    eye_shadow: float
    beard: float
    hair_style: float
    fringe_depth: float
    hair_length: float
    clothes_rgb_1: Rgb
    clothes_rgb_2: Rgb
    neckline_below_eyes: float
    neckline_drop: float
    neckline_narrowness: float
    clothes_pattern: float
    glasses_worn: float
    glasses_radius: float
    glasses_rim: float
    glasses_aspect: float
    glasses_rgb: Rgb
    key_direction: Rgb
    fill_direction: Rgb
    key_rgb: Rgb
    fill_rgb: Rgb
    ambient_rgb: Rgb


@dataclass(frozen=True)
class Wall:
    """A plain wall: five colours, four shapes (centre x, y and half extents, image = -1..1), a ripple."""

    wall_rgb: tuple[Rgb, ...]
    wall_shapes: tuple[tuple[float, float, float, float], ...]
    wall_ripple: float


@dataclass(frozen=True)
class Backdrop:
    """A slowly moving crop of an image of the bank.

    ``image`` its number · ``crop`` the crop's side as a share of the image · ``origin`` (2,) position of the
    crop in the free range, 0..1 · ``drift`` (2,) change of the origin per frame · ``gain`` brightness factor.
    """

    image: int
    crop: float
    origin: NDArray[np.float64]
    drift: NDArray[np.float64]
    gain: float


def draw_appearance(rng: np.random.Generator) -> FaceAppearance:
    """Return a random look; skin covers the human range, hair and eyes their rough frequencies."""
    skin = _draw_skin(rng)
    clothes = rng.uniform(0.02, 0.9, (2, 1)) * (1 + rng.normal(0, 0.25, (2, 3)) * rng.uniform(0, 1))
    key = rng.uniform(0.5, 1.1)
    return FaceAppearance(
        skin_rgb=_rgb(skin),
        lip_rgb=_rgb(_draw_lips(skin, rng)),
        hair_rgb=_rgb(_HAIR_RGB[rng.choice(len(_HAIR_RGB), p=_HAIR_SHARE)] * rng.uniform(0.6, 1.5)),
        iris_rgb=_rgb(_IRIS_RGB[rng.choice(len(_IRIS_RGB), p=_IRIS_SHARE)] * rng.uniform(0.7, 1.4)),
        noise_seed=float(rng.random()),
        specular=float(rng.uniform(0.2, 1.6)),
        freckles=float(rng.uniform(0, 0.5) * (rng.random() < 0.3)),
        blush=float(rng.uniform(0, 1)),
        eye_shadow=float(rng.uniform(0.2, 1)),
        beard=float(rng.uniform(0.3, 1) * (rng.random() < 0.25)),
        hair_style=float(rng.random()),
        fringe_depth=float(rng.uniform(0, 1)),
        hair_length=float(rng.uniform(0.2, 2.2)),
        clothes_rgb_1=_rgb(clothes[0]),
        clothes_rgb_2=_rgb(clothes[1]),
        neckline_below_eyes=float(rng.uniform(1.55, 2.3)),
        neckline_drop=float(rng.uniform(0, 0.5)),
        neckline_narrowness=float(rng.uniform(0.5, 3)),
        clothes_pattern=float(rng.random()),
        glasses_worn=float(rng.random() < 0.15),
        glasses_radius=float(rng.uniform(0.28, 0.42)),
        glasses_rim=float(rng.uniform(0.02, 0.05)),
        glasses_aspect=float(rng.uniform(0.9, 1.5)),
        glasses_rgb=_rgb(rng.uniform(0.01, 0.12) * (1 + rng.normal(0, 0.3, 3))),
        key_direction=_draw_light_direction(rng),
        fill_direction=_draw_light_direction(rng),
        key_rgb=_rgb(key * _tint(rng, 0.08)),
        fill_rgb=_rgb(rng.uniform(0, 0.35) * _tint(rng, 0.2)),
        ambient_rgb=_rgb(rng.uniform(0.12, 0.45) * _tint(rng, 0.08)),
    )


def draw_wall(rng: np.random.Generator) -> Wall:
    """Return a random wall; its colours share one brightness range and one saturation."""
    colours = rng.uniform(0, 1, (5, 3)) * rng.uniform(0.2, 1)
    grey = colours.mean(axis=1, keepdims=True)
    colours = grey + (colours - grey) * rng.uniform(0, 1)
    shapes = np.concatenate([rng.uniform(-1, 1, (4, 2)), rng.uniform(0.1, 0.6, (4, 2))], axis=1)
    return Wall(
        wall_rgb=tuple(_rgb(colour) for colour in colours),
        wall_shapes=tuple((float(s[0]), float(s[1]), float(s[2]), float(s[3])) for s in shapes),
        wall_ripple=float(rng.uniform(0, 25) * (rng.random() < 0.3)),
    )


def draw_backdrop(rng: np.random.Generator, bank_count: int) -> Backdrop:
    """Return a random crop of one of ``bank_count`` background images and how it drifts."""
    return Backdrop(
        image=int(rng.integers(bank_count)),
        crop=float(rng.uniform(0.5, 1.0)),
        origin=rng.uniform(0, 1, 2),
        drift=rng.normal(0, 0.006, 2),
        gain=float(rng.uniform(0.5, 1.1)),
    )


def _draw_skin(rng: np.random.Generator) -> NDArray[np.float64]:
    melanin = rng.uniform(0, 1.5) ** 1.3
    return (_PALEST_SKIN_RGB * np.exp(-melanin * _MELANIN_ABSORPTION) * rng.uniform(0.9, 1.15)) ** 1.3


def _draw_lips(skin: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    if rng.random() < 0.7:
        return skin * [1.0, 0.55, 0.55] * rng.uniform(0.7, 1.1)
    return np.array([0.5, 0.06, 0.09]) * rng.uniform(0.6, 1.2)


def _draw_light_direction(rng: np.random.Generator) -> Rgb:
    direction = rng.normal(0, 1, 3) * [1, 0.7, 0.5] + [0, 0.5, 0.9]
    return _rgb(direction / np.linalg.norm(direction))


def _tint(rng: np.random.Generator, spread: float) -> NDArray[np.float64]:
    return 1 + rng.normal(0, spread, 3)


def _rgb(values: NDArray[np.float64]) -> Rgb:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
